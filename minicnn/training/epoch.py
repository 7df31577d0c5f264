"""One pass over the training data."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from minicnn.data import batches
from minicnn.nn import Layer
from minicnn.optim import Optimizer, clip_grad_norm
from minicnn.training.history import History
from minicnn.training.interrupt import Interrupt
from minicnn.training.losses import LossFunction, count_wrong

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Hook:
    """What `fit` calls at each stage; inherit and override, or write any of these in a class.

    ``step`` counts batches from 0 over the whole fit, ``epoch`` counts epochs from 0.
    """

    def on_batch_start(self, model: Layer, step: int) -> None:
        """Before the forward pass."""

    def on_backward_end(self, model: Layer, step: int) -> None:
        """Gradients are there (clipped, if asked for), parameters not changed yet."""

    def on_batch_end(self, model: Layer, step: int) -> None:
        """The parameters have been updated."""

    def on_epoch_end(self, model: Layer, epoch: int, history: History) -> None:
        """The epoch is measured and in ``history``, but not yet in the checkpoint."""


HOOK_METHODS = ("on_batch_start", "on_backward_end", "on_batch_end", "on_epoch_end")


def call(hooks: Sequence[Any], method: str, *arguments: Any) -> None:
    """Call a method of every hook that has it."""
    for hook in hooks:
        if function := getattr(hook, method, None):
            function(*arguments)


class DivergedError(RuntimeError):
    """The loss or a parameter is no longer a finite number; ``history`` is what went before."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


@dataclass
class Run:
    """Everything that the next epoch depends on, and that a checkpoint keeps."""

    model: Layer
    optimizer: Optimizer
    rng: np.random.Generator
    history: History
    best: dict[str, np.ndarray] | None = None  # the model's state at the best epoch


@dataclass(frozen=True)
class Task:
    """What stays the same from epoch to epoch."""

    network: Layer  # the model, or the model in less memory
    x: np.ndarray
    y: np.ndarray
    batch_size: int
    loss: LossFunction
    augment: Augment | None
    hooks: Sequence[Any]
    clip_grad: float | None

    @property
    def steps(self) -> int:
        """How many batches an epoch has."""
        return math.ceil(len(self.x) / self.batch_size)


@dataclass
class Totals:
    """Sums over the batches seen so far in an epoch."""

    loss: float = 0.0
    wrong: float = 0.0
    images: int = 0
    seconds: float = 0.0
    lr: float = 0.0

    def __str__(self) -> str:
        error = "" if math.isnan(self.wrong) else f", error {self.wrong / self.images:.2%}"
        rate = self.images / max(self.seconds, 1e-9)
        return f"loss {self.loss / self.images:.4f}{error}, {rate:.0f} images/s"


def train_epoch(run: Run, task: Task, totals: Totals, bar: tqdm, interrupt: Interrupt) -> None:
    """Go once over the data, and keep ``totals`` right even where an exception ends it."""
    step = len(run.history) * task.steps
    start = time.perf_counter()
    for x, y in batches(task.x, task.y, task.batch_size, rng=run.rng):
        if task.augment is not None:
            x = task.augment(x, run.rng)
        lr = run.optimizer.current_lr
        loss, wrong = train_batch(run, task, x, y, step)
        totals.loss += loss * len(x)
        totals.wrong += wrong
        totals.images += len(x)
        totals.seconds = time.perf_counter() - start
        totals.lr = lr
        bar.set_postfix_str(str(totals), refresh=False)
        bar.update()
        call(task.hooks, "on_batch_end", run.model, step)
        step += 1
        if interrupt.requested and step % task.steps:
            raise KeyboardInterrupt


def train_batch(
    run: Run, task: Task, x: np.ndarray, y: np.ndarray, step: int
) -> tuple[float, float]:
    """Forward, backward, update; returns the loss and how many samples were wrong."""
    parameters = run.model.parameters()
    run.model.zero_grad()
    call(task.hooks, "on_batch_start", run.model, step)
    output = task.network.forward(x, training=True)
    loss, gradient = task.loss(output, y)
    if not math.isfinite(loss):
        raise DivergedError(
            f"the loss became {loss} in epoch {len(run.history) + 1}, step {step}, with learning "
            f"rate {run.optimizer.current_lr:g}; expected a finite number. Try a 10 times smaller "
            "rate, a warm-up or clip_grad=1.0. The model keeps its last parameters.",
            run.history,
        )
    task.network.backward_parameters(gradient)
    if task.clip_grad is not None:
        clip_grad_norm(parameters, task.clip_grad)
    call(task.hooks, "on_backward_end", run.model, step)
    run.optimizer.step(parameters)
    return loss, count_wrong(output, y)
