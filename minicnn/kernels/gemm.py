"""Matrix products of any size from the small product of the micro-kernel.

The micro-kernel wants a few columns of b, for the whole depth, one row after the other in memory.
So b is copied into panels, as wide as the micro-kernel's block, and in blocks that the second
level of cache can hold. Each strip of a, a few rows that the first level can hold, then meets all
panels of a block::

    b  (depth, n)                     panels (n / width, depth, width)
    ┌──┬──┬──┬─┐                      ┌──┐┌──┐┌──┐┌──┐
    │  │  │  │ │   copied once        │  ││  ││  ││  │   read once for every strip of a
    └──┴──┴──┴─┘                      └──┘└──┘└──┘└──┘

a is read where it is: the micro-kernel takes its numbers one by one, so their order does not
matter, and panels of a would cost more than they save in the small products of a convolution.

Reference: Goto and van de Geijn (2008), "Anatomy of high-performance matrix multiplication".
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import register_jitable

from minicnn.kernels.microkernel import PANEL_BYTES, ROWS, product
from minicnn.kernels.shapes import FloatArray
from minicnn.kernels.threads import in_threads, slices

DEPTH = 512
"""Rows of b in a block: the sums of a block are fetched and put back once for so many steps."""
BLOCK_BYTES = 2**18
"""Size of a block of b in bytes: it shares the second level of cache with a and c."""


@register_jitable
def panel_width(itemsize):  # type: ignore[no-untyped-def]
    """Columns in a panel, for numbers of that many bytes."""
    return max(1, PANEL_BYTES // itemsize)


def block_columns(depth: int, itemsize: int) -> int:
    """Columns of b in a block: whole panels, at least one."""
    width = panel_width(itemsize)
    return max(1, BLOCK_BYTES // (depth * itemsize * width)) * width


def matmul(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return a (m, depth) @ b (depth, n), both C-contiguous and of one dtype, as a new array."""
    c = np.empty((a.shape[0], b.shape[1]), a.dtype)
    width = block_columns(min(DEPTH, max(1, len(b))), a.itemsize)

    def columns(block: slice) -> None:
        _columns(a, b, c, block.start, block.stop, width)

    in_threads(columns, slices(b.shape[1], 4 * width))
    return c


@njit(cache=True, nogil=True)
def _columns(a, b, c, start, stop, block):  # type: ignore[no-untyped-def]
    """Set c[:, start:stop]."""
    M, depth = a.shape
    N = b.shape[1]
    width = panel_width(a.itemsize)
    panels = np.empty(min(depth, DEPTH) * block, a.dtype)
    for first in range(start, stop, block):
        columns = min(block, stop - first)
        if depth == 0:
            c[:, first : first + columns] = 0
        for k in range(0, depth, DEPTH):
            steps = min(DEPTH, depth - k)
            for j in range(0, columns, width):
                here = min(width, columns - j)
                for i in range(steps):
                    to = j * steps + i * width
                    panels[to : to + here] = b[k + i, first + j : first + j + here]
            multiply(
                M, columns, steps,
                a, k, depth, 1,
                panels, 0, width, width * steps,
                c, first, N, k > 0,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def multiply(  # type: ignore[no-untyped-def]
    rows, columns, depth,
    a, a_first, a_row, a_step,
    b, b_first, b_row, b_panel,
    c, c_first, c_row, accumulate,
):  # fmt: skip
    """Set, or with `accumulate` add to, c (rows, columns) the product of a and b.

    Where the numbers lie is said as in `microkernel.micro`; panels of b are `b_panel` apart.
    """
    width = panel_width(c.itemsize)
    for i in range(0, rows, ROWS):
        for j in range(0, columns, width):
            product(
                depth, min(ROWS, rows - i), min(width, columns - j),
                a, a_first + i * a_row, a_row, a_step,
                b, b_first + j // width * b_panel, b_row,
                c, c_first + i * c_row + j, c_row, accumulate,
            )  # fmt: skip
