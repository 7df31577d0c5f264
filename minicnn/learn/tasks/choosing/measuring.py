"""What a choice loses, and how to choose when the clock is noisy."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Case, Mistake, Task


def _times(shape: tuple[int, int], number: int, salt: int) -> np.ndarray:
    """Make times: whole numbers from 1 to 20."""
    rng = np.random.default_rng([number, salt])
    return rng.integers(1, 21, size=shape).astype(np.float64)


# --- regret -----------------------------------------------------------------------------------
@composite
def _regret_cases(draw: DrawFn) -> Case:
    rows, columns = whole(draw, 1, 6), whole(draw, 1, 5)
    times = _times((rows, columns), draw_seed(draw), 1)
    choices = [whole(draw, 0, columns - 1) for _ in range(rows)]
    return {"times": times, "choices": choices}


def _regret(times: np.ndarray, choices: list[int]) -> np.ndarray:
    lost = []
    for row, choice in zip(times, choices, strict=True):
        quickest = sorted(row)[0]
        lost.append((row[choice] - quickest) / quickest)
    return np.array(lost)


def _taken(times: np.ndarray, choices: list[int]) -> np.ndarray:
    return np.array([row[choice] for row, choice in zip(times, choices, strict=True)])


regret = Task(
    name="choosing.regret",
    title="What a choice loses",
    cases=_regret_cases(),
    oracle=_regret,
    mistakes=(
        Mistake(
            "in seconds",
            lambda times, choices: _taken(times, choices) - times.min(axis=1),
            "This is what you get when the loss is left in seconds: divide by the quickest time, "
            "or long layers drown the short ones.",
        ),
        Mistake(
            "share of the chosen",
            lambda times, choices: 1 - times.min(axis=1) / _taken(times, choices),
            "This is what you get when you divide by the time of the choice: twice the time is "
            "then a loss of one half, and no loss can pass 1.",
        ),
        Mistake(
            "ratio",
            lambda times, choices: _taken(times, choices) / times.min(axis=1),
            "This is the ratio of the two times: regret is what is lost, so the best choice "
            "has 0, not 1.",
        ),
        Mistake(
            "quickest of all",
            lambda times, choices: _taken(times, choices) / times.min() - 1,
            "This is what you get when every row is compared with the quickest time of the whole "
            "table: each convolution is its own race.",
        ),
        Mistake(
            "the average",
            lambda times, choices: _taken(times, choices) / times.mean(axis=1) - 1,
            "This is what you get when you compare with the average: a choice that loses nothing "
            "is as good as the quickest.",
        ),
    ),
    hints=(
        "What would somebody who knows all times choose in a row, and how long would it take?",
        "A row's regret is 0 if the choice is the quickest, and 1 if it takes twice as long.",
        "Take times[i, choices[i]] for every row i, divide by the smallest of the row, subtract 1.",
    ),
)


# --- picking ----------------------------------------------------------------------------------
@composite
def _pick_cases(draw: DrawFn) -> Case:
    count, rounds = whole(draw, 1, 5), 2 * whole(draw, 0, 3) + 1
    rng = np.random.default_rng([draw_seed(draw), 2])
    typical = rng.integers(32, 48, size=(count, 1))
    times = (typical + rng.integers(-3, 4, size=(count, rounds))).astype(np.float64)
    times[rng.random(times.shape) < 0.15] += 200  # another program was running
    times[rng.random(times.shape) < 0.05] = 20  # it happens: a clock that jumps
    margin = [0.0, 0.125, 0.25][whole(draw, 0, 2)]
    return {"times": times, "rule": whole(draw, 0, count - 1), "margin": margin}


def _pick_by(
    summary: Callable[[np.ndarray], np.ndarray], times: np.ndarray, rule: int, margin: float
) -> int:
    typical = summary(times)
    best = int(np.argmin(typical))
    return rule if typical[rule] <= (1 + margin) * typical[best] else best


def _middle(times: np.ndarray) -> np.ndarray:
    return np.array([sorted(row)[len(row) // 2] for row in times])


pick = Task(
    name="choosing.pick",
    title="Choose in spite of noise",
    cases=_pick_cases(),
    oracle=lambda times, rule, margin: _pick_by(_middle, times, rule, margin),
    mistakes=(
        Mistake(
            "the mean",
            lambda times, rule, margin: _pick_by(lambda t: t.mean(axis=1), times, rule, margin),
            "This is what you get from the mean: one round in which another program ran decides. "
            "Take the median.",
        ),
        Mistake(
            "the minimum",
            lambda times, rule, margin: _pick_by(lambda t: t.min(axis=1), times, rule, margin),
            "This is what you get from the minimum: one lucky round decides. Take the median.",
        ),
        Mistake(
            "no margin",
            lambda times, rule, margin: _pick_by(_middle, times, rule, 0.0),
            "This is what you get without the margin: the rule's choice may be slower by that "
            "share and stays all the same.",
        ),
        Mistake(
            "always the quickest",
            lambda times, rule, margin: int(np.argmin(_middle(times))),
            "This is what you get when the first of the quickest always wins: on a tie, and "
            "within the margin, the rule's choice stays.",
        ),
        Mistake(
            "always the rule",
            lambda times, rule, margin: rule,
            "This is always the rule's choice: one that is beaten by more than the margin goes.",
        ),
        Mistake(
            "the first round",
            lambda times, rule, margin: _pick_by(lambda t: t[:, 0], times, rule, margin),
            "This is what you get from the first round alone: the others were timed to be used.",
        ),
    ),
    hints=(
        "Which one number should stand for the rounds of a row, if some of them are far off?",
        "np.median(times, axis=1) gives it for every row; then compare the rule's with the "
        "smallest.",
        "If the rule's median is at most (1 + margin) times the smallest median, return rule; "
        "else the row of the smallest, the first if there are two.",
    ),
)
