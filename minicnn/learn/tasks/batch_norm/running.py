"""The running statistics."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import statistics

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _running_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 2, 3))
    channels = (shape[1],)
    return {
        "running_mean": fill(channels, draw_seed(draw), salt=1),
        "running_var": fill(channels, draw_seed(draw), salt=2) ** 2,
        "x": fill(shape, draw_seed(draw)),
        "momentum": draw(st.sampled_from([0.25, 0.1, 1.0])),
    }


def _update(
    running_mean: np.ndarray, running_var: np.ndarray, x: np.ndarray, momentum: float
) -> np.ndarray:
    new = np.empty((2, x.shape[1]))
    for c in range(x.shape[1]):
        values = x[:, c].ravel().tolist()
        new[0, c] = running_mean[c] + momentum * (statistics.fmean(values) - running_mean[c])
        new[1, c] = running_var[c] + momentum * (statistics.variance(values) - running_var[c])
    return new


def _blend(old: np.ndarray, x: np.ndarray, keep: float, add: float, ddof: int = 1) -> np.ndarray:
    """Blend stacked old statistics (2, C) with the batch's, by any weights, right or wrong."""
    batch = np.stack([x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3), ddof=ddof)])
    return keep * old + add * batch


update_running = Task(
    name="batch_norm.update_running",
    title="Remember the statistics",
    cases=_running_cases(),
    oracle=_update,
    mistakes=(
        Mistake(
            "momentum swapped",
            lambda running_mean, running_var, x, momentum: _blend(
                np.stack([running_mean, running_var]), x, momentum, 1 - momentum
            ),
            "This is what you get when momentum is the weight of the old value. Some libraries "
            "mean that by the word; here, as in PyTorch, it is the weight of the new batch.",
        ),
        Mistake(
            "biased variance",
            lambda running_mean, running_var, x, momentum: _blend(
                np.stack([running_mean, running_var]), x, 1 - momentum, momentum, ddof=0
            ),
            "This is what you get with the biased variance, divided by m. What is remembered is "
            "an estimate for all images, so it is divided by m - 1.",
        ),
        Mistake(
            "both",
            lambda running_mean, running_var, x, momentum: _blend(
                np.stack([running_mean, running_var]), x, momentum, 1 - momentum, ddof=0
            ),
            "This is what you get when momentum is the weight of the old value and the variance "
            "is the biased one: two conventions at once, both the other way round.",
        ),
        Mistake(
            "nothing forgotten",
            lambda running_mean, running_var, x, momentum: _blend(
                np.stack([running_mean, running_var]), x, 1.0, momentum
            ),
            "This is what you get when the old value keeps its full weight: "
            "the two weights must add up to 1, or the average grows for ever.",
        ),
        Mistake(
            "nothing remembered",
            lambda running_mean, running_var, x, momentum: _blend(
                np.stack([running_mean, running_var]), x, 0.0, 1.0
            ),
            "This is what you get when the batch replaces the old value.",
        ),
        Mistake(
            "standard deviation",
            lambda running_mean, running_var, x, momentum: np.stack(
                [
                    _blend(np.stack([running_mean, running_var]), x, 1 - momentum, momentum)[0],
                    (1 - momentum) * running_var + momentum * x.std(axis=(0, 2, 3), ddof=1),
                ]
            ),
            "This is what you get when the standard deviation is averaged: it is the variance.",
        ),
    ),
    hints=(
        "With momentum 1, which value must come out, whatever was remembered before?",
        "var has an argument ddof: it divides by m - ddof.",
        "(1 - momentum) of the old and momentum of the new, for both; np.stack makes one array "
        "of the two.",
    ),
)
