"""The seven loops in any order, generated, and what each order should cost.

An order is a string of the loops from the outermost to the innermost, such as ``"nkyxcrs"``: n
image, k filter, y and x row and column of the output, c channel, r and s row and column of the
filter. The sum does not care, so all 7! = 5,040 orders give the same answer (up to the rounding of
another order of additions), but a processor cares a lot: the innermost loop decides whether it
reads along memory or jumps through it.

A capital letter is a loop over tiles, and its small letter, further inside, is then the loop
within one tile: ``"nXkcrsyx"`` with ``tile={"X": 16}`` does 16 columns of the whole image first.

``print(loopnest.source("nkyxcrs"))`` shows what is compiled. `predict` reads an order and says what
it should cost before it is run; the idea is that of Wolf and Lam (1991), "A data locality
optimizing algorithm".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from minicnn.kernels.loopcost import Prediction, predict
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, crop, out_shape, pad

__all__ = ["LOOPS", "ORDER", "Prediction", "compiled", "forward", "make", "predict", "source"]

LOOPS = "nkyxcrs"
ORDER = "nkcrsyx"
"""A good order for most shapes: the longest stretch of memory innermost, one channel at a time."""

Tile = Mapping[str, int]
Arrays = Callable[[FloatArray, FloatArray, FloatArray], None]


def source(
    order: str = ORDER,
    *,
    tile: Tile | None = None,
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    groups: int = 1,
    update: str = "out",
) -> str:
    """Write the loops in the order asked for, as Python that Numba can compile.

    Parameters
    ----------
    order
        Each of the letters "nkyxcrs" once, outermost first, and a capital for a loop over tiles.
    tile
        Size of the tiles for each capital letter.
    stride, dilation, groups
        Of the convolution; they become constants in the text.
    update
        Which array the loops add into: "out" is the convolution, "image" its input gradient,
        "filters" its weight gradient. The loops are the same.

    Raises
    ------
    ValueError
        The string is no order of the loops.
    """
    sizes = check(order, tile)
    lines = [
        "def convolve(image, filters, out):",
        "    N, K, Y, X = out.shape",
        "    K, C, R, S = filters.shape",
    ]
    for depth, letter in enumerate(order, start=1):
        end, size = letter.upper(), sizes.get(letter.upper())
        if letter.isupper():
            loop = f"for {letter.lower()}_tile in range(0, {end}, {size}):"
        elif size is not None:
            first = f"{letter}_tile"
            loop = f"for {letter} in range({first}, min({first} + {size}, {end})):"
        else:
            loop = f"for {letter} in range({end}):"
        lines.append("    " * depth + loop)
    lines.append("    " * (len(order) + 1) + _statement(stride, dilation, groups, update))
    return "\n".join(lines) + "\n"


def _statement(stride: Pair, dilation: Pair, groups: int, update: str) -> str:
    channel = "c" if groups == 1 else f"k // (K // {groups}) * C + c"
    row, column = (
        f"{_times(out, step)} + {_times(tap, gap)}"
        for out, step, tap, gap in zip("yx", stride, "rs", dilation, strict=True)
    )
    terms = {
        "out": "out[n, k, y, x]",
        "image": f"image[n, {channel}, {row}, {column}]",
        "filters": "filters[k, c, r, s]",
    }
    if update not in terms:
        raise ValueError(
            f"update is {update!r}; the loops can add into {', '.join(map(repr, terms))}. "
            'Use "out" for the convolution itself.'
        )
    target = terms.pop(update)
    return f"{target} += {' * '.join(terms.values())}"


def _times(letter: str, factor: int) -> str:
    return letter if factor == 1 else f"{factor} * {letter}"


def check(order: str, tile: Tile | None = None) -> dict[str, int]:
    """Return the tile sizes by capital letter, or say what is wrong with the order."""
    sizes = dict(tile or {})
    small = "".join(letter for letter in order if letter.islower())
    if sorted(small) != sorted(LOOPS):
        raise ValueError(
            f"order is {order!r}; it wants each of the letters {LOOPS!r} once, outermost first. "
            f"For example {ORDER!r}."
        )
    capitals = "".join(letter for letter in order if not letter.islower())
    if sorted(capitals) != sorted(sizes):
        raise ValueError(
            f"order {order!r} has the tile loops {capitals!r} and tile is {sizes}; each capital "
            'letter wants one size. For example order "nXkcrsyx" with tile={"X": 16}.'
        )
    for letter, size in sizes.items():
        if letter.lower() not in LOOPS or order.index(letter) > order.index(letter.lower()):
            raise ValueError(
                f"order is {order!r}; the loop over tiles {letter!r} has to be outside a loop "
                f"{letter.lower()!r} within the tile. Move the capital letter to the left."
            )
        if size < 1:
            raise ValueError(f"tile[{letter!r}] is {size}; a tile has 1 step or more. Try 16.")
    return sizes


def make(order: str = ORDER, *, tile: Tile | None = None) -> Callable[..., FloatArray]:
    """Return the convolution in that order: a function like `forward`.

    It is compiled at the first call with a new stride, dilation or number of groups (about half a
    second), and remembered.
    """
    sizes = check(order, tile)

    def convolution(
        x: FloatArray,
        w: FloatArray,
        *,
        stride: Pair = (1, 1),
        padding: Padding = ((0, 0), (0, 0)),
        dilation: Pair = (1, 1),
        groups: int = 1,
    ) -> FloatArray:
        """Convolve x (N, C, H, W) with w (K, C/groups, R, S) into y (N, K, P, Q)."""
        y = np.zeros(out_shape(x.shape, w.shape, stride, padding, dilation), x.dtype)
        loops = compiled(order, tile=sizes, stride=stride, dilation=dilation, groups=groups)
        loops(pad(x, padding), w, y)
        return y

    return convolution


def compiled(order: str = ORDER, *, tile: Tile | None = None, **how: Any) -> Arrays:
    """Return the compiled `source`: a function of the padded image, the filters and the output.

    It adds into one of the three. Takes the arguments of `source`.
    """
    return _compiled(order, tuple((tile or {}).items()), tuple(how.items()))


@cache
def _compiled(
    order: str, tile: tuple[tuple[str, int], ...], how: tuple[tuple[str, Any], ...]
) -> Arrays:
    namespace: dict[str, Any] = {}
    exec(source(order, tile=dict(tile), **dict(how)), namespace)
    # No fastmath: it would let the compiler reorder the sums, and the order is ours here.
    loops: Arrays = njit(namespace["convolve"])
    return loops


forward = make(ORDER)


def backward_input(
    dy: FloatArray,
    w: FloatArray,
    x_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q): the same loops, adding into the image."""
    dx = pad(np.zeros(x_shape, dy.dtype), padding)
    compiled(stride=stride, dilation=dilation, groups=groups, update="image")(dx, w, dy)
    return np.ascontiguousarray(crop(dx, padding))


def backward_weight(
    dy: FloatArray,
    x: FloatArray,
    w_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dw (K, C/groups, R, S): the same loops, adding into the filters."""
    dw = np.zeros(w_shape, dy.dtype)
    loops = compiled(stride=stride, dilation=dilation, groups=groups, update="filters")
    loops(pad(x, padding), dw, dy)
    return dw
