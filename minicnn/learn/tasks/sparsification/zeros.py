"""Making zeros: the soft threshold, and the N:M pattern."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _soft_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 4), whole(draw, 1, 4))
    return {"v": fill(shape, draw_seed(draw)), "t": whole(draw, 0, 6) / 2}


def _soft_threshold(v: np.ndarray, t: float) -> np.ndarray:
    """Try 0, and the stationary point on either side of it; take the least objective."""
    candidates = np.stack([np.zeros(v.shape), np.maximum(v - t, 0), np.minimum(v + t, 0)])
    objective = (candidates - v) ** 2 / 2 + t * np.abs(candidates)
    best = objective.argmin(axis=0)
    return np.take_along_axis(candidates, best[None], axis=0)[0]


soft_threshold = Task(
    name="sparsification.soft_threshold",
    title="The soft threshold",
    cases=_soft_cases(),
    oracle=_soft_threshold,
    mistakes=(
        Mistake(
            "hard threshold",
            lambda v, t: np.where(np.abs(v) > t, v, 0),
            "This is what you get when small weights become zero and large ones stay as they are: "
            "a hard threshold. L1 takes t from every weight.",
        ),
        Mistake(
            "hopped over zero",
            lambda v, t: v - t * np.sign(v),
            "This is what you get from a gradient step of size t: a weight smaller than t comes "
            "out on the other side of zero. It has to stop there.",
        ),
        Mistake(
            "negative weights forgotten",
            lambda v, t: np.maximum(v - t, 0),
            "This is what you get when only positive weights are thought of: negative ones move "
            "towards zero too, from below.",
        ),
        Mistake(
            "divided",
            lambda v, t: v / (1 + t),
            "This is what you get from the penalty t w² / 2, weight decay: everything is made "
            "smaller, nothing is made zero.",
        ),
    ),
    hints=(
        "Which w makes (w - v)² / 2 + t |w| least? Take w > 0 first: where is the slope zero, and "
        "when is that point really above zero?",
        "For v above t it is v - t, for v below -t it is v + t. What is it in between?",
        "The size is the larger of |v| - t and 0; the sign is that of v.",
    ),
)


@composite
def _nm_cases(draw: DrawFn) -> Case:
    n = whole(draw, 1, 3)
    m = n + whole(draw, 1, 3)
    shape = (whole(draw, 1, 4), m * whole(draw, 1, 3))
    rng = np.random.default_rng(draw_seed(draw))
    sizes = rng.permutation(shape[0] * shape[1]) + 1.0  # all different: no ties
    return {"w": (sizes * rng.choice([-1, 1], sizes.size)).reshape(shape), "n": n, "m": m}


def _nm_mask(w: np.ndarray, n: int, m: int) -> np.ndarray:
    """Count, for each weight, those of its group that are larger."""
    keep = np.zeros(w.shape, bool)
    for k, c in np.ndindex(w.shape):
        first = c // m * m
        keep[k, c] = sum(abs(other) > abs(w[k, c]) for other in w[k, first : first + m]) < n
    return keep


def _whole_rows(w: np.ndarray, n: int, m: int) -> np.ndarray:
    rank = np.argsort(np.argsort(-np.abs(w), axis=1), axis=1)
    return rank < w.shape[1] // m * n


def _signed(w: np.ndarray, n: int, m: int) -> np.ndarray:
    return _nm_mask(w - w.min() + 1, n, m)


def _strided(w: np.ndarray, n: int, m: int) -> np.ndarray:
    """Groups of weights that lie apart instead of side by side."""
    order = np.arange(w.shape[1]).reshape(m, -1).T.ravel()
    keep = np.zeros(w.shape, bool)
    keep[:, order] = _nm_mask(w[:, order], n, m)
    return keep


nm_mask = Task(
    name="sparsification.nm_mask",
    title="N of each M",
    cases=_nm_cases(),
    oracle=_nm_mask,
    mistakes=(
        Mistake(
            "whole rows",
            _whole_rows,
            "This is what you get when each filter keeps the right number of weights, but of the "
            "whole row: the pattern wants n in *each* group of m.",
        ),
        Mistake(
            "sign counted",
            _signed,
            "This is what you get when the largest values stay: a weight of -9 is far from zero. "
            "Compare sizes, |w|.",
        ),
        Mistake(
            "removed instead of kept",
            lambda w, n, m: ~_nm_mask(w, n, m),
            "This is what you get when True means removed: here True is a weight that stays.",
        ),
        Mistake(
            "n removed",
            lambda w, n, m: _nm_mask(w, m - n, m),
            "This is what you get when n of each m are removed: n of them stay.",
        ),
        Mistake(
            "groups not side by side",
            _strided,
            "This is what you get with groups of weights that lie apart, every so many columns: a "
            "group is m columns side by side.",
        ),
    ),
    hints=(
        "Which shape shows the groups as an axis of their own?",
        "Reshape to (K, C // m, m), and rank the sizes along the last axis.",
        "np.argsort of np.argsort gives ranks; the n largest sizes have the n first ranks of "
        "-|w|. Reshape back.",
    ),
)
