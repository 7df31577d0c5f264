"""When factors pay, and how shared values learn."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task


# --- the rank from which factors no longer pay ------------------------------------------------
@composite
def _rank_cases(draw: DrawFn) -> Case:
    return {
        "outputs": whole(draw, 1, 40),
        "channels": whole(draw, 1, 40),
        "height": whole(draw, 1, 7),
        "width": whole(draw, 1, 7),
    }


def _thrifty(outputs: int, channels: int, height: int, width: int) -> int:
    """Count the weights of both factors, rank by rank, until there are too many."""
    rank = 0
    while True:
        column = sum(channels * height for _ in range(rank + 1))
        row = sum(outputs * width for _ in range(rank + 1))
        if column + row >= outputs * channels * height * width:
            return rank
        rank += 1


thrifty_rank = Task(
    name="low_rank_and_codes.thrifty_rank",
    title="The last rank that pays",
    cases=_rank_cases(),
    oracle=_thrifty,
    mistakes=(
        Mistake(
            "equal is enough",
            lambda outputs, channels, height, width: (
                outputs * channels * height * width // (channels * height + outputs * width)
            ),
            "This is what you get when as many weights as before are few enough: "
            "the factors must have fewer.",
        ),
        Mistake(
            "taps forgotten",
            lambda outputs, channels, height, width: (
                (outputs * channels - 1) // (channels + outputs)
            ),
            "This is the rank for a matrix of outputs and channels: the filters have taps, "
            "height * width in the whole bank, height in one factor and width in the other.",
        ),
        Mistake(
            "sides exchanged",
            lambda outputs, channels, height, width: (
                (outputs * channels * height * width - 1) // (channels * width + outputs * height)
            ),
            "This is what you get when the column filter has the width and the row filter the "
            "height: the column, which sees the input channels, has the height.",
        ),
        Mistake(
            "one factor",
            lambda outputs, channels, height, width: (
                (outputs * channels * height * width - 1) // (channels * height)
            ),
            "This is what you get when only the column filter is counted: "
            "the row filter has weights, too.",
        ),
    ),
    hints=(
        "How many weights has a column filter from `channels` maps to r, and how many a row filter "
        "from r to `outputs`?",
        "Together they are r times a number that does not depend on r. Which r still keeps it "
        "below the weights of the whole bank?",
        "The largest r with r * n < total is (total - 1) // n.",
    ),
)


# --- the gradient of a codebook ---------------------------------------------------------------
@composite
def _gradient_cases(draw: DrawFn) -> Case:
    shape = whole(draw, 1, 5), whole(draw, 1, 6)
    count, number = whole(draw, 1, 6), draw_seed(draw)
    rng = np.random.default_rng([number, 3])
    which = rng.integers(-1, count, size=shape)
    if number % 3 == 0:
        which = np.maximum(which, 0)  # no weight is pruned
    return {"grad": fill(shape, number), "which": which, "count": count}


def _codebook_gradient(grad: np.ndarray, which: np.ndarray, count: int) -> np.ndarray:
    """Nudge each value by one: its weights all move by one, and a linear loss by the sum."""
    sums = []
    for value in range(count):
        nudged = np.zeros_like(grad)
        for place in np.ndindex(grad.shape):
            if which[place] == value:
                nudged[place] = 1
        sums.append(float((grad * nudged).sum()))
    return np.array(sums)


def _last_one(grad: np.ndarray, which: np.ndarray, count: int) -> np.ndarray:
    sums, kept = np.zeros(count), which >= 0
    sums[which[kept]] += grad[kept]
    return sums


def _mean(grad: np.ndarray, which: np.ndarray, count: int) -> np.ndarray:
    uses = [max(1, np.count_nonzero(which == value)) for value in range(count)]
    return _codebook_gradient(grad, which, count) / uses


def _pruned_too(grad: np.ndarray, which: np.ndarray, count: int) -> np.ndarray:
    sums = np.zeros(count)
    np.add.at(sums, which.ravel() % count, grad.ravel())
    return sums


codebook_gradient = Task(
    name="low_rank_and_codes.codebook_gradient",
    title="The gradient of a codebook",
    cases=_gradient_cases(),
    oracle=_codebook_gradient,
    mistakes=(
        Mistake(
            "last one only",
            _last_one,
            "This is what you get from sums[which] += grad: where an index repeats, NumPy keeps "
            "the last of them and forgets the others. np.add.at adds them all.",
        ),
        Mistake(
            "mean for sum",
            _mean,
            "This is the mean of the gradients of each value: it is their sum, as the value is in "
            "all these places.",
        ),
        Mistake(
            "pruned weights too",
            _pruned_too,
            "This is what you get when the weights marked -1 count for the last value: "
            "index -1 is the last in NumPy. These weights are pruned and learn nothing.",
        ),
        Mistake(
            "largest for sum",
            lambda grad, which, count: np.array(
                [grad[which == v].max() if (which == v).any() else 0.0 for v in range(count)]
            ),
            "This is the largest gradient of each value: all of them count.",
        ),
    ),
    hints=(
        "If a value grows by a tiny step, which weights grow, and what does each do to the loss?",
        "Leave out the places with -1 first. Then the gradients with the same index add up; beware "
        "of indices that repeat on the left of +=.",
        "Begin with zeros, one for each value; np.add.at(sums, indices, numbers) adds up by index.",
    ),
)
