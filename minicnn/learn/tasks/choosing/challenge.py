"""The open task: the weight of memory in a cost rule that loses least."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minicnn.learn.compare import describe
from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

LARGEST = 1e6
SLACK = 0.01
"""A passing weight loses at most this much more than the best one, in mean regret."""


def _machine(number: int, rows: int, columns: int) -> Case:
    """Make a machine up: counts of work and of numbers moved, and the times that it takes.

    An algorithm that works less moves more. A number moved costs so much work on this machine, and
    now and then an algorithm does better or worse than any count says.
    """
    rng = np.random.default_rng([number, rows, columns])
    size = rng.integers(10, 100, size=(rows, 1)).astype(np.float64)
    saved = np.sort(rng.integers(0, 8, size=(rows, columns)), axis=1)
    work = np.round(size * (10 - saved))
    moved = np.round(size * (1 + saved + rng.integers(0, 3, size=(rows, columns))))
    price = 2.0 ** rng.integers(-3, 3)
    odd = 1 + 0.4 * rng.random((rows, columns))
    return {"work": work, "moved": moved, "times": np.round((work + price * moved) * odd)}


@composite
def _machines(draw: DrawFn) -> Case:
    return _machine(draw_seed(draw), whole(draw, 1, 12), whole(draw, 1, 5))


def _loss(case: Case, weight: float) -> float:
    """Mean regret of the rule with this weight; the first of the cheapest is chosen."""
    choice = np.argmin(case["work"] + weight * case["moved"], axis=1)
    times = case["times"]
    taken = times[np.arange(len(times)), choice]
    return float(np.mean(taken / times.min(axis=1) - 1))


def _least(case: Case) -> float:
    """Find the least mean regret of any weight.

    A choice can only change where two algorithms cost the same, so one weight between any two
    neighbours of these is enough.
    """
    changes = {0.0}
    for work, moved in zip(case["work"], case["moved"], strict=True):
        for i in range(len(work)):
            for j in range(i):
                if moved[i] != moved[j]:
                    at = (work[j] - work[i]) / (moved[i] - moved[j])
                    if 0 < at < LARGEST:
                        changes.add(float(at))
    ends = sorted(changes)
    between = [(a + b) / 2 for a, b in zip(ends, [*ends[1:], ends[-1] + 2], strict=True)]
    return min(_loss(case, weight) for weight in [*ends, *between])


def _judge(got: Any, work: np.ndarray, moved: np.ndarray, times: np.ndarray) -> Verdict:
    """Check that a weight is one number, and that it loses little more than the best."""
    if isinstance(got, np.ndarray) and got.ndim == 0:
        got = got[()]
    if isinstance(got, bool) or not isinstance(got, int | float | np.integer | np.floating):
        return Verdict(False, f"Expected one number, the weight; got {describe(got)}.")
    if not math.isfinite(got) or not 0 <= got <= LARGEST:
        return Verdict(False, f"The weight is {got}; expected a number from 0 to {LARGEST:,.0f}.")
    case = {"work": work, "moved": moved, "times": times}
    lost, least = _loss(case, float(got)), _least(case)
    if lost > least + SLACK:
        what = (
            f"With the weight {float(got):.6g} the rule loses {100 * lost:.2f} % on average; "
            f"with the best weight it loses {100 * least:.2f} %. "
            f"Come within {100 * SLACK:.0f} point of that."
        )
        return Verdict(False, what)
    return Verdict(True, score=lost)


BOARD = tuple(_machine(1000 + number, 40, 5) for number in range(12))

best_weight = Task(
    name="choosing.best_weight",
    title="Open: the rule that loses least",
    cases=_machines(),
    judge=_judge,
    board=Board(
        cases=BOARD,
        total=lambda scores: round(100 * sum(scores) / len(scores), 6),
        label="per cent lost on average, on 12 machines with 40 convolutions each",
        best=round(100 * sum(_least(case) for case in BOARD) / len(BOARD), 6),
    ),
    mistakes=(
        Mistake(
            "work alone",
            lambda work, moved, times: 0.0,
            "The weight 0 counts the work alone: an algorithm that multiplies less but moves much "
            "more then always looks best.",
        ),
        Mistake(
            "memory alone",
            lambda work, moved, times: LARGEST,
            "So large a weight counts the numbers moved alone: the work hardly matters then.",
        ),
        Mistake(
            "one each",
            lambda work, moved, times: 1.0,
            "The weight 1 says that moving a number costs as much as a multiply-add: on this "
            "machine it does not.",
        ),
        Mistake(
            "least squares",
            lambda work, moved, times: _least_squares(work, moved, times),
            "This is the weight whose costs are nearest to the times (least squares). It explains "
            "the times, and long ones most of all; what you want are the right choices.",
        ),
    ),
    hints=(
        "For a given weight the rule makes one choice in each row. At which weights can the choice "
        "in a row change?",
        "Two algorithms of a row cost the same where work[i] + weight * moved[i] equals "
        "work[j] + weight * moved[j]. Between two neighbouring such weights nothing changes.",
        "Collect these weights of all rows and pairs, add 0, sort; try each of them and the middle "
        "between neighbours (and one beyond the last), and keep the weight with the least mean "
        "regret.",
    ),
)


def _least_squares(work: np.ndarray, moved: np.ndarray, times: np.ndarray) -> float:
    counts = np.stack([work.ravel(), moved.ravel()], axis=1)
    a, b = np.linalg.lstsq(counts, times.ravel(), rcond=None)[0]
    return float(np.clip(b / a, 0, LARGEST)) if a > 0 else LARGEST
