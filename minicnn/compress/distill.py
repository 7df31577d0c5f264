"""Distillation: a small network learns from what a large one answers, not from labels alone.

A trained network says more than the class: a 7 that looks somewhat like a 1 gets some of its
probability there. Divided by a temperature T before the softmax, such small numbers show. The
student learns both::

    loss = alpha T² KL(softmax(teacher / T) ‖ softmax(student / T)) + (1 - alpha) CE(student, label)

The factor T² keeps the two parts in proportion, as the gradient of the first shrinks with 1/T².

References: Hinton, Vinyals and Dean (2015), "Distilling the knowledge in a neural network";
Bucila, Caruana and Niculescu-Mizil (2006), "Model compression".
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from minicnn import nn, ops
from minicnn.compress.pipeline import check_model
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Layer
from minicnn.training import fit, predict
from minicnn.training.epoch import Augment
from minicnn.training.inputs import Data


def distill(
    teacher: Layer,
    student: nn.Sequential,
    data: Data,
    *,
    temperature: float = 4.0,
    alpha: float = 0.9,
    epochs: int,
    seed: int,
    progress: bool = False,
    augment: Augment | None = None,
    **how: Any,
) -> tuple[nn.Sequential, Report]:
    """Return a trained copy of ``student``, and what its training changed; neither is altered.

    Parameters
    ----------
    data
        A pair (x, labels).
    temperature
        T, above 0: 1 takes the teacher's probabilities as they are, more makes them softer.
    alpha
        Weight of the teacher, from 0 (labels alone) to 1 (the teacher alone).
    how
        More arguments of `training.fit`: ``optimizer`` (copied), ``batch_size``, ``hooks`` ...
        With ``augment`` the teacher answers for each augmented image.

    Raises
    ------
    ValueError
        The two give different outputs, or a number is out of range.
    """
    check_model("distill", student)
    if not (temperature > 0 and math.isfinite(temperature)) or not 0 <= alpha <= 1:
        raise ValueError(
            f"temperature is {temperature} and alpha {alpha}; distill wants a temperature above 0 "
            "and alpha from 0 to 1. Try temperature=4, alpha=0.9."
        )
    x, labels = np.asarray(data[0]), np.asarray(data[1])
    shapes = [tuple(m.out_shape(x.shape[1:])) for m in (teacher, student)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"the teacher gives {shapes[0]} and the student {shapes[1]}; distill wants the same "
            "classes from both. Build the student with the teacher's num_classes."
        )
    seen: list[np.ndarray] = []

    def looked_at(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        assert augment is not None
        images = augment(images, rng)
        seen[:] = [images]
        return images

    # Labels and the teacher's logits travel together, as one target.
    logits = predict(teacher, x) if augment is None else np.zeros((len(x), *shapes[0]), x.dtype)
    targets = np.concatenate([labels[:, None].astype(np.float64), logits], axis=1)

    def loss(output: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
        said = target[:, 1:].astype(output.dtype) if augment is None else teacher(seen[0])
        return distillation_loss(output, target[:, 0].astype(np.int64), said, temperature, alpha)

    new, own = student.copy(), copy.deepcopy(how)
    history = fit(
        new,
        (x, targets),
        epochs=epochs,
        seed=seed,
        loss=loss,
        progress=progress,
        augment=None if augment is None else looked_at,
        **own,
    )
    losses = history.train_loss
    told = [Change("all", f"distillation loss {losses[0]:.3g} to {losses[-1]:.3g}")]
    return new, report("distill", student, new, told)


def distillation_loss(
    logits: np.ndarray,
    labels: np.ndarray,
    teacher_logits: np.ndarray,
    temperature: float,
    alpha: float,
) -> tuple[float, np.ndarray]:
    """Return the loss (mean over the batch) and its gradient with respect to ``logits`` (N, K)."""
    soft = ops.softmax(teacher_logits / temperature)
    log_soft = ops.log_softmax(teacher_logits / temperature)
    log_own = ops.log_softmax(logits / temperature)
    n = len(logits)
    divergence = float((soft * (log_soft - log_own)).sum()) / n
    hard = ops.softmax_cross_entropy(logits, labels)
    gradient = alpha * temperature * (np.exp(log_own) - soft) / n
    gradient += (1 - alpha) * ops.softmax_cross_entropy_backward(logits, labels)
    total = alpha * temperature**2 * divergence + (1 - alpha) * hard
    return total, gradient.astype(logits.dtype)
