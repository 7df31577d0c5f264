"""The compiled loops of `sparse`: some bands of the output, for some filters.

Three sizes of work meet three levels of the machine. A band of rows, of all channels, is copied
into the second level of the cache. Of it, a block of channels and of pixels fits the first level,
and every filter passes over it before the next block. One filter's pixels fit the registers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.bands import copy_band, drop_between, zero_between
from minicnn.kernels.microkernel_sparse import multiply, products
from minicnn.kernels.simd import lanes_of


@njit(cache=True, nogil=True)
def convolve_bands(  # type: ignore[no-untyped-def]
    x, values, columns, pointers, bias, relu, y,
    channels, rows, pixels, distance, corner, row_phases, column_phases, size, stride,
    start, stop, k_start, k_stop,
):  # fmt: skip
    """Fill some filters of y, any view, for bands `start` to `stop`, numbered by group first."""
    N, K, P, Q = y.shape
    groups, parts = pointers.shape[:2]
    C, filters = x.shape[1] // groups, K // groups
    lanes = lanes_of(x)
    pitch = -(-pixels // lanes) * lanes
    channel_size = len(row_phases) * len(column_phases) * size[0] * size[1]
    band = np.zeros(C * channel_size + pitch + lanes, x.dtype)
    sums = np.empty((k_stop - k_start) * pitch, x.dtype)
    bands = -(-P // rows)
    for number in range(start, stop):
        group, place = divmod(number, N * bands)
        n, p = place // bands, place % bands * rows
        here = min(rows, P - p)
        at = corner[0] + p * stride[0], corner[1]
        copy_band(band, x, n, group * C, C, at, row_phases, column_phases, size, stride)
        wide = (here - 1) * size[1] + Q
        for first in range(0, wide, pixels):
            count = min(pixels, wide - first)
            for k in range(k_start, k_stop):
                sums[(k - k_start) * pitch : (k - k_start + 1) * pitch] = bias[group * filters + k]
            for part in range(parts):
                seen = part * channels * channel_size + first
                multiply(
                    k_stop - k_start, pointers, (group * parts + part) * (filters + 1) + k_start,
                    values, columns, distance, band, seen, count, sums, pitch,
                )  # fmt: skip
            for k in range(k_start, k_stop):
                picture = y[n, group * filters + k, p : p + here]
                drop_between(sums, (k - k_start) * pitch, first, count, size[1], picture, relu)


@njit(cache=True, nogil=True)
def gradient_bands(  # type: ignore[no-untyped-def]
    dy, x, values, columns, pointers,
    channels, rows, pixels, distance, corner, row_phases, column_phases, size, stride,
    start, stop,
):  # fmt: skip
    """Add to `values` what bands `start` to `stop` give."""
    N, K, P, Q = dy.shape
    groups, parts = pointers.shape[:2]
    C, filters = x.shape[1] // groups, K // groups
    lanes = lanes_of(x)
    channel_size = len(row_phases) * len(column_phases) * size[0] * size[1]
    band = np.zeros(C * channel_size + pixels + 2 * lanes, x.dtype)
    gradient = np.empty((filters, pixels), x.dtype)
    bands = -(-P // rows)
    for number in range(start, stop):
        group, place = divmod(number, N * bands)
        n, p = place // bands, place % bands * rows
        here = min(rows, P - p)
        at = corner[0] + p * stride[0], corner[1]
        copy_band(band, x, n, group * C, C, at, row_phases, column_phases, size, stride)
        wide = (here - 1) * size[1] + Q
        for first in range(0, wide, pixels):
            count = min(pixels, wide - first)
            for k in range(filters):
                picture = dy[n, group * filters + k, p : p + here]
                zero_between(picture, first, count, size[1], gradient[k])
            for part in range(parts):
                seen = part * channels * channel_size + first
                products(
                    filters, pointers, (group * parts + part) * (filters + 1),
                    values, columns, distance, band, seen, count, gradient, pixels,
                )  # fmt: skip
