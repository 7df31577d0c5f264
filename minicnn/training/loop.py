"""The training loop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from minicnn.nn import Layer, to_spec
from minicnn.optim import Adam, Optimizer
from minicnn.training.checkpoint import Checkpoint, describe, digest
from minicnn.training.epoch import (
    HOOK_METHODS,
    Augment,
    DivergedError,
    Run,
    Task,
    Totals,
    call,
    train_epoch,
)
from minicnn.training.evaluation import measure
from minicnn.training.history import History
from minicnn.training.inputs import Data, check_count, check_data
from minicnn.training.interrupt import Interrupt
from minicnn.training.losses import LossFunction, loss_function
from minicnn.training.recompute import Recompute


def fit(
    model: Layer,
    train: Data,
    *,
    validation: Data | None = None,
    epochs: int,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    loss: str | LossFunction = "softmax_cross_entropy",
    seed: int,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    early_stopping: int | None = None,
    augment: Augment | None = None,
    hooks: Sequence[Any] = (),
    label_smoothing: float = 0.0,
    clip_grad: float | None = None,
    checkpoint_every: int | None = None,
) -> History:
    """Train a model in place.

    Ctrl-C ends training after the current batch: what was learned stays, and the part of the
    epoch is measured and recorded (``history.interrupted``). A second Ctrl-C raises at once.

    Parameters
    ----------
    train, validation
        Pairs (x, y): x (N, C, H, W) or (N, features) of the model's dtype, y (N,) class labels.
    optimizer
        ``Adam(lr=1e-3)`` by default. One that has made steps goes on from them.
    loss
        "softmax_cross_entropy"; "mse" (y labels or arrays shaped like the output); or a function
        (output, y) -> (mean loss, gradient of the output).
    seed
        Of the order of the batches and of ``augment``.
    checkpoint
        A file, written after every epoch. Where it exists already, training goes on from it: the
        same call after a kill ends with the same parameters, bit for bit. ``epochs`` may have
        grown; the other arguments must be the same. State inside hooks is not kept.
    early_stopping
        Stop after so many epochs without a lower validation loss. The model ends with the
        parameters of its best epoch, whether it was stopped early or not.
    augment
        A function (x, rng) that changes a batch of images in training.
    hooks
        Objects with some of the methods of `Hook`.
    label_smoothing
        In the training loss; the validation loss is measured without.
    clip_grad
        Largest norm of all gradients together.
    checkpoint_every
        Save memory, not files: keep the activations of every so many layers only and compute the
        others again (see `Recompute`). The parameters come out the same, bit for bit.

    Raises
    ------
    DivergedError
        The loss or a parameter became NaN or infinite.
    """
    optimizer = Adam(lr=1e-3) if optimizer is None else optimizer
    compare = loss_function(loss, label_smoothing)
    x, y = check_data("train", model, train, loss)
    held_out = None if validation is None else check_data("validation", model, validation, loss)
    epochs, batch_size = check_count("epochs", epochs), check_count("batch_size", batch_size)
    seed = check_count("seed", seed, minimum=0)
    _check_choices(model, optimizer, held_out, early_stopping, clip_grad, hooks)

    run = Run(model, optimizer, np.random.default_rng(seed), History())
    network = model if checkpoint_every is None else Recompute(model, every=checkpoint_every)
    task = Task(network, x, y, batch_size, compare, augment, hooks, clip_grad)
    store: Checkpoint | None = None
    if checkpoint is not None:
        arguments = {
            "model": to_spec(model),
            "frozen": [name for name, p in model.parameters().items() if not p.trainable],
            "train": [digest(x), digest(y)],
            "validation": held_out and [digest(held_out[0]), digest(held_out[1])],
            "batch_size": batch_size,
            "optimizer": re.sub(r" at 0x[0-9a-f]+", "", repr(optimizer)),
            "loss": loss if isinstance(loss, str) else describe(loss),
            "seed": seed,
            "early_stopping": early_stopping,
            "augment": describe(augment),
            "label_smoothing": label_smoothing,
            "clip_grad": clip_grad,
        }
        store = Checkpoint(checkpoint, arguments)
        store.resume(run, epochs)

    history = run.history
    bar = tqdm(
        total=epochs * task.steps,
        initial=len(history) * task.steps,
        disable=not progress,
        unit="batch",
        dynamic_ncols=True,
    )
    # A number that overflows is caught by DivergedError, which says more than NumPy's warning.
    with bar, Interrupt() as interrupt, np.errstate(over="ignore", invalid="ignore"):
        while len(history) < epochs and not _stale(history, early_stopping):
            bar.set_description(f"epoch {len(history) + 1}/{epochs}")
            totals = Totals()
            try:
                train_epoch(run, task, totals, bar, interrupt)
            except KeyboardInterrupt:
                if interrupt.insisted:
                    raise
                history.interrupted = True
            if totals.images:
                _record(run, totals, held_out, loss_function(loss), early_stopping is not None)
            if not history.interrupted:
                try:
                    call(hooks, "on_epoch_end", model, len(history) - 1, history)
                except KeyboardInterrupt:
                    if interrupt.insisted:
                        raise
                    history.interrupted = True
            if history.interrupted:
                break
            if store is not None:
                store.save(run)
            if interrupt.requested:  # during the measurement, when the epoch was already whole
                history.interrupted = True
                break
    if run.best is not None:
        model.load_state_dict(run.best)
    return history


def _record(
    run: Run, totals: Totals, held_out: Data | None, compare: LossFunction, keep_best: bool
) -> None:
    """Measure an epoch and write it into the history."""
    history = run.history
    arrays = run.model.state_dict()
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise DivergedError(
            f"a parameter became NaN or infinite in epoch {len(history) + 1}, with learning rate "
            f"{totals.lr:g}. Try a 10 times smaller rate, a warm-up or clip_grad=1.0.",
            history,
        )
    history.train_loss.append(totals.loss / totals.images)
    history.train_error.append(totals.wrong / totals.images)
    history.seconds.append(totals.seconds)
    history.images_per_second.append(totals.images / max(totals.seconds, 1e-9))
    history.lr.append(totals.lr)
    if held_out is not None:
        result = measure(run.model, *held_out, compare, batch_size=256)
        history.val_loss.append(result.loss)
        history.val_error.append(result.error)
    if keep_best and history.best_epoch == len(history) - 1:
        run.best = arrays


def _stale(history: History, patience: int | None) -> bool:
    """Tell whether the validation loss has not improved for ``patience`` epochs."""
    if patience is None or history.best_epoch is None:
        return False
    return len(history) - 1 - history.best_epoch >= patience


def _check_choices(
    model: Layer,
    optimizer: Any,
    held_out: Data | None,
    early_stopping: int | None,
    clip_grad: float | None,
    hooks: Sequence[Any],
) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer is {optimizer!r}; expected an object from minicnn.optim. "
            "Use for example optim.Adam(lr=1e-3)."
        )
    if not any(p.trainable for p in model.parameters().values()):
        raise ValueError(
            "no parameter of the model is trainable, so there is nothing to fit. "
            "Use model.unfreeze() for all, or model.unfreeze('3') for one layer."
        )
    if early_stopping is not None:
        check_count("early_stopping", early_stopping)
        if held_out is None:
            raise ValueError(
                f"early_stopping={early_stopping} watches the validation loss, but validation is "
                "None. Give validation=(x, y)."
            )
    if clip_grad is not None and not clip_grad > 0:
        raise ValueError(f"clip_grad is {clip_grad}; expected above 0 or None. Try clip_grad=1.0.")
    for hook in hooks:
        if not any(callable(getattr(hook, method, None)) for method in HOOK_METHODS):
            raise TypeError(
                f"the hook {hook!r} has none of {', '.join(HOOK_METHODS)}; it would never be "
                "called. Inherit from training.Hook, or write one of these."
            )
