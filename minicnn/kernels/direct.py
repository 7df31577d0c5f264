"""Convolution without a matrix: plain loops, with a block of numbers held in locals.

A copy of the image (`room`) is laid out so that every tap of every filter is *the same picture,
some numbers further on*. One row after another, border included, the picture is one long line::

    y[k, i]  =  sum over d of  w[k, d] · room[looks[d] + i]

with d for channel, filter row and filter column in one, and i for the pixels of all rows in one.
(A few i lie in the border to the right of the picture; they are worked out and thrown away.)

The innermost loops (`unrolled`) run along i, so the compiler makes vectors of them; in their body
stand 4 filters times 4 taps. The sums of a run of pixels stay in the first level of cache for the
whole depth. Both gradients are the same: that of the input is a convolution of dy, that of the
weights a product of dy with what each tap sees.

Reference: Georganas et al. (2018), "Anatomy of high-performance deep learning convolutions on SIMD
architectures", who block the direct convolution in registers and caches, too, in assembly.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numba import njit

from minicnn.kernels.implicit import phases, taps_of
from minicnn.kernels.room import Taps, fill_all, room_shape, rooms
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import in_threads, num_threads, slices
from minicnn.kernels.unrolled import FILTERS, TAPS, dots, multiply_add

RUN = 512
"""Pixels of which the sums are kept: 4 filters in 8 KiB, a quarter of a first level of cache."""
UNIT = 2**23
"""Multiply-adds in a piece of work for one thread, at least."""


def forward(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: FloatArray | None = None,
    bias: FloatArray | None = None,
    relu: bool = False,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, C/groups, R, S) into y (N, K, P, Q)."""
    y_shape = out_shape(x.shape, w.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    rows = w.reshape(groups, w.shape[0] // groups, -1)
    _correlate(x, rows, taps_of(w.shape, padding, dilation), stride, y, bias, relu)
    return y


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
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q): for each phase of the stride a convolution."""
    K, C, R, S = w.shape
    turned = w.reshape(groups, K // groups, C, R, S).swapaxes(1, 2)
    dx = np.empty(x_shape, dy.dtype)
    axes = [
        list(phases(size, count, step, pad[0], gap))
        for size, count, step, pad, gap in zip(
            x_shape[2:], (R, S), stride, padding, dilation, strict=True
        )
    ]
    for (rows, r, row_taps), (columns, s, column_taps) in itertools.product(*axes):
        part = dx[:, :, rows, columns]
        if len(r) and len(s):
            filters = turned[..., r[:, None], s].reshape(groups, C, -1)
            _correlate(dy, filters, (row_taps, column_taps), (1, 1), part, None, False)
        else:
            part[...] = 0  # between the windows
    return dx


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
    """Gradient dw (K, C/groups, R, S) from dy (N, K, P, Q)."""
    K, C, R, S = w_shape
    N, _, P, Q = dy.shape
    taps = taps_of(w_shape, padding, dilation)
    room, looks = rooms(x, C, taps, stride, (P, Q))
    line = room.shape[-1]
    gradient = np.zeros((len(room), K, P, line), dy.dtype)  # as wide as the room: one long line
    dw = np.zeros((K, C * R * S), dy.dtype)
    share = max(FILTERS, UNIT // (C * R * S * P * line * len(room)) // FILTERS * FILTERS)
    pieces = list(itertools.product(range(groups), slices(K // groups, share)))
    for images in slices(N, len(room)):
        count = images.stop - images.start
        fill_all(room, x[images], taps, stride)
        gradient[:count, :, :, :Q] = dy[images]

        def filters(piece: tuple[int, slice], count: int = count) -> None:
            group, k = piece
            first = group * (K // groups)
            _weight_gradient(
                room, count, group * C, looks, gradient, (P - 1) * line + Q, dw,
                first + k.start, first + k.stop,
            )  # fmt: skip

        in_threads(filters, pieces, blas=False)
    return dw.reshape(w_shape)


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,  # noqa: ARG001 (groups share the room out, they do not change its size)
) -> int:
    """Bytes that `forward` needs besides x, w and y, all threads together."""
    hw = out_shape(x_shape, w_shape, stride, padding, dilation)[2:]
    shape = room_shape(x_shape, taps_of(w_shape, padding, dilation), stride, hw, itemsize)
    return (math.prod(shape) + num_threads() * FILTERS * RUN) * itemsize


def _correlate(
    x: FloatArray,
    w: FloatArray,
    taps: Taps,
    stride: Pair,
    y: FloatArray,
    bias: FloatArray | None,
    relu: bool,
) -> None:
    """Fill y (N, groups·filters, P, Q), any view, with w (groups, filters, depth) on x."""
    groups, filters, depth = w.shape
    N, _, P, Q = y.shape
    C = x.shape[1] // groups
    room, looks = rooms(x, C, taps, stride, (P, Q))
    bias = np.zeros(groups * filters, x.dtype) if bias is None else bias
    share = max(FILTERS, UNIT // (depth * P * room.shape[-1]) // FILTERS * FILTERS)
    for images in slices(N, len(room)):
        fill_all(room, x[images], taps, stride)
        some = y[images]

        def convolve(piece: tuple[int, int, slice], some: FloatArray = some) -> None:
            n, group, k = piece
            _convolve(room, n, group * C, looks, w, group, bias, relu, some, k.start, k.stop)

        blocks = itertools.product(range(len(some)), range(groups), slices(filters, share))
        in_threads(convolve, blocks, blas=False)


@njit(cache=True, nogil=True)
def _convolve(room, n, channel, looks, w, group, bias, relu, y, start, stop):  # type: ignore[no-untyped-def]
    """Fill some filters of a group in image n of y."""
    filters = w.shape[1]
    P, Q = y.shape[2:]
    line = room.shape[-1]
    picture = room[n, channel:].reshape(-1)
    sums = np.empty((FILTERS, RUN), room.dtype)
    end = (P - 1) * line + Q
    for first in range(0, end, RUN):
        run = min(RUN, end - first)
        for k in range(start, stop, FILTERS):
            sums[:, :run] = 0
            multiply_add(sums, run, picture, first, looks, w[group], k)
            for i in range(min(FILTERS, stop - k)):
                place = group * filters + k + i
                _put(sums[i], run, first, line, bias[place], relu, y[n, place])


@njit(cache=True, nogil=True)
def _put(sums, run, first, line, bias, relu, y):  # type: ignore[no-untyped-def]
    """Write a run of the long line into y (P, Q), with the bias and ReLU, without the border."""
    Q = y.shape[1]
    i = 0
    while i < run:
        p, q = divmod(first + i, line)
        for j in range(min(Q - q, run - i)):
            value = sums[i + j] + bias
            y[p, q + j] = sums.dtype.type(0) if relu and value < 0 else value
        i += line - q


@njit(cache=True, nogil=True)
def _weight_gradient(room, images, channel, looks, dy, end, dw, start, stop):  # type: ignore[no-untyped-def]
    """Add to some filters of dw (K, depth): sums over the long lines of all images."""
    depth = len(looks)
    sums = np.empty((FILTERS, TAPS), room.dtype)
    for n in range(images):
        picture, lines = room[n, channel:].reshape(-1), dy[n].reshape(len(dw), -1)
        for first in range(0, end, 4 * RUN):
            run = min(4 * RUN, end - first)
            for k in range(start, stop, FILTERS):
                for t in range(0, depth, TAPS):
                    dots(sums, run, picture, first, looks, t, lines, k, stop - 1)
                    for i in range(min(FILTERS, stop - k)):
                        for j in range(min(TAPS, depth - t)):
                            dw[k + i, t + j] += sums[i, j]
