"""Which blocks can go, and what each of them is worth."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, st, whole
from minicnn.learn.task import Case, Mistake, Task

Shapes = list[tuple[int, int, int]]


# --- what fits together without it ------------------------------------------------------------
@composite
def _shape_cases(draw: DrawFn) -> Case:
    shape = st.sampled_from([(1, 8, 8), (4, 4, 4), (16, 2, 2), (4, 8, 8)])
    return {"shapes": draw(st.lists(shape, min_size=1, max_size=8))}


def _runs(shapes: Shapes) -> int:
    """Take every run out, and look whether what is left still fits."""
    layers = list(itertools.pairwise(shapes))  # (what goes in, what comes out)
    found = 0
    for start in range(len(layers)):
        for stop in range(start + 1, len(layers) + 1):
            left = layers[:start] + layers[stop:]
            fits = all(a[1] == b[0] for a, b in itertools.pairwise(left))
            ends = left and left[0][0] == shapes[0] and left[-1][1] == shapes[-1]
            found += bool(fits and (ends or (not left and shapes[0] == shapes[-1])))
    return found


def _pairs(
    shapes: Shapes, same: Callable[[tuple[int, ...], tuple[int, ...]], bool], longest: int = 99
) -> int:
    return sum(
        same(shapes[i], shapes[j])
        for i in range(len(shapes))
        for j in range(i + 1, min(i + longest, len(shapes) - 1) + 1)
    )


def _equal(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a == b


cuttable_runs = Task(
    name="cutting.cuttable_runs",
    title="What can go",
    cases=_shape_cases(),
    oracle=_runs,
    mistakes=(
        Mistake(
            "single blocks",
            lambda shapes: _pairs(shapes, _equal, 1),
            "This counts single blocks only: two that change the shape and change it back can go "
            "together.",
        ),
        Mistake(
            "as many numbers",
            lambda shapes: _pairs(shapes, lambda a, b: bool(np.prod(a) == np.prod(b))),
            "This compares how many numbers there are: 4 channels of 4x4 are as many as 16 of "
            "2x2, and no layer takes one for the other.",
        ),
        Mistake(
            "channels alone",
            lambda shapes: _pairs(shapes, lambda a, b: a[0] == b[0]),
            "This compares the channels alone: the linear layer at the end counts rows and columns "
            "too.",
        ),
        Mistake(
            "nothing taken out",
            lambda shapes: _pairs(shapes, _equal) + len(shapes),
            "This also counts runs of no block at all: what goes in is then what comes out.",
        ),
        Mistake(
            "never all",
            lambda shapes: _pairs(shapes, _equal) - (len(shapes) > 1 and shapes[0] == shapes[-1]),
            "This leaves out the run of all blocks: it counts as well, if the shapes agree.",
        ),
    ),
    hints=(
        "A run goes from one activation to a later one. When does the block after it not notice?",
        "The run from shapes[i] to shapes[j] can go if the two are equal; i < j.",
        "Two loops, j from i + 1 to the end; count the equal pairs.",
    ),
)


# --- what a block is worth --------------------------------------------------------------------
@composite
def _effect_cases(draw: DrawFn) -> Case:
    n, width, depth = whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 4)
    rng = np.random.default_rng([draw_seed(draw), n, width, depth])
    return {
        "x": rng.integers(-3, 4, (n, width)).astype(np.float64),
        "weights": rng.integers(-2, 3, (depth, width, width)).astype(np.float64) / 2,
        "target": rng.integers(-3, 4, (n, width)).astype(np.float64),
    }


def _loss_of(x: np.ndarray, kept: Sequence[np.ndarray], target: np.ndarray) -> float:
    """Add what each block sees in the sample so far, number by number."""
    total = 0.0
    for row, wanted in zip(x, target, strict=True):
        values = [float(v) for v in row]
        for w in kept:
            sums = [sum(a * v for a, v in zip(line, values, strict=True)) for line in w]
            values = [v + max(float(s), 0.0) for v, s in zip(values, sums, strict=True)]
        total += sum((v - t) ** 2 for v, t in zip(values, wanted, strict=True))
    return total / x.size


def _effects(x: np.ndarray, weights: np.ndarray, target: np.ndarray) -> np.ndarray:
    blocks = list(weights)
    whole_loss = _loss_of(x, blocks, target)
    without = [blocks[:i] + blocks[i + 1 :] for i in range(len(blocks))]
    return np.array([_loss_of(x, kept, target) - whole_loss for kept in without])


def _broken(x: np.ndarray, weights: np.ndarray, target: np.ndarray, what: str) -> np.ndarray:
    base = _loss_of(x, list(weights), target)
    losses = []
    for i in range(len(weights)):
        if what == "shortcut":
            losses.append(_loss_of(np.zeros_like(x), list(weights[i + 1 :]), target))
        elif what == "rest":
            losses.append(_loss_of(x, list(weights[:i]), target))
        else:
            losses.append(_loss_of(x, list(weights[i + 1 :]), target))
    return np.array(losses) - base


block_effects = Task(
    name="cutting.block_effects",
    title="What a block is worth",
    cases=_effect_cases(),
    oracle=_effects,
    mistakes=(
        Mistake(
            "shortcut gone too",
            lambda x, weights, target: _broken(x, weights, target, "shortcut"),
            "This takes the shortcut away with the block, so that zeros go on from there: what is "
            "left out is only what the block adds.",
        ),
        Mistake(
            "all after it",
            lambda x, weights, target: _broken(x, weights, target, "rest"),
            "This ends the network where the block stood: the blocks after it stay.",
        ),
        Mistake(
            "one after the other",
            lambda x, weights, target: _broken(x, weights, target, "so far"),
            "This takes the blocks out one after the other and puts none back: each is left out "
            "alone, with all the others there.",
        ),
        Mistake(
            "not the rise",
            lambda x, weights, target: (
                _effects(x, weights, target) + _loss_of(x, list(weights), target)
            ),
            "This is the loss without the block; asked is by how much it rises.",
        ),
        Mistake(
            "never below zero",
            lambda x, weights, target: np.maximum(_effects(x, weights, target), 0),
            "This never goes below 0: without a block that does harm, the loss falls.",
        ),
        Mistake(
            "sum of squares",
            lambda x, weights, target: _effects(x, weights, target) * x.size,
            "This sums the squares; the loss is their mean over all numbers of the output.",
        ),
    ),
    hints=(
        "Leave one block out. What goes into the next one?",
        "x + relu(x @ w.T), block after block; skipped, the block passes x on as it is. Write a "
        "function that gives the loss for any list of blocks.",
        "loss(all but i) - loss(all), for each i.",
    ),
)
