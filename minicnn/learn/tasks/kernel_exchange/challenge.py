"""The open task: the order of the loops with the shortest way through memory."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, whole
from minicnn.learn.task import Board, Mistake, Task, Verdict

LOOPS = "kyxcrs"
LINE = 16
ENOUGH = 0.9
ORDERS = ["".join(order) for order in permutations(LOOPS)]
_PLACES = np.array([[LOOPS.index(loop) for loop in order] for order in ORDERS])  # (720, 6)

Sizes = tuple[int, int, int, int, int, int]


def _prices(sizes: Sizes) -> np.ndarray:
    """Return the lines that each of ORDERS moves on, all orders at once."""
    _, Y, X, C, R, S = sizes
    H, W = Y + R - 1, X + S - 1
    moves = np.array(
        [  # of k, y, x, c, r, s, in out, image and filters
            [Y * X, X, 1, 0, 0, 0],
            [0, W, 1, H * W, W, 1],
            [C * R * S, 0, 0, R * S, S, 1],
        ]
    )
    trips = np.array(sizes)[_PLACES]  # (720, 6), outermost first
    steps = moves[:, _PLACES]  # (3, 720, 6)
    back = np.cumsum((steps * (trips - 1))[:, :, ::-1], axis=2)[:, :, ::-1]
    jumps = steps - (back - steps * (trips - 1))  # a step, less the way back of the loops inside
    times = np.cumprod(trips, axis=1) // trips * (trips - 1)
    lines = np.minimum(1, np.abs(jumps) / LINE).sum(axis=0)
    return np.asarray((lines * times).sum(axis=1))


@lru_cache(maxsize=512)
def _price_list(sizes: Sizes) -> dict[str, float]:
    return dict(zip(ORDERS, _prices(sizes).tolist(), strict=True))


@composite
def _layers(draw: DrawFn) -> dict[str, Any]:
    kernel = whole(draw, 1, 3)
    side = whole(draw, 1, 24)
    return {"sizes": (whole(draw, 1, 40), side, side, whole(draw, 1, 40), kernel, kernel)}


def _judge_order(got: Any, sizes: Sizes) -> Verdict:
    """Check that an order is one, and within ENOUGH of the best; score its share."""
    if not isinstance(got, str) or sorted(got) != sorted(LOOPS):
        return Verdict(False, f"An order is a string with each of the letters {LOOPS!r} once.")
    prices = _price_list(sizes)
    best = min(prices.values())
    if best == 0:  # one multiply-add: nothing ever moves
        return Verdict(True, score=1.0)
    share = best / prices[got]
    if share < ENOUGH:
        what = (
            f"{got!r} moves on by {prices[got]:,.1f} lines in all; "
            f"the best order by {best:,.1f}. Come within {1 - ENOUGH:.0%} of it."
        )
        return Verdict(False, what)
    return Verdict(True, score=round(share, 6))  # orders may tie up to rounding


best_order = Task(
    name="kernel_exchange.best_order",
    title="Open: the best order of the loops",
    cases=_layers(),
    judge=_judge_order,
    board=Board(
        cases=tuple(
            {"sizes": (K, side, side, C, kernel, kernel)}
            for K, C, side in ((16, 3, 56), (16, 16, 28), (64, 32, 14), (128, 128, 7), (8, 200, 4))
            for kernel in (1, 3, 5)
        ),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent of the best possible, on average over 15 layers",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "as defined",
            lambda sizes: "kyxcrs",
            "This is the order of the definition, one output number after the other. It is legal, "
            "and it jumps about in the image: to the next row after a few columns, and to the next "
            "channel after a few rows.",
        ),
        Mistake(
            "pixels outermost",
            lambda sizes: "yxkcrs",
            "With the pixels outermost, all the filters are read again for every pixel.",
        ),
        Mistake(
            "channels innermost",
            lambda sizes: "kyxrsc",
            "With the channels innermost, each step jumps a whole picture further. "
            "That order is for images whose channels lie next to each other (NHWC).",
        ),
        Mistake(
            "inside out",
            lambda sizes: "srcxyk",
            "With the filters innermost, each step jumps a whole picture of the output further, "
            "and a whole filter in the weights.",
        ),
    ),
    hints=(
        "Which loop do you want innermost, if its picture is wide? And if it is one pixel wide?",
        "The price of one given order is a sum over six loops: how often the loop steps, times "
        "what its jump costs in the three arrays. Write that function first, and try it on the "
        "orders of the chapter.",
        "There are only 720 orders. With a function for the price, ask it about each of them and "
        "return the cheapest.",
    ),
)
