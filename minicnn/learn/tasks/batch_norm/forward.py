"""Normalising with the batch's own statistics, and with remembered ones."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import statistics

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- the batch's own statistics ---------------------------------------------------------------
@composite
def _batch_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 2, 3))
    return {"x": fill(shape, draw_seed(draw)), "eps": draw(st.sampled_from([0.5, 1e-5]))}


def _normalise(x: np.ndarray, eps: float) -> np.ndarray:
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        values = x[:, c].ravel().tolist()
        mean, variance = statistics.fmean(values), statistics.pvariance(values)
        y[:, c] = (x[:, c] - mean) / (variance + eps) ** 0.5
    return y


def _over(x: np.ndarray, eps: float, axes: tuple[int, ...], ddof: int = 0) -> np.ndarray:
    """Normalise over any axes, right or wrong."""
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(x.var(axis=axes, ddof=ddof, keepdims=True) + eps)


normalise = Task(
    name="batch_norm.normalise",
    title="Normalise each channel",
    cases=_batch_cases(),
    oracle=_normalise,
    mistakes=(
        Mistake(
            "each image on its own",
            lambda x, eps: _over(x, eps, (2, 3)),
            "This is what you get when each image has a mean and a variance of its own. That is "
            "instance normalisation; here all images of the batch share one.",
        ),
        Mistake(
            "each place on its own",
            lambda x, eps: _over(x, eps, (0,)),
            "This is what you get when each place has a mean and a variance of its own: "
            "take them over rows and columns too.",
        ),
        Mistake(
            "channels together",
            lambda x, eps: _over(x, eps, (0, 1, 2, 3)),
            "This is what you get when all channels share one mean and one variance: "
            "every channel has its own.",
        ),
        Mistake(
            "each image, all channels",
            lambda x, eps: _over(x, eps, (1, 2, 3)),
            "This is what you get when each image is normalised over all its channels. That is "
            "layer normalisation; here a channel is normalised over all images.",
        ),
        Mistake(
            "unbiased variance",
            lambda x, eps: _over(x, eps, (0, 2, 3), ddof=1),
            "This is what you get with the unbiased variance, divided by m - 1. The batch is "
            "normalised with the biased one, divided by m; the other is for the running average.",
        ),
        Mistake(
            "eps outside the root",
            lambda x, eps: (
                (x - x.mean(axis=(0, 2, 3), keepdims=True))
                / (x.std(axis=(0, 2, 3), keepdims=True) + eps)
            ),
            "This is what you get when eps is added to the standard deviation: "
            "it is added to the variance, before the root.",
        ),
        Mistake(
            "no root",
            lambda x, eps: (
                (x - x.mean(axis=(0, 2, 3), keepdims=True))
                / (x.var(axis=(0, 2, 3), keepdims=True) + eps)
            ),
            "This is what you get when the root is forgotten: divide by the standard deviation, "
            "not by the variance.",
        ),
    ),
    hints=(
        "How many means are there for a batch of 8 images with 3 channels?",
        "NumPy's mean and var take a tuple of axes; keepdims=True leaves shapes that broadcast.",
        "The mean over all axes but the channels; subtract it; the mean of the squares of what is "
        "left; divide by the root of that plus eps.",
    ),
)


# --- remembered statistics --------------------------------------------------------------------
@composite
def _inference_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 2), whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3))
    channels, number = shape[1], draw_seed(draw)
    return {
        "x": fill(shape, number),
        "gamma": fill((channels,), draw_seed(draw), salt=1),
        "beta": fill((channels,), draw_seed(draw), salt=2),
        "running_mean": fill((channels,), draw_seed(draw), salt=3),
        "running_var": fill((channels,), draw_seed(draw), salt=4) ** 2,
        "eps": draw(st.sampled_from([0.5, 1e-5])),
    }


def _inference(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running_mean: np.ndarray,
    running_var: np.ndarray,
    eps: float,
) -> np.ndarray:
    y = np.empty_like(x)
    for place in np.ndindex(x.shape):
        c = place[1]
        x_hat = (x[place] - running_mean[c]) / (running_var[c] + eps) ** 0.5
        y[place] = gamma[c] * x_hat + beta[c]
    return y


def _wide(vector: np.ndarray) -> np.ndarray:
    return vector[:, None, None]


inference = Task(
    name="batch_norm.inference",
    title="The inference form",
    cases=_inference_cases(),
    oracle=_inference,
    mistakes=(
        Mistake(
            "the batch's statistics",
            lambda x, gamma, beta, running_mean, running_var, eps: (
                _wide(gamma) * _over(x, eps, (0, 2, 3)) + _wide(beta)
            ),
            "This is what you get with the mean and the variance of this batch: the training "
            "form. In inference use the remembered ones, or an answer depends on its neighbours.",
        ),
        Mistake(
            "no root",
            lambda x, gamma, beta, running_mean, running_var, eps: _inference(
                x, gamma, beta, running_mean, (running_var + eps) ** 2, 0.0
            ),
            "This is what you get when the root is forgotten: running_var is a variance, and x "
            "is divided by a standard deviation.",
        ),
        Mistake(
            "eps outside the root",
            lambda x, gamma, beta, running_mean, running_var, eps: _inference(
                x, gamma, beta, running_mean, (np.sqrt(running_var) + eps) ** 2, 0.0
            ),
            "This is what you get when eps is added to the standard deviation: "
            "it is added to the variance, before the root.",
        ),
        Mistake(
            "beta scaled too",
            lambda x, gamma, beta, running_mean, running_var, eps: _inference(
                x, gamma, gamma * beta, running_mean, running_var, eps
            ),
            "This is what you get when gamma multiplies beta too: scale first, then shift.",
        ),
        Mistake(
            "gamma and beta exchanged",
            lambda x, gamma, beta, running_mean, running_var, eps: _inference(
                x, beta, gamma, running_mean, running_var, eps
            ),
            "This is what you get when gamma and beta are exchanged: gamma scales, beta shifts.",
        ),
        Mistake(
            "gamma and beta forgotten",
            lambda x, gamma, beta, running_mean, running_var, eps: _inference(
                x, np.ones_like(gamma), np.zeros_like(beta), running_mean, running_var, eps
            ),
            "This is what you get without gamma and beta: the layer learned them, to undo the "
            "normalisation where that helps.",
        ),
    ),
    hints=(
        "Which numbers of this function would change if another image joined the batch?",
        "An array of shape (C,) lies along the last axis; v[:, None, None] lies along channels.",
        "Subtract one number for each channel, divide by one, multiply by one, add one.",
    ),
)
