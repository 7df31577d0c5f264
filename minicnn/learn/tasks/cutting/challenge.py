"""The open task: a threshold for each exit, for the most right answers within a budget."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.learn.compare import describe
from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

NEVER = 2.0


def _problem(number: int, n: int) -> Case:
    """Make a network with two early exits up: how sure they are, and who is right."""
    rng = np.random.default_rng([number, n])
    hard = rng.random(n)
    sure, right = [], []
    for depth, boast in ((0.4, rng.random()), (0.7, rng.random())):
        skill = np.clip(1.2 * depth + 0.6 - hard, 0.05, 0.98)
        right.append(rng.random(n) < skill)
        says = np.clip(
            skill + 0.3 * (boast - 0.3) * (1 - skill) + 0.1 * rng.standard_normal(n), 0, 1
        )
        sure.append(np.round(np.maximum(says, 0.1), 2))
    right.append(rng.random(n) < np.clip(1.55 - hard, 0.05, 0.99))
    costs = np.cumsum(rng.integers(2, 9, 3)).astype(np.float64)
    budget = costs[0] + rng.uniform(0.3, 0.8) * (costs[2] - costs[0])
    return {
        "sure": np.array(sure),
        "right": np.array(right),
        "costs": costs,
        "budget": float(np.round(budget, 2)),
    }


@composite
def _problems(draw: DrawFn) -> Case:
    return _problem(draw_seed(draw), whole(draw, 1, 24))


def _result(case: Case, thresholds: tuple[float, float]) -> tuple[int, float]:
    """Return how many are right, and the average cost."""
    sure, where = case["sure"], np.full(case["sure"].shape[1], 2)
    where[sure[1] >= thresholds[1]] = 1
    where[sure[0] >= thresholds[0]] = 0
    right = case["right"][where, np.arange(len(where))]
    return int(right.sum()), float(case["costs"][where].mean())


def _candidates(sure: np.ndarray) -> list[float]:
    return [*map(float, np.unique(sure)), NEVER]


def _keeps(case: Case, cost: float) -> bool:
    return cost <= case["budget"] * (1 + 1e-9)


def _most(case: Case) -> int:
    """Try every pair of thresholds that makes a difference."""
    results = (
        _result(case, (first, second))
        for first in _candidates(case["sure"][0])
        for second in _candidates(case["sure"][1])
    )
    return max(right for right, cost in results if _keeps(case, cost))


def _judge(
    got: Any, sure: np.ndarray, right: np.ndarray, costs: np.ndarray, budget: float
) -> Verdict:
    """Check two thresholds, the budget, and how many answers are right."""
    values = np.asarray(got) if isinstance(got, list | tuple | np.ndarray) else np.zeros(0)
    if values.shape != (2,) or values.dtype.kind not in "fiu" or np.isnan(values).any():
        return Verdict(False, f"Expected two thresholds (a tuple of numbers); got {describe(got)}.")
    case = {"sure": sure, "right": right, "costs": costs, "budget": budget}
    count, cost = _result(case, (float(values[0]), float(values[1])))
    if not _keeps(case, cost):
        return Verdict(False, f"The average cost is {cost:.4g}; the budget is {budget:.4g}.")
    most = _most(case)
    if count < most:
        return Verdict(False, f"{count} of {sure.shape[1]} are right; {most} are possible.")
    return Verdict(True, score=count)


def _cheapest_first(case: Case, pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the pair with the most right answers within the budget, else (0, 0)."""
    best, found = -1, (0.0, 0.0)
    for pair in pairs:
        right, cost = _result(case, pair)
        if _keeps(case, cost) and right > best:
            best, found = right, pair
    return found


def _same(**case: Any) -> tuple[float, float]:
    return _cheapest_first(case, [(t, t) for t in _candidates(case["sure"])])


def _in_turn(**case: Any) -> tuple[float, float]:
    """Settle the first exit with the second shut, then the second."""
    first, _ = _cheapest_first(case, [(t, NEVER) for t in _candidates(case["sure"][0])])
    return _cheapest_first(case, [(first, t) for t in _candidates(case["sure"][1])])


BOARD = tuple(_problem(1000 + number, 40) for number in range(12))

best_thresholds = Task(
    name="cutting.best_thresholds",
    title="Open: thresholds within a budget",
    cases=_problems(),
    judge=_judge,
    board=Board(
        cases=BOARD,
        total=sum,
        label=f"right answers in {len(BOARD)} networks with 40 samples each",
        best=sum(_most(case) for case in BOARD),
    ),
    mistakes=(
        Mistake(
            "never early",
            lambda sure, right, costs, budget: (NEVER, NEVER),  # noqa: ARG005
            "Nobody leaves early here: that is as right as the network can be at its end, and "
            "costs the whole of it.",
        ),
        Mistake(
            "all at the first",
            lambda sure, right, costs, budget: (0.0, 0.0),  # noqa: ARG005
            "All leave at the first exit here: that keeps any budget, and wastes what is left.",
        ),
        Mistake(
            "the same for both",
            lambda sure, right, costs, budget: _same(
                sure=sure, right=right, costs=costs, budget=budget
            ),
            "This is the best that one threshold for both exits can do. But 0.8 of the first need "
            "not be worth 0.8 of the second: one of them may boast.",
        ),
        Mistake(
            "one after the other",
            lambda sure, right, costs, budget: _in_turn(
                sure=sure, right=right, costs=costs, budget=budget
            ),
            "This settles the first exit and then the second. What the first should do depends on "
            "what the second can do better.",
        ),
        Mistake(
            "no budget",
            lambda sure, right, costs, budget: _cheapest_first(
                {"sure": sure, "right": right, "costs": costs, "budget": np.inf + 0 * budget},
                [(a, b) for a in _candidates(sure[0]) for b in _candidates(sure[1])],
            ),
            "These are the best thresholds if cost does not matter: look at the budget.",
        ),
    ),
    hints=(
        "Which values of a threshold make any difference to who leaves?",
        "Only those in sure[0] (for the first exit) and sure[1] (for the second), and one above "
        "all of them. How many pairs is that?",
        "For each pair: where = 2, then 1 where sure[1] >= second, then 0 where sure[0] >= first; "
        "the mean of costs[where] against the budget, and right[where, i] to count. Keep the best.",
    ),
)
