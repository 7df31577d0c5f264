"""The open task: the codebook with the fewest values within an error."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from minicnn.learn.compare import describe
from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

SLACK = 1 + 1e-9
"""Rounding may take an error this much over the limit."""


def _row(number: int, size: int, share: int) -> Case:
    """Make weights as layers have them, in thousandths: most small, a few large, some in lumps."""
    rng = np.random.default_rng([number, size, share])
    weights = rng.laplace(0, 30, size)
    if number % 2:
        weights += rng.choice([-150, 0, 0, 90], size)
    weights = np.rint(weights)
    off = np.square(weights - weights.mean()).sum()
    return {"weights": weights, "limit": math.ceil(off * share / 1000)}


@composite
def _rows(draw: DrawFn) -> Case:
    return _row(draw_seed(draw), whole(draw, 1, 40), [10, 50, 200, 3][whole(draw, 0, 3)])


def _off(weights: np.ndarray, values: np.ndarray) -> float:
    """Sum of squares when every weight takes its nearest value."""
    return float(np.square(weights[:, None] - values).min(axis=1).sum())


@lru_cache(maxsize=1024)
def _fewest(weights: tuple[float, ...], limit: float) -> int:
    """Find the least number of values (Wang and Song 2011): the best split of the first i weights.

    A value serves neighbours on the line, so the last one serves the weights from j on, and the
    others the first j as well as they can.
    """
    row = np.sort(np.array(weights))
    n = len(row)
    one = np.concatenate([[0.0], np.cumsum(row)])
    two = np.concatenate([[0.0], np.cumsum(row**2)])
    i, j = np.arange(1, n + 1)[:, None], np.arange(n)
    length = np.maximum(i - j, 1)
    alone = np.where(i > j, two[i] - two[j] - (one[i] - one[j]) ** 2 / length, np.inf)
    best = np.concatenate([[0.0], np.full(n, np.inf)])
    for count in range(1, n + 1):
        best = np.concatenate([[0.0], (best[:-1] + alone).min(axis=1)])
        if best[-1] <= limit * SLACK + 1e-6:
            return count
    return n


def _judge(got: Any, weights: np.ndarray, limit: int) -> Verdict:
    """Let every weight take its nearest value, add up the squares, count the values."""
    try:
        values = np.asarray(got, dtype=np.float64)
    except (TypeError, ValueError):
        return Verdict(False, f"A codebook is a row of numbers; got {describe(got)}.")
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        return Verdict(False, f"A codebook is a row of finite numbers; got {describe(got)}.")
    off = _off(weights, values)
    if off > limit * SLACK + 1e-6:
        what = f"With {values.size} values the sum of squares is {off:,.6g}, above the limit."
        return Verdict(False, f"{what} The limit is {limit:,}.")
    fewest = _fewest(tuple(weights.tolist()), limit)
    if values.size > fewest + max(1, fewest // 4):
        what = f"{values.size} values keep within the limit; {fewest} can do it."
        return Verdict(False, f"{what} Come nearer: {fewest + max(1, fewest // 4)} will pass.")
    return Verdict(True, score=values.size)


def _until(
    make: Callable[[np.ndarray, int], np.ndarray],
) -> Callable[[np.ndarray, int], np.ndarray]:
    """Take more and more values until the limit is kept."""

    def codebook(weights: np.ndarray, limit: int) -> np.ndarray:
        for count in range(1, 4 * len(weights) + 1):
            values = make(weights, count)
            if _off(weights, values) <= limit * SLACK:
                return values
        return np.unique(weights)

    return codebook


def _ranks(weights: np.ndarray, count: int) -> np.ndarray:
    quantiles: np.ndarray = np.quantile(weights, (np.arange(count) + 0.5) / count)
    return quantiles


BOARD = tuple(_row(1000 + number, 120, [10, 4, 2][number % 3]) for number in range(12))

fewest_values = Task(
    name="low_rank_and_codes.fewest_values",
    title="Open: the fewest values",
    cases=_rows(),
    judge=_judge,
    board=Board(
        cases=BOARD,
        total=lambda scores: float(sum(scores)),
        label="values in the codebooks of 12 rows of 120 weights",
        best=float(sum(_fewest(tuple(c["weights"].tolist()), c["limit"]) for c in BOARD)),
    ),
    mistakes=(
        Mistake(
            "every weight its own",
            lambda weights, limit: np.unique(weights),
            "A value for every weight that occurs has no error at all. A codebook is worth its "
            "place only if it is short: use the error that is allowed.",
        ),
        Mistake(
            "evenly spread",
            _until(lambda weights, count: np.linspace(weights.min(), weights.max(), count)),
            "These values are spread evenly over the range: most of them serve hardly a weight, "
            "as the weights lie close together.",
        ),
        Mistake(
            "equally many weights",
            _until(_ranks),
            "Each of these values serves equally many weights: where they are close together that "
            "is a waste, and the few large ones are far from any value.",
        ),
        Mistake(
            "the mean alone",
            lambda weights, limit: np.array([weights.mean()]),
            "One value, the mean, is the shortest codebook. It is within the limit only if the "
            "weights are nearly alike.",
        ),
    ),
    hints=(
        "Which of the sorted weights does one value serve, and what is its best place?",
        "Lloyd's rounds with more and more values pass in many cases, but they stop in valleys. To "
        "be sure: what is the best way to serve the first i sorted weights with k values, if the "
        "best ways with k - 1 are known for all shorter rows?",
        "best[k][i] = the least over j of best[k - 1][j] + (squares of the weights j to i around "
        "their mean). Running sums of the weights and of their squares give the second term at "
        "once; note the j that was best, to find the ends again.",
    ),
)
