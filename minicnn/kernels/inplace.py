"""Convolution as a matrix product whose right factor is the image itself.

The image with its border is one long row (`longrow`), in which every tap is a step to the right.
So the micro-kernel needs no panels: it takes a few filters and a few vectors of neighbouring
output pixels, and for each weight reads the image where its tap looks. A band of output rows is
done by one thread: its part of the image is laid out once and stays in the second level of cache
while all filters meet it.

Where the picture is narrow, too many of the numbers in a long row are border. There the runs of
output pixels are copied into panels after all, `panels`, several images side by side.

The gradient of the input is the same product with the roles of filters and channels swapped. With
a stride of 2 it falls apart into four pictures, of every second row and column; each is a product
with some of the taps, and two are zipped as they are stored.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.longrow import SPARE, spread
from minicnn.kernels.microkernel import NARROW_BYTES, NARROW_ROWS, narrow_at
from minicnn.kernels.panels import multiply_panels
from minicnn.kernels.pieces import Work
from minicnn.kernels.shapes import FloatArray, Pair
from minicnn.kernels.simd import lanes_of
from minicnn.kernels.store import store
from minicnn.kernels.threads import in_threads


def convolve(
    x: FloatArray,
    w: FloatArray,
    w_steps: Pair,
    work: Work,
    up: Pair,
    y: FloatArray,
    bias: FloatArray | None,
    relu: bool,
) -> None:
    """Fill y (N, K, P, Q) with what filters make of x (N, C, H, W).

    Parameters
    ----------
    w_steps
        Numbers from the weights of a group and of a filter to those of the next.
    up
        y falls apart into up[0] · up[1] pictures, in the order of their first pixels.
    """
    add = np.zeros(0, x.dtype) if bias is None else bias
    run = multiply_panels if work.packed else multiply_band

    def piece(block: tuple[slice, int, slice, slice]) -> None:
        images, group, rows, filters = block
        run(
            x, w, group * w_steps[0], w_steps[1], y, add, relu, up,
            work.room, work.channels, work.plane, work.a_steps, work.b_steps, work.bounds,
            group, images.start, images.stop, rows.start, rows.stop, filters.start, filters.stop,
            work.groups,
        )  # fmt: skip

    if len(work.blocks) == 1:
        piece(work.blocks[0])
    else:
        in_threads(piece, work.blocks)


@njit(cache=True, nogil=True)
def multiply_band(  # type: ignore[no-untyped-def]
    x, w, w_first, w_row, y, bias, relu, up, how, C, plane, a_steps, b_steps, bounds,
    group, n_start, n_stop, p_start, p_stop, k_start, k_stop, groups,
):  # fmt: skip
    """Fill rows of all pictures, for some filters of a group and some images."""
    _, K, P, Q = y.shape
    pitch, parts = how[7], how[4] * how[5]
    Q_part, across = -(-Q // up[1]), min(up[1], Q)
    width = max(1, NARROW_BYTES // x.itemsize)
    room = x.reshape(-1)  # 1×1 filters without a border: x itself is such a room
    if plane > 0:
        room = np.empty(C * parts * plane + SPARE, x.dtype)
    size = (p_stop - p_start) * pitch + lanes_of(x)
    sums = np.empty(NARROW_ROWS * across * size + SPARE, x.dtype)
    a_rows = np.arange(NARROW_ROWS) * w_row
    for n in range(n_start, n_stop):
        at = (n * x.shape[1] + group * C) * x.shape[2] * x.shape[3] + p_start * pitch
        if plane > 0:
            spread(x, n, group * C, C, p_start, p_stop - p_start, how, plane, room, 0)
            at = 0
        for k in range(k_start, k_stop, NARROW_ROWS):
            here = min(NARROW_ROWS, k_stop - k)
            for down in range(min(up[0], P)):
                rows = min(p_stop, -(-(P - down) // up[0])) - p_start
                columns = (rows - 1) * pitch + Q_part
                for part in range(across):
                    first, last = bounds[down * across + part], bounds[down * across + part + 1]
                    for j in range(0, columns, width):
                        narrow_at(
                            last - first, here, min(width, columns - j),
                            w, w_first + k * w_row, a_rows, a_steps[first:last],
                            room, at + j, b_steps[first:last],
                            sums, part * size + j, across * size, False,
                        )  # fmt: skip
                for i in range(here):
                    channel = group * (K // groups) + k + i
                    add = bias[channel] if len(bias) else x.dtype.type(0)
                    to = ((n * K + channel) * P + p_start * up[0] + down) * Q
                    store(
                        sums, i * across * size, size, across, pitch,
                        y, to, up[0] * Q, rows, Q, add, relu,
                    )  # fmt: skip
