"""The open task: the fewest weights that keep an error within a budget."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from minicnn.learn.compare import describe
from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

SPARE = 1
"""A passing answer has at most so many weights more than the best one."""


def _problem(number: int, inputs: int, needed: int) -> Case:
    """Make a linear task up: related inputs on different scales, few of them really used."""
    rng = np.random.default_rng([number, inputs, needed])
    causes = rng.integers(-3, 4, size=(6 * inputs, inputs)).astype(np.float64)
    x = causes + np.roll(causes, 1, axis=1) * rng.integers(0, 2, size=inputs)
    true = np.zeros(inputs)
    true[rng.permutation(inputs)[:needed]] = rng.choice([-2.0, -1.0, 1.0, 2.0], size=needed)
    y = x @ true + rng.integers(-1, 2, size=len(x))
    x *= 2.0 ** rng.integers(-3, 4, size=inputs)
    best = min(_error(x, y, _fit(x, y, chosen)) for chosen in combinations(range(inputs), needed))
    return {"x": x, "y": y, "budget": float(np.round(1.1 * best + 0.01, 6))}


@composite
def _problems(draw: DrawFn) -> Case:
    inputs = whole(draw, 1, 6)
    return _problem(draw_seed(draw), inputs, whole(draw, min(1, inputs), max(1, inputs // 2)))


def _error(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    return float(np.mean((x @ w - y) ** 2))


def _fit(x: np.ndarray, y: np.ndarray, chosen: tuple[int, ...]) -> np.ndarray:
    """Least squares with the chosen inputs only."""
    w = np.zeros(x.shape[1])
    if chosen:
        w[list(chosen)] = np.linalg.lstsq(x[:, chosen], y, rcond=None)[0]
    return w


def _fewest(x: np.ndarray, y: np.ndarray, budget: float) -> int:
    """Try all choices of inputs, the smallest first."""
    for count in range(x.shape[1] + 1):
        for chosen in combinations(range(x.shape[1]), count):
            if _error(x, y, _fit(x, y, chosen)) <= budget:
                return count
    raise ValueError("the budget cannot be kept")


def _judge(got: Any, x: np.ndarray, y: np.ndarray, budget: float) -> Verdict:
    """Check that the error stays within the budget, and count the weights."""
    if not isinstance(got, np.ndarray) or got.shape != (x.shape[1],):
        want = f"Expected an array of {x.shape[1]} weights, one for each column of x"
        return Verdict(False, f"{want}; got {describe(got)}.")
    if got.dtype.kind not in "fiu" or not np.isfinite(got).all():
        return Verdict(False, f"The weights want to be finite numbers; they are {got}.")
    error, count = _error(x, y, got), int(np.count_nonzero(got))
    if error > budget * (1 + 1e-9):
        return Verdict(False, f"The mean squared error is {error:.6g}; the budget is {budget:.6g}.")
    fewest = _fewest(x, y, budget)
    if count > fewest + SPARE:
        what = f"{count} weights are not zero; {fewest} would be enough. "
        return Verdict(False, what + f"Come within {SPARE} of that.")
    return Verdict(True, score=count)


def _prune(x: np.ndarray, y: np.ndarray, budget: float, worth: Any, refit: bool) -> np.ndarray:
    """Remove the weight that is worth least, as long as the budget allows."""
    w = _fit(x, y, tuple(range(x.shape[1])))
    while w.any():
        left = np.flatnonzero(w)
        gone = left[np.argmin(worth(x, w)[left])]
        tried = w.copy()
        tried[gone] = 0.0
        if refit:
            tried = _fit(x, y, tuple(int(i) for i in np.flatnonzero(tried)))
        if _error(x, y, tried) > budget:
            break
        w = tried
    return w


BOARD = tuple(_problem(100 + number, 9, 3 + number % 2) for number in range(12))

sparsest = Task(
    name="pruning.sparsest",
    title="Open: the fewest weights within a budget",
    cases=_problems(),
    judge=_judge,
    board=Board(
        cases=BOARD,
        total=sum,
        label="weights in all for 12 tasks with 9 inputs each (fewer is better)",
        best=sum(_fewest(**case) for case in BOARD),
    ),
    mistakes=(
        Mistake(
            "nothing pruned",
            lambda x, y, budget: _fit(x, y, tuple(range(x.shape[1]))),  # noqa: ARG005
            "This is the least-squares answer with all its weights: it has the least error, and "
            "the budget allows more.",
        ),
        Mistake(
            "magnitude",
            lambda x, y, budget: _prune(x, y, budget, lambda x, w: np.abs(w), refit=False),  # noqa: ARG005
            "This prunes by magnitude and leaves the other weights as they are. The inputs have "
            "different scales, so that a small weight may do much; and those that stay could make "
            "up for those that go.",
        ),
        Mistake(
            "magnitude, trained on",
            lambda x, y, budget: _prune(x, y, budget, lambda x, w: np.abs(w), refit=True),  # noqa: ARG005
            "This prunes by magnitude and fits the others again each time. But a small weight on "
            "a large input may do much: magnitude is not what a weight is worth.",
        ),
        Mistake(
            "worth, not trained on",
            lambda x, y, budget: _prune(
                x, y, budget, lambda x, w: (x**2).mean(axis=0) * w**2, refit=False
            ),
            "This prunes what is worth least, and leaves the other weights as they are: fit them "
            "again, so that they make up for those that went.",
        ),
    ),
    hints=(
        "Once you know which weights may differ from zero, what are their best values?",
        "np.linalg.lstsq with the chosen columns gives the best values and so the least error of a "
        "choice. How many choices are there, with nine inputs?",
        "Go through itertools.combinations(range(d), count) for count = 0, 1, 2, ...; the first "
        "choice whose fit keeps the budget has the fewest weights.",
    ),
)
