"""The open task: an order for many passes, from what each pair of orders costs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from minicnn.learn.compare import describe
from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

SPARE = 1.02
"""A passing answer costs at most so many times what the best one does."""


def _problem(number: int, count: int) -> Case:
    """Make a table up: some liking for one order, and some noise that goes round in circles."""
    rng = np.random.default_rng([number, count])
    liking = rng.permutation(count)
    cost = rng.integers(0, 10, size=(count, count)) + 6 * (liking[:, None] > liking)
    np.fill_diagonal(cost, 0)
    return {"cost": cost.astype(np.float64)}


@composite
def _problems(draw: DrawFn) -> Case:
    return _problem(draw_seed(draw), whole(draw, 1, 5))


def _total(cost: np.ndarray, order: Sequence[int]) -> float:
    """Add up cost[a, b] for all a that come before b."""
    sorted_cost = cost[np.ix_(order, order)]
    return float(np.triu(sorted_cost, 1).sum())


def _least(cost: np.ndarray) -> float:
    """Build the best order of every subset from those with one pass fewer."""
    count = len(cost)
    best = np.full(2**count, np.inf)
    best[0] = 0.0
    for chosen in range(1, 2**count):
        inside = [i for i in range(count) if chosen >> i & 1]
        for last in inside:
            before = [i for i in inside if i != last]
            total = best[chosen & ~(1 << last)] + cost[before, last].sum()
            best[chosen] = min(best[chosen], total)
    return float(best[-1])


def _judge(got: Any, cost: np.ndarray) -> Verdict:
    """Check that it is an order, and count what it costs."""
    count = len(cost)
    want = f"Expected an order of the passes 0 to {count - 1}, each of them once"
    try:
        order = [int(i) for i in got]
        whole_numbers = all(i == j for i, j in zip(order, got, strict=True))
    except (TypeError, ValueError):
        return Verdict(False, f"{want}; got {describe(got)}.")
    if not whole_numbers or sorted(order) != list(range(count)):
        return Verdict(False, f"{want}; got {order}.")
    total, least = _total(cost, order), _least(cost)
    if total > SPARE * least:
        return Verdict(
            False, f"This order costs {total:g}; {least:g} is possible. Come within 2 % of that."
        )
    return Verdict(True, score=total)


def _nearest(cost: np.ndarray) -> list[int]:
    """Always take next what costs least behind the last one."""
    order = [0]
    while len(order) < len(cost):
        left = [i for i in range(len(cost)) if i not in order]
        order.append(min(left, key=lambda i: cost[order[-1], i]))
    return order


def _worst(cost: np.ndarray) -> list[int]:
    orders = [list(order) for order in permutations(range(len(cost)))]
    return max(orders, key=lambda order: _total(cost, order))


BOARD = tuple(_problem(500 + number, 9) for number in range(8))

best_order = Task(
    name="together.best_order",
    title="Open: an order for all passes",
    cases=_problems(),
    judge=_judge,
    board=Board(
        cases=BOARD,
        total=sum,
        label="cost in all of 8 orders of 9 passes (less is better)",
        best=sum(_least(**case) for case in BOARD),
    ),
    mistakes=(
        Mistake(
            "as they come",
            lambda cost: list(range(len(cost))),
            "This is the order in which the passes are numbered: the table has not been used.",
        ),
        Mistake(
            "by rows",
            lambda cost: np.argsort(cost.sum(axis=1), kind="stable").tolist(),
            "This sorts the passes by what they cost in front of all others. It is a good start, "
            "but a pass is never in front of all others: what counts is who really comes behind.",
        ),
        Mistake(
            "neighbours only",
            _nearest,
            "This looks at neighbours only. Every pass that comes earlier counts, not only the one "
            "right before.",
        ),
        Mistake(
            "the worst",
            _worst,
            "This is the dearest order: reverse it and look again.",
        ),
    ),
    hints=(
        "With five passes there are 120 orders, and you can try them all. With nine there are "
        "362,880: can you do with fewer?",
        "Which pass comes last? Whatever you say, what it adds does not depend on the order of "
        "the others. So the others want their own best order.",
        "Keep the best cost of every subset of passes, as a dictionary by frozenset or by bit "
        "pattern: best(S) is the least, over i in S, of best(R) + cost[R, i].sum(), where R is S "
        "without i.",
    ),
)
