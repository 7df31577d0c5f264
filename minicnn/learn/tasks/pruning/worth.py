"""What a weight is worth: what the loss becomes without it."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _cases(draw: DrawFn) -> Case:
    n, d = whole(draw, 1, 5), whole(draw, 1, 5)
    return {
        "x": fill((n, d), draw_seed(draw), salt=1),
        "y": fill((n,), draw_seed(draw), salt=2),
        "w": fill((d,), draw_seed(draw), salt=3),
    }


def _loss(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    total = 0.0
    for inputs, target in zip(x, y, strict=True):
        answer = sum(a * b for a, b in zip(inputs, w, strict=True))
        total += (answer - target) ** 2
    return total / (2 * len(y))


def _removal(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Remove each weight in turn, and look."""
    costs = []
    for j in range(len(w)):
        without = w.copy()
        without[j] = 0.0
        costs.append(_loss(x, y, without) - _loss(x, y, w))
    return np.array(costs)


def _terms(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms of first and of second order."""
    gradient = x.T @ (x @ w - y) / len(y)
    return gradient * w, (x**2).mean(axis=0) * w**2 / 2


removal_cost = Task(
    name="pruning.removal_cost",
    title="What a weight is worth",
    cases=_cases(),
    oracle=_removal,
    mistakes=(
        Mistake(
            "magnitude",
            lambda x, y, w: w**2 / 2,
            "This is half the square of the weight: right only where the curvature is 1. "
            "The inputs decide how much a weight matters.",
        ),
        Mistake(
            "no slope",
            lambda x, y, w: _terms(x, y, w)[1],
            "This is the second-order term alone, as in Optimal Brain Damage. It is enough where "
            "training has ended and the gradient is zero; here it need not be.",
        ),
        Mistake(
            "slope alone",
            lambda x, y, w: -_terms(x, y, w)[0],
            "This is the first-order term alone: removing a weight is too large a step for a "
            "straight line.",
        ),
        Mistake(
            "wrong way",
            lambda x, y, w: _terms(x, y, w)[0] + _terms(x, y, w)[1],
            "The first-order term has the wrong sign: removing a weight is a step of -w.",
        ),
        Mistake(
            "no half",
            lambda x, y, w: -_terms(x, y, w)[0] + 2 * _terms(x, y, w)[1],
            "The second-order term is twice too large: Taylor's formula has a half before it.",
        ),
        Mistake(
            "summed over the examples",
            lambda x, y, w: len(y) * (_terms(x, y, w)[1] - _terms(x, y, w)[0]),
            "This is the sum over the examples: the loss is their mean.",
        ),
    ),
    hints=(
        "The loss is a parabola in each weight alone. What do its slope and its curvature say "
        "about a step of -w[j]?",
        "Slope: g = x.T @ (x @ w - y) / n. Curvature in direction j: the mean of x[:, j]**2.",
        "The change is -(slope) * w + (half the curvature) * w**2, for all weights at once; since "
        "the loss is a parabola, that is exact.",
    ),
)
