"""The compiled loops of `int8`: some bands of the output, for some filters."""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.interleave import interleave
from minicnn.kernels.microkernel_int8 import LANES, WIDTH, product
from minicnn.kernels.requantize import store_bytes


@njit(cache=True, nogil=True)
def convolve_bands(  # type: ignore[no-untyped-def]
    x, packed, constant,
    channel, shift, row_phases, column_phases, rows, columns, distance, stride,
    before, x_zero_point, factors, zero, low, high, y,
    start, stop, p_start, p_stop, panel_start, panel_stop,
):  # fmt: skip
    """Fill some rows and filters of y, for some pictures: the groups of all images, numbered."""
    groups, _, depth, height, words = packed.shape
    K, P, Q = y.shape[1:]
    K, C = K // groups, x.shape[1] // groups
    size = len(channel) // 4 * len(row_phases) * len(column_phases) * rows * columns
    band = np.zeros(size + WIDTH, np.uint32)  # the last vector may reach beyond
    sums = np.zeros((height + 1, WIDTH), np.int32)  # so too the last vector of a run
    corner = p_start * stride[0] + before[0], before[1]
    pixels = (p_stop - p_start - 1) * columns + Q
    for picture in range(start, stop):
        n, group = divmod(picture, groups)
        interleave(
            band, x[n], group * C, channel, shift, row_phases, column_phases, rows, columns,
            stride, corner, x_zero_point,
        )  # fmt: skip
        for first in range(0, pixels, WIDTH):
            here = min(WIDTH, pixels - first)
            for panel in range(panel_start, panel_stop):
                w_first = (group * packed.shape[1] + panel) * depth * height * words
                product(depth, height, here, packed, w_first, band, first, distance, sums)
                for i in range(min(height, K - panel * height)):
                    k = group * K + panel * height + i
                    _finish(
                        sums, i, first, here, columns, constant[k], factors[0, k], factors[1, k],
                        zero, low, high, y, ((n * groups * K + k) * P + p_start) * Q, Q,
                    )  # fmt: skip


@njit(cache=True, nogil=True)
def _finish(  # type: ignore[no-untyped-def]
    sums, row, first, count, columns, constant, multiplier, shift, zero, low, high, y, plane, Q
):  # fmt: skip
    """Take one row of sums, pixels counted as wide as the band, to where they belong in y."""
    j = 0
    while j < count:
        p, q = divmod(first + j, columns)
        run = min(Q - q, count - j)
        for i in range(0, run, LANES):
            store_bytes(
                sums, row * WIDTH + j + i, run - i, constant, multiplier, shift, zero, low, high,
                y, plane + p * Q + q + i,
            )  # fmt: skip
        j += columns - q
