"""What an order of the seven loops should cost, read from the order alone.

A multiply-add is a few instructions whatever the order. What differs is where its three numbers
lie. Four things are counted, each per multiply-add:

======  ==========================================================================================
starts  loops begun: bookkeeping that a long innermost loop spreads over many steps
lines   cache lines (64 bytes) that one step of the innermost loop moves on, over the three arrays
pages   memory pages (4 KiB) that it moves on
misses  lines fetched into the level-1 cache, by this rule: going outwards, find the first loop
        whose data no longer fit. Each time that loop is run, all of its data come in anew.
======  ==========================================================================================

`Prediction.score` adds them up with fixed weights, in rough clock cycles. It is a model to rank
orders with, not a clock: a processor also fetches ahead and overlaps work, and a compiler has
ideas of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from minicnn.kernels.looporder import Tile, check
from minicnn.kernels.shapes import Padding, Pair, Shape4, out_shape

LINE = 64
PAGE = 4096
LEVEL_ONE = 32 * 1024
LANES = 8
"""Numbers that one vector instruction handles: used when the innermost loop walks along memory."""

STEP_CYCLES, START_CYCLES, LINE_CYCLES, PAGE_CYCLES, MISS_CYCLES = 1.0, 4.0, 0.5, 0.5, 0.5


class Prediction(NamedTuple):
    """How an order uses memory, per multiply-add."""

    order: str
    vector: bool  # the innermost loop reads and writes along memory
    starts: float
    lines: float
    pages: float
    misses: float

    @property
    def score(self) -> float:
        """Rough clock cycles per multiply-add: lower is better."""
        return (
            STEP_CYCLES / (LANES if self.vector else 1)
            + START_CYCLES * self.starts
            + LINE_CYCLES * self.lines
            + PAGE_CYCLES * self.pages
            + MISS_CYCLES * self.misses
        )


class Axis(NamedTuple):
    """One axis of an array: its size, and by how much each loop moves along it."""

    size: int
    moves: dict[str, int]

    def span(self, steps: Mapping[str, int]) -> int:
        """From the first to the last position that loops of so many steps reach."""
        return 1 + sum((steps[loop] - 1) * move for loop, move in self.moves.items())


Axes = tuple[Axis, ...]


def predict(
    order: str,
    x_shape: Shape4,
    w_shape: Shape4,
    *,
    tile: Tile | None = None,
    stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
    itemsize: int = 4,
    cache_bytes: int = LEVEL_ONE,
) -> Prediction:
    """Count what `order` does to memory in a convolution of x (N, C, H, W) with w (K, C, R, S)."""
    sizes = check(order, tile)
    N, K, Y, X = out_shape(x_shape, w_shape, stride, padding, dilation)
    _, C, R, S = w_shape
    full = {"n": N, "k": K, "y": Y, "x": X, "c": C, "r": R, "s": S}
    (top, bottom), (left, right) = padding
    H, W = x_shape[2] + top + bottom, x_shape[3] + left + right
    arrays: tuple[Axes, ...] = (
        (Axis(N, {"n": 1}), Axis(K, {"k": 1}), Axis(Y, {"y": 1}), Axis(X, {"x": 1})),
        (
            Axis(N, {"n": 1}),
            Axis(C, {"c": 1}),
            Axis(H, {"y": stride[0], "r": dilation[0]}),
            Axis(W, {"x": stride[1], "s": dilation[1]}),
        ),
        (Axis(K, {"k": 1}), Axis(C, {"c": 1}), Axis(R, {"r": 1}), Axis(S, {"s": 1})),
    )

    trips = _trips(order, full, sizes)
    macs = math.prod(full.values())
    strides = [itemsize * _stride(axes, order[-1]) for axes in arrays]
    return Prediction(
        order,
        vector=max(strides) == itemsize and strides[0] == itemsize,
        starts=sum(math.prod(trips[:depth]) for depth in range(len(order))) / macs,
        lines=sum(min(1.0, step / LINE) for step in strides),
        pages=sum(min(1.0, step / PAGE) for step in strides),
        misses=_misses(order, trips, full, arrays, itemsize, cache_bytes) / macs,
    )


def _trips(order: str, full: Mapping[str, int], tile: Tile) -> list[int]:
    """How many steps each loop makes; a loop within a tile as many as the tile is large."""
    trips = []
    for loop in order:
        size = min(tile.get(loop.upper(), full[loop.lower()]), full[loop.lower()])
        trips.append(-(-full[loop.lower()] // size) if loop.isupper() else size)
    return trips


def _stride(axes: Axes, loop: str) -> int:
    """How many numbers further on in memory the next step of a loop is."""
    return sum(
        axis.moves.get(loop, 0) * math.prod(inner.size for inner in axes[position + 1 :])
        for position, axis in enumerate(axes)
    )


def _misses(
    order: str,
    trips: list[int],
    full: Mapping[str, int],
    arrays: tuple[Axes, ...],
    itemsize: int,
    cache_bytes: int,
) -> int:
    """Lines that come into the cache: the first loop that does not fit, times its runs."""
    steps = dict.fromkeys(full, 1)
    lines = 0
    for depth in range(len(order) - 1, -1, -1):
        loop = order[depth].lower()
        steps[loop] = full[loop] if order[depth].isupper() else trips[depth]
        lines = sum(_lines(axes, steps, itemsize) for axes in arrays)
        if lines * LINE > cache_bytes:
            return lines * math.prod(trips[:depth])
    return lines  # all of it fits: every line comes in once


def _lines(axes: Axes, steps: Mapping[str, int], itemsize: int) -> int:
    """How many cache lines of an array loops of so many steps touch."""
    run, runs, whole = 1, 1, True  # numbers side by side, and how many such runs
    reach, stride = 1, 1  # from the first number to the last
    for axis in reversed(axes):
        span = axis.span(steps)
        if whole:  # everything further in is touched from end to end, so the run goes on
            run *= span
        else:
            runs *= span
        whole = whole and span == axis.size
        reach += (span - 1) * stride
        stride *= axis.size
    # Runs may be so short and close together that several lie in one line.
    return min(runs * -(-run * itemsize // LINE), -(-reach * itemsize // LINE))
