"""Arithmetic intensity of a convolution: how many operations for each byte that is moved.

Counted from the shapes alone, at two places:

* `intensity`: between memory and the processor, if each of x, w and y is moved once. No algorithm
  can do with less, so this is the most that a convolution can have.
* `core_intensity`: between the nearest cache and the registers, as each algorithm's innermost
  loops do it, its own copies included. This is what blocking in registers is about.

An operation is one multiplication or one addition *of the definition*: Winograd's algorithm gets
away with fewer, and may so be found above a roof.
"""

from __future__ import annotations

import math
from typing import Any

from minicnn import ops
from minicnn.kernels.gemm import DEPTH, panel_width
from minicnn.kernels.microkernel import ROWS
from minicnn.kernels.shapes import Shape4
from minicnn.kernels.unrolled import FILTERS, TAPS

ALGORITHMS = ("naive", "im2col", "direct", "implicit", "winograd", "winograd2", "depthwise")


def operations(x_shape: Shape4, w_shape: Shape4, **window: Any) -> int:
    """Count multiplications and additions of the seven loops: two for each multiply-add.

    Takes stride, padding, dilation and groups, as `ops.conv2d` does.
    """
    return 2 * math.prod(_y_shape(x_shape, w_shape, window)) * math.prod(w_shape[1:])


def intensity(x_shape: Shape4, w_shape: Shape4, *, itemsize: int = 4, **window: Any) -> float:
    """Operations per byte if each of the three arrays is moved once."""
    shapes = (x_shape, w_shape, _y_shape(x_shape, w_shape, window))
    moved = itemsize * sum(math.prod(shape) for shape in shapes)
    return operations(x_shape, w_shape, **window) / moved


def core_intensity(
    algorithm: str, x_shape: Shape4, w_shape: Shape4, *, itemsize: int = 4, **window: Any
) -> float:
    """Operations per byte between registers and cache, as the algorithm's loops move them.

    For im2col the product is taken to be as good as our own micro-kernel's.

    Raises
    ------
    ValueError
        If the algorithm's loops have not been counted.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(
            f"algorithm is {algorithm!r}; core_intensity knows {', '.join(map(repr, ALGORITHMS))}. "
            "Count its loads and stores with cost.count_instructions instead."
        )
    total = operations(x_shape, w_shape, **window)
    x, y = math.prod(x_shape), math.prod(_y_shape(x_shape, w_shape, window))
    C, taps = w_shape[1], math.prod(w_shape[2:])
    steps = total // 2
    width = panel_width(itemsize)
    columns = y // w_shape[0] * x_shape[1] * taps  # numbers in the matrix of patches
    block = 1 / ROWS + 1 / width  # numbers of a and b that one step of the micro-kernel moves
    if algorithm == "naive":  # a pixel and a weight come, a sum goes
        moved: float = 3 * steps
    elif algorithm == "im2col":
        moved = 2 * columns * (taps > 1) + steps * block + y
    elif algorithm == "implicit":
        moved = 2 * columns + steps * block + y * (2 * -(-C * taps // DEPTH) - 1)
    elif algorithm == "direct":  # 4 pixels come; 4 sums come and go
        moved = 2 * x + steps * (TAPS + 2 * FILTERS) / (FILTERS * TAPS) + 2 * y
    elif algorithm == "depthwise":  # one pixel each; a weight serves 4 vectors, the sum stays
        moved = 2 * x + steps + 2 * y
    else:
        moved = _winograd(2 if algorithm == "winograd2" else 4, x_shape, w_shape, window, block) + y
    return total / (moved * itemsize)


def _winograd(
    tile: int, x_shape: Shape4, w_shape: Shape4, window: dict[str, Any], block: float
) -> float:
    """Numbers moved for F(tile × tile, 3×3): tiles come, go and come again; so do products."""
    N, K, P, Q = _y_shape(x_shape, w_shape, window)
    spots = (tile + 2) ** 2 * N * -(-P // tile) * -(-Q // tile)
    C = x_shape[1]
    return spots * (2 * C + K * C * block + 2 * K)


def _y_shape(x_shape: Shape4, w_shape: Shape4, window: dict[str, Any]) -> Shape4:
    return ops.conv2d_out_shape(x_shape, w_shape, **window)
