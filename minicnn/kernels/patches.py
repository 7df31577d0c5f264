"""Patches of an image as columns of a matrix, a few at a time, straight from the image.

The matrix is that of `im2col`, one row for each input number that a filter sees and one column for
each output pixel. But only the block that is needed now is written, in the panels that a matrix
product reads (`gemm`), and outside the image it is zero without a padded copy.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels import simd
from minicnn.kernels.simd import REGISTER_BYTES


@njit(cache=True, nogil=True)
def fill(  # type: ignore[no-untyped-def]
    panels, width, x, channel, channels, row_taps, column_taps, stride, out_hw, first, columns
):  # fmt: skip
    """Write columns `first` to `first + columns` for some channels of x (N, C, H, W).

    panels
        The target, (panels, channels · taps, width) in memory. In a panel that is not full the
        rest is left as it is.
    row_taps, column_taps
        Where the filter's rows and columns look, counted from output pixel times stride: output
        row p sees the rows p · stride + tap.
    out_hw
        Size of the output image; its pixels, image after image, number the columns.
    """
    C, H, W = x.shape[1:]
    P, Q = out_hw
    taps = len(row_taps) * len(column_taps)
    # Every channel is copied in the same way, so the way is worked out once. A copy is of a run:
    # of pixels that are neighbours in a row of the output and in a panel, as one tap sees them.
    copies = np.empty(((columns // min(Q, width) + columns // width + 3) * taps, 5), np.intp)
    count = 0
    column = 0
    while column < columns:
        image, pixel = divmod(first + column, P * Q)
        p, q = divmod(pixel, Q)
        lane = column % width
        run = min(Q - q, width - lane, columns - column)
        target = column // width * channels * taps * width + lane
        for tap_h in row_taps:
            h = p * stride[0] + tap_h
            for tap_w in column_taps:
                left = q * stride[1] + tap_w
                source = ((image * C + channel) * H + h) * W + left
                start, stop = 0, 0  # the part of the run that looks into the image
                if 0 <= h < H:
                    start = max(0, -(left // stride[1]))
                    stop = min(run, -((left - W) // stride[1]))
                copies[count] = source, target, run, start, stop
                target += width
                count += 1
        column += run
    # A few channels at a time: their rows stay in the cache from one run to the next.
    for c in range(0, channels, 16):
        for run in range(0, count, taps):
            _copy(
                panels,
                x,
                stride[1],
                copies[run : run + taps],
                c,
                min(channels, c + 16),
                H * W,
                taps * width,
            )


@njit(cache=True, nogil=True)
def _copy(panels, x, stride, copies, c_start, c_stop, source_step, target_step):  # type: ignore[no-untyped-def]
    """Copy one run for some channels and every tap."""
    lanes = max(1, REGISTER_BYTES // x.itemsize)
    run = copies[0, 2]
    for c in range(c_start, c_stop):
        for tap in range(len(copies)):
            source = copies[tap, 0] + c * source_step
            target = copies[tap, 1] + c * target_step
            start, stop = copies[tap, 3], copies[tap, 4]
            for i in range(0, run, lanes):
                a, b = start - i, stop - i
                if stride == 1:
                    numbers = simd.load_part(x, source + i, a, b)
                elif stride == 2:
                    numbers = simd.evens(
                        simd.load_part(x, source + 2 * i, 2 * a, 2 * b - 1),
                        simd.load_part(x, source + 2 * i + lanes, 2 * a - lanes, 2 * b - 1 - lanes),
                    )
                else:
                    numbers = simd.gather(x, source + stride * i, stride, a, b)
                if run - i >= lanes:
                    simd.store(panels, target + i, numbers)
                else:
                    simd.store_part(panels, target + i, numbers, run - i)


@njit(cache=True, nogil=True)
def fill_transposed(panels, width, y, channel, channels, first, pixels):  # type: ignore[no-untyped-def]
    """Write some pixels of y (N, K, P, Q) as rows, some channels as columns, in panels."""
    K, P, Q = y.shape[1:]
    numbers = y.reshape(-1)
    pixel = 0
    while pixel < pixels:
        image, at = divmod(first + pixel, P * Q)
        run = min(P * Q - at, pixels - pixel)
        for k in range(channels):
            source = (image * K + channel + k) * P * Q + at
            target = (k // width * pixels + pixel) * width + k % width
            for i in range(run):
                panels[target + i * width] = numbers[source + i]
        pixel += run
