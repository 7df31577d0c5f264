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

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from minicnn.kernels.loopcost import Prediction, predict
from minicnn.kernels.looporder import LOOPS, ORDER, Tile, check
from minicnn.kernels.shapes import (
    FloatArray,
    Padding,
    Pair,
    Shape4,
    crop,
    out_shape,
    pad,
    padded_bytes,
    zeros,
)

__all__ = ["LOOPS", "ORDER", "Prediction", "compiled", "forward", "make", "predict", "source"]

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
    lines = ["from numpy import uintp", ""] if sizes else []
    lines += [
        "def convolve(image, filters, out):",
        "    N, K, Y, X = out.shape",
        "    K, C, R, S = filters.shape",
    ]
    tiled = {letter.lower() for letter in sizes}
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
    lines.append("    " * (len(order) + 1) + _statement(stride, dilation, groups, update, tiled))
    return "\n".join(lines) + "\n"


def _statement(stride: Pair, dilation: Pair, groups: int, update: str, tiled: set[str]) -> str:
    channel = "c" if groups == 1 else f"k // (K // {groups}) * C + c"
    row, column = (
        f"{_times(out, step)} + {_times(tap, gap)}"
        for out, step, tap, gap in zip("yx", stride, "rs", dilation, strict=True)
    )

    def element(array: str, *indices: str) -> str:
        # Numba lets a negative index count from the end. That a loop from 0 has none, it sees by
        # itself; for a loop within a tile it has to be told, or the test is made at every step.
        told = [f"uintp({i})" if tiled.intersection(i) else i for i in indices]
        return f"{array}[{', '.join(told)}]"

    terms = {
        "out": element("out", "n", "k", "y", "x"),
        "image": element("image", "n", channel, row, column),
        "filters": element("filters", "k", "c", "r", "s"),
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
        out: FloatArray | None = None,
    ) -> FloatArray:
        """Convolve x (N, C, H, W) with w (K, C/groups, R, S) into y (N, K, P, Q)."""
        y = zeros(out_shape(x.shape, w.shape, stride, padding, dilation), x.dtype, out)
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


def workspace_bytes(x_shape: Shape4, w_shape: Shape4, itemsize: int, **window: Any) -> int:  # noqa: ARG001
    """Bytes of the padded copy of x."""
    return padded_bytes(x_shape, window["padding"], itemsize)


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
