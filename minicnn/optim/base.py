"""What every optimiser does: count steps, ask the schedule, remember by name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minicnn.kernels.elementwise import in_blocks
from minicnn.nn import Parameter
from minicnn.optim.schedules import Schedule

State = dict[str, np.ndarray]


def in_range(name: str, value: float, low: float, high: float = math.inf) -> float:
    """Return a number of the half-open range [low, high)."""
    if not low <= value < high:
        raise ValueError(
            f"{name} is {value}; expected {low} <= {name} < {high}. Use a number of that range."
        )
    return float(value)


def in_rows(
    update: Callable[..., None], arrays: Sequence[np.ndarray | None], settings: Sequence[Any]
) -> None:
    """Call ``update(*arrays, *settings)``, a loop of `kernels.updates`, on pieces of the arrays.

    The first array is the data, the second the gradient, which is not changed.
    """
    rows = [None if a is None else np.ascontiguousarray(a).reshape(-1) for a in arrays]

    def piece(some: slice) -> None:
        update(*(None if row is None else row[some] for row in rows), *settings)

    assert rows[0] is not None
    in_blocks(piece, rows[0].size)
    for array, row in zip(arrays, rows, strict=True):
        if array is not arrays[1] and array is not None and not array.flags.c_contiguous:
            assert row is not None
            array[...] = row.reshape(array.shape)  # the loop worked on a copy


class Optimizer(ABC):
    """Base: counts steps, asks the schedule, and keeps each parameter's state by name.

    Parameters
    ----------
    lr
        The learning rate, or a schedule: a callable from step (0 first) to rate.
    weight_decay
        Strength of the L2 penalty.
    """

    def __init__(self, lr: float | Schedule, weight_decay: float = 0.0) -> None:
        if not callable(lr) and not (lr > 0 and math.isfinite(lr)):
            raise ValueError(
                f"lr is {lr}; expected a finite number above 0 or a schedule. Try lr=0.001."
            )
        self.lr = lr
        self.weight_decay = in_range("weight_decay", weight_decay, 0.0)
        self.steps = 0
        self.state: dict[str, State] = {}

    @property
    def current_lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.lr(self.steps)) if callable(self.lr) else float(self.lr)

    def step(self, parameters: Mapping[str, Parameter]) -> None:
        """Update in place every trainable parameter that has a gradient."""
        lr = self.current_lr
        for name, parameter in parameters.items():
            if not parameter.trainable or parameter.grad is None:
                continue
            if name not in self.state:
                self.state[name] = self._begin(parameter.data)
            state = self.state[name]
            for array in state.values():
                if array.ndim and array.shape != parameter.shape:
                    raise ValueError(
                        f"the optimizer remembers {name} with shape {array.shape}, but it now has "
                        f"{parameter.shape}. Make a new optimizer for a changed model."
                    )
            self._update(parameter.data, self._decayed(parameter), lr, state)
            parameter.project()
        self.steps += 1

    def _decayed(self, parameter: Parameter) -> np.ndarray:
        assert parameter.grad is not None
        if self.weight_decay:
            return parameter.grad + self.weight_decay * parameter.data
        return parameter.grad

    def _begin(self, data: np.ndarray) -> State:  # noqa: ARG002 (those with a memory use it)
        return {}

    @abstractmethod
    def _update(self, data: np.ndarray, g: np.ndarray, lr: float, state: State) -> None:
        """Change ``data`` and ``state`` in place."""

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of everything remembered: "steps", and "<parameter>/<what>" arrays."""
        flat = {"steps": np.array(self.steps)}
        for name, state in self.state.items():
            flat |= {f"{name}/{what}": array.copy() for what, array in state.items()}
        return flat

    def load_state_dict(self, flat: Mapping[str, np.ndarray]) -> None:
        """Take over what a `state_dict` of the same kind of optimiser remembers."""
        if "steps" not in flat:
            raise ValueError(
                'the state has no "steps"; expected what state_dict() of an optimizer returned. '
                "Give that."
            )
        state: dict[str, State] = {}
        for key, array in flat.items():
            name, slash, what = key.rpartition("/")
            if slash:
                state.setdefault(name, {})[what] = np.array(array)
        expected = self._begin(np.zeros(1)).keys()
        for name, arrays in state.items():
            if arrays.keys() != expected:
                raise ValueError(
                    f"the state of {name} holds {sorted(arrays)}; {self!r} remembers "
                    f"{sorted(expected)}. Load it into the optimizer that it came from."
                )
        self.steps, self.state = int(flat["steps"]), state

    def __repr__(self) -> str:
        hidden = ("steps", "state")
        settings = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k not in hidden)
        return f"{type(self).__name__}({settings})"
