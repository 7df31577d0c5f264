"""The gradient of the normalised input."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task

STEP = 1e-30


@composite
def _gradient_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 3), whole(draw, 1, 2), whole(draw, 1, 3), whole(draw, 1, 3))
    return {
        "dy": fill(shape, draw_seed(draw), salt=3),
        "x": fill(shape, draw_seed(draw)),
        "gamma": fill(shape[1:2], draw_seed(draw), salt=1),
        "eps": draw(st.sampled_from([0.5, 1e-3])),
    }


def _grad_input(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, eps: float) -> np.ndarray:
    """Nudge each number of x by an imaginary step and read the slope of sum(dy * y).

    The imaginary part of f(x + ih) is h f'(x), and nothing is subtracted to find it: exact to
    rounding (Squire and Trapp 1998).
    """
    nudged = x + 1j * STEP * np.eye(x.size).reshape(x.size, *x.shape)
    axes = (1, 3, 4)
    centred = nudged - nudged.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    y = gamma[:, None, None] * centred / np.sqrt(variance + eps)
    return (dy * y).imag.sum(axis=(1, 2, 3, 4)).reshape(x.shape) / STEP


def _terms(
    dy: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray,
    eps: float,
    *,
    axes: tuple[int, ...] = (0, 2, 3),
    mean: float = 1.0,
    variance: float = 1.0,
    hat: bool = True,
) -> np.ndarray:
    """The three-term formula with its last two terms weighted; 1 and 1 are right."""
    inv_std = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=axes, keepdims=True)) * inv_std
    along = (dy * x_hat).mean(axis=axes, keepdims=True) * (x_hat if hat else x)
    remains = dy - mean * dy.mean(axis=axes, keepdims=True) - variance * along
    return gamma[:, None, None] * inv_std * remains


def _count(x: np.ndarray) -> int:
    return x.size // x.shape[1]


grad_input = Task(
    name="batch_norm.grad_input",
    title="The gradient of the input",
    cases=_gradient_cases(),
    oracle=_grad_input,
    mistakes=(
        Mistake(
            "statistics held fixed",
            lambda dy, x, gamma, eps: _terms(dy, x, gamma, eps, mean=0, variance=0),
            "This is what you get when the mean and the variance are held fixed. That is the "
            "gradient of the inference form; in training every x moves both of them.",
        ),
        Mistake(
            "mean term missing",
            lambda dy, x, gamma, eps: _terms(dy, x, gamma, eps, mean=0),
            "This is what you get without the path through the mean: "
            "raise all of x by the same amount, and y stays; so dx must add up to 0.",
        ),
        Mistake(
            "variance term missing",
            lambda dy, x, gamma, eps: _terms(dy, x, gamma, eps, variance=0),
            "This is what you get without the path through the variance: "
            "stretch x, and y stays (but for eps).",
        ),
        Mistake(
            "sums for means",
            lambda dy, x, gamma, eps: _terms(dy, x, gamma, eps, mean=_count(x), variance=_count(x)),
            "This is what you get with sums instead of means: each number of x has a share of "
            "1/m in the mean and in the variance.",
        ),
        Mistake(
            "each image on its own",
            lambda dy, x, gamma, eps: _terms(dy, x, gamma, eps, axes=(2, 3)),
            "This is what you get when each image has statistics of its own: "
            "the means run over the images, the rows and the columns.",
        ),
        Mistake(
            "x for x_hat",
            lambda dy, x, gamma, eps: _terms(dy, x, gamma, eps, hat=False),
            "This is what you get when the last term holds x where x_hat belongs.",
        ),
        Mistake(
            "gamma forgotten",
            lambda dy, x, gamma, eps: _terms(dy, x, np.ones_like(gamma), eps),
            "This is what you get without gamma: y = gamma * x_hat + beta, so dx_hat = gamma * dy.",
        ),
    ),
    hints=(
        "By how much does y change when every number of x grows by 1? What does that say about "
        "the sum of dx?",
        "Three paths lead from x to y: straight, through the mean, and through the variance.",
        "Compute x_hat again, as in the forward pass. From dy take away its mean over the "
        "channel, and x_hat times the mean of dy * x_hat; then scale.",
    ),
)
