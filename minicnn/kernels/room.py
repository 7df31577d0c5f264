"""An image laid out so that every tap of a filter is the same picture, some numbers further on.

Its rows, border included, follow on each other as one long line. Output pixel (p, q) is number
``p · columns + q`` of that line, and for every pixel a tap sees the number a fixed way further on.
With a stride of 2 the even and the odd rows and columns are laid out as four pictures, each such a
line, and a tap looks into one of them::

    room (images, channels, phases down, phases across, rows, columns)

Used by :mod:`~minicnn.kernels.direct`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from minicnn.kernels.shapes import FloatArray, Pair, Shape4
from minicnn.kernels.threads import in_threads

ROOM_BYTES = 2**22
"""Size of the laid out images, of which there is at least one."""

Taps = tuple[np.ndarray, np.ndarray]
"""Where the rows and columns of a filter look, counted from output pixel · stride."""


def room_shape(
    x_shape: Shape4, taps: Taps, stride: Pair, hw: Pair, itemsize: int
) -> tuple[int, ...]:
    """Images, channels, phases down and across, rows and columns of a phase."""
    reach = [(n - 1) * step + np.ptp(t) + 1 for n, step, t in zip(hw, stride, taps, strict=True)]
    image = (x_shape[1], *stride, *(-(-n // step) for n, step in zip(reach, stride, strict=True)))
    images = min(x_shape[0], max(1, ROOM_BYTES // (math.prod(image) * itemsize)))
    return tuple(int(n) for n in (images, *image))


def rooms(
    x: FloatArray, C: int, taps: Taps, stride: Pair, hw: Pair
) -> tuple[FloatArray, np.ndarray]:
    """Make room for some images, and say where in it each tap of each of C channels looks."""
    shape = room_shape(x.shape, taps, stride, hw, x.itemsize)
    (a, i), (b, j) = (  # phase and place of each tap, down and across
        ((t - t.min()) % step, (t - t.min()) // step) for t, step in zip(taps, stride, strict=True)
    )
    c, rows, columns = np.ix_(np.arange(C), np.arange(len(a)), np.arange(len(b)))
    places = (c, a[rows], b[columns], i[rows], j[columns])
    looks = np.ravel_multi_index(np.broadcast_arrays(*places), (C, *shape[2:]))
    return np.empty(shape, x.dtype), looks.ravel()


def fill_all(room: FloatArray, x: FloatArray, taps: Taps, stride: Pair) -> None:
    """Lay out some images x (images, C, H, W)."""
    top, left = int(taps[0].min()), int(taps[1].min())
    in_threads(lambda n: _fill(room[n], x[n], top, left, stride), range(len(x)), blas=False)


@njit(cache=True, nogil=True)
def _fill(room, x, top, left, stride):  # type: ignore[no-untyped-def]
    """Lay out an image x (C, H, W) from row `top` and column `left` on, zeros outside."""
    C, down, across, rows, columns = room.shape
    H, W = x.shape[1:]
    for c in range(C):
        for a in range(down):
            for b in range(across):
                first = left + b  # columns of x: first, first + stride, ...
                start = min(columns, max(0, -(first // stride[1])))
                stop = max(start, min(columns, -((first - W) // stride[1])))
                for i in range(rows):
                    line, h = room[c, a, b, i], top + a + i * stride[0]
                    if h < 0 or h >= H:
                        line[:] = 0
                        continue
                    line[:start] = 0
                    line[stop:] = 0
                    source = x[c, h, first + start * stride[1] :] if stop > start else x[c, h]
                    if stride[1] == 1:
                        for j in range(stop - start):
                            line[start + j] = source[j]
                    else:
                        for j in range(stop - start):
                            line[start + j] = source[j * stride[1]]
