"""The open task: the best limit there is."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from minicnn.learn.compare import describe
from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

SLACK = 0.002
"""A passing limit leaves at most that share more error than the best."""


def _problem(number: int, n: int, bits: int) -> Case:
    """Make weights up: most of them small, and a few that stick out."""
    rng = np.random.default_rng([number, n, bits])
    w = rng.standard_normal(n)
    w[rng.random(n) < 0.1] *= rng.uniform(1, 4)
    return {"w": np.round(w, 2) + 0.001 * (number % 5), "bits": bits}


@composite
def _problems(draw: DrawFn) -> Case:
    return _problem(draw_seed(draw), whole(draw, 1, 16), whole(draw, 2, 4))


def _error(w: np.ndarray, limit: float, bits: int) -> float:
    levels = 2 ** (bits - 1) - 1
    step = limit / levels
    return float(np.mean((w - np.clip(np.round(w / step), -levels, levels) * step) ** 2))


def _best(w: np.ndarray, bits: int) -> float:
    """Go through all ways to round; for each of them, the best step is one of least squares."""
    levels, sizes = 2 ** (bits - 1) - 1, np.abs(w)
    halves = np.arange(levels) + 0.5
    changes = np.unique(np.outer(sizes[sizes > 0], 1 / halves))  # steps at which a weight changes
    if not changes.size:
        return 1.0
    ends = [changes[0] / 2, *changes, changes[-1] * 2]
    limits = []
    for low, high in itertools.pairwise(ends):
        q = np.minimum(np.round(sizes / ((low + high) / 2)), levels)
        if q.any():
            limits.append(float((sizes * q).sum() / (q * q).sum()) * levels)
    return min(limits, key=lambda limit: _error(w, limit, bits))


def _judge(got: Any, w: np.ndarray, bits: int) -> Verdict:
    """Check that a limit is one number above 0, and that hardly a better one exists."""
    if isinstance(got, np.ndarray) and got.ndim == 0:
        got = got[()]
    if isinstance(got, bool) or not isinstance(got, int | float | np.integer | np.floating):
        return Verdict(False, f"Expected one number, the limit; got {describe(got)}.")
    if not math.isfinite(got) or got <= 0:
        return Verdict(False, f"The limit is {got}; expected a number above 0.")
    error, least = _error(w, float(got), bits), _error(w, _best(w, bits), bits)
    if error > least * (1 + SLACK) + 1e-12:
        return Verdict(
            False,
            f"With the limit {float(got):.6g} the error is {error:.6g}; {least:.6g} is possible. "
            f"Come within {100 * SLACK:g} % of that.",
        )
    return Verdict(True, score=error)


def _three_deviations(w: np.ndarray) -> float:
    return max(3 * float(np.sqrt(np.mean(w**2))), 1e-9)


BOARD = tuple(_problem(1000 + number, 60, 2 + number % 3) for number in range(12))

best_limit = Task(
    name="clipping.best_limit",
    title="Open: the best limit there is",
    cases=_problems(),
    judge=_judge,
    board=Board(
        cases=BOARD,
        total=lambda scores: round(sum(scores), 9),
        label="mean squared error in all, of 12 layers with 60 weights each (less is better)",
        best=round(sum(_error(c["w"], _best(**c), c["bits"]) for c in BOARD), 9),
    ),
    mistakes=(
        Mistake(
            "nothing cut off",
            lambda w, bits: max(float(np.abs(w).max()), 1e-9),  # noqa: ARG005
            "This is the largest weight: nothing is cut off, and the steps are wider than they "
            "need be.",
        ),
        Mistake(
            "three deviations",
            lambda w, bits: _three_deviations(w),  # noqa: ARG005
            "Three standard deviations are a rule of thumb: the best limit depends on the bits and "
            "on these weights.",
        ),
        Mistake(
            "99 per cent",
            lambda w, bits: max(float(np.quantile(np.abs(w), 0.99)), 1e-9),  # noqa: ARG005
            "This keeps 99 % of the weights within the limit, whatever the bits: with few bits "
            "more has to go.",
        ),
        Mistake(
            "ten tries",
            lambda w, bits: min(
                np.linspace(0.1, 1, 10) * max(float(np.abs(w).max()), 1e-9),
                key=lambda limit: _error(w, float(limit), bits),
            ),
            "Ten limits were tried here, and the best is between two of them: the error has many "
            "small valleys.",
        ),
    ),
    hints=(
        "If you knew for each weight to which of the values it is rounded, what would be the best "
        "step?",
        "Least squares: with whole numbers q the step is sum(|w| q) / sum(q q), the limit levels "
        "times that. A rounding changes only where |w| / step is a whole number and a half.",
        "Collect the steps |w| / (k + 0.5) for k below levels, sort them; between each two "
        "neighbours (and beyond both ends) find q at the middle, then its best step; keep the "
        "limit with the least error.",
    ),
)
