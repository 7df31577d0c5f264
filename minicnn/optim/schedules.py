"""Learning rates that change with time: called with a step, 0 first, they return the rate.

A step is one update of the parameters, so an epoch is ``ceil(images / batch_size)`` steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int], float]


def _positive(name: str, value: float) -> None:
    if not value > 0 or not math.isfinite(value):
        raise ValueError(
            f"{name} is {value}; expected a finite number above 0. Try for example {name}=0.001."
        )


def _steps(name: str, value: int, minimum: int) -> None:
    if value < minimum:
        raise ValueError(
            f"{name} is {value}; expected at least {minimum} steps. "
            "An epoch has ceil(images / batch_size) of them."
        )


@dataclass(frozen=True)
class Constant:
    """Always the same rate."""

    lr: float

    def __post_init__(self) -> None:
        _positive("lr", self.lr)

    def __call__(self, step: int) -> float:  # noqa: ARG002 (every schedule is asked with a step)
        """Return the rate of a step."""
        return self.lr


@dataclass(frozen=True)
class StepDecay:
    """Multiply the rate by ``factor`` every ``every`` steps."""

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _steps("every", self.every, 1)
        _positive("factor", self.factor)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return self.lr * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from ``lr`` down to ``final`` over ``steps`` steps (Loshchilov 2017, eq. 5).

    The first ``warmup`` of the steps rise in a straight line to ``lr``. After the last step the
    rate stays at ``final``.
    """

    lr: float
    steps: int
    warmup: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _steps("warmup", self.warmup, 0)
        _steps("steps", self.steps, self.warmup + 1)
        if not 0 <= self.final <= self.lr:
            raise ValueError(
                f"final is {self.final}; expected 0 <= final <= lr = {self.lr}. Use final=0.0."
            )

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / (self.steps - self.warmup))
        return self.final + (self.lr - self.final) * (1.0 + math.cos(math.pi * done)) / 2.0


@dataclass(frozen=True)
class Warmup:
    """Rise in a straight line over the first ``steps`` steps, then follow ``after`` from its start.

    Parameters
    ----------
    after
        A rate or another schedule.
    steps
        The first step has 1 / steps of ``after``'s first rate, the last all of it.
    """

    after: float | Schedule
    steps: int

    def __post_init__(self) -> None:
        if not callable(self.after):
            _positive("after", self.after)
        _steps("steps", self.steps, 1)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        following = max(0, step - self.steps)
        rate = self.after(following) if callable(self.after) else self.after
        return rate * min(1.0, (step + 1) / self.steps)
