"""Convolution as a matrix product whose column matrix never exists.

`im2col` writes out the whole matrix of patches and multiplies it. Libraries avoid that, and call it
an implicit product. All three functions are one product each, over different axes::

    forward          y   (K, pixels)   =  w   (K, C·R·S)     @  patches of x  (C·R·S, pixels)
    backward_input   dx  (C, pixels)   =  wᵀ  (C, K·R·S)     @  patches of dy (K·R·S, pixels)
    backward_weight  dwᵀ (C·R·S, K)    =  patches of x       @  dyᵀ           (pixels, K)

A row of the matrix of patches is the image itself, a little further on, once its border is written
out (`longrow`). So the product reads the image where it is (`inplace`); only where pictures are
narrow are pieces of the matrix written, for as long as they are needed (`panels`). The third
product, whose depth are the pixels, is in `weight_gradient`.

With a stride of 2, dx falls apart into four pictures of every second row and column, each a
convolution with its own part of the filter: row h meets the filter's row r only if
h + top - r · dilation is a multiple of the stride.

Reference: Chetlur et al. (2014), "cuDNN: Efficient primitives for deep learning", section 3.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numba import njit

from minicnn.kernels import im2col, simd, weight_gradient
from minicnn.kernels.inplace import convolve
from minicnn.kernels.microkernel import NARROW_ROWS
from minicnn.kernels.pieces import Picture, Work, plan_work
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import in_threads, num_threads, slices

SWAP_BYTES = 2**20
"""Filters of more bytes than this are swapped before backward_input reads them."""

Taps = tuple[np.ndarray, np.ndarray]
"""Where the rows and columns of a filter look, counted from output pixel · stride."""


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
    K, C, R, S = w.shape
    work = _forward_work(x.shape, w.shape, stride, padding, dilation, groups, x.itemsize)
    convolve(x, w, (K // groups * C * R * S, C * R * S), work, (1, 1), y, bias, relu)
    return y


@lru_cache(512)
def _forward_work(
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    itemsize: int,
) -> Work:
    _, C, R, S = w_shape
    weights = np.arange(C * R * S).reshape(C, R * S)
    picture = Picture(*taps_of(w_shape, padding, dilation), weights)
    y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    return plan_work([picture], x_shape, y_shape, stride, (1, 1), groups, itemsize)


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
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q).

    Few channels would leave most rows of the micro-kernel idle, and a dx much larger than dy would
    mean many sums over borders: there `im2col`, which works on dy's pixels, has less to do.
    """
    K, C, R, S = w.shape
    pixels, steps = math.prod(x_shape[2:]), math.prod(stride) * math.prod(dy.shape[2:])
    if -(-C // NARROW_ROWS) * NARROW_ROWS * pixels > 1.6 * C * steps:
        return im2col.backward_input(
            dy, w, x_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
    swap = w.nbytes > SWAP_BYTES  # strides would leave the cache
    work = _gradient_work(
        dy.shape, w.shape, x_shape, stride, padding, dilation, groups, dy.itemsize, swap
    )
    dx = np.empty(x_shape, dy.dtype)
    filter_step = R * S
    if swap:
        w, filter_step = _swapped(w.reshape(groups, K // groups, C, R * S)), K // groups * R * S
    convolve(dy, w, (K // groups * C * R * S, filter_step), work, stride, dx, None, False)
    return dx


@lru_cache(512)
def _gradient_work(
    dy_shape: Shape4,
    w_shape: Shape4,
    x_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    itemsize: int,
    swapped: bool,
) -> Work:
    K, C, R, S = w_shape
    filters = np.arange(K // groups)[:, None] * (1 if swapped else C) * R * S
    axes = [
        list(phases(size, count, step, pad[0], gap))
        for size, count, step, pad, gap in zip(
            x_shape[2:], (R, S), stride, padding, dilation, strict=True
        )
    ]
    pictures = [
        Picture(row_taps, column_taps, filters + (r[:, None] * S + s).reshape(-1))
        for (_, r, row_taps), (_, s, column_taps) in itertools.product(*axes)
    ]
    return plan_work(pictures, dy_shape, x_shape, (1, 1), stride, groups, itemsize)


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
    """Gradient dw (K, C/groups, R, S) from dy (N, K, P, Q).

    If there are few filters in a group, lanes would be idle and `im2col` does better.
    """
    if w_shape[0] // groups < 8:
        return im2col.backward_weight(
            dy, x, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
    return weight_gradient.backward_weight(
        dy, x, w_shape, *taps_of(w_shape, padding, dilation), stride, groups
    )


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> int:
    """Bytes that `forward` needs besides x, w and y, at most, all threads together."""
    work = _forward_work(x_shape, w_shape, stride, padding, dilation, groups, itemsize)
    return min(num_threads(), len(work.blocks)) * work.bytes


def taps_of(w_shape: Shape4, padding: Padding, dilation: Pair) -> Taps:
    """Say where the rows and the columns of the filters look."""
    rows, columns = (np.arange(w_shape[2 + i]) * dilation[i] - padding[i][0] for i in (0, 1))
    return rows, columns


def phases(size: int, count: int, stride: int, before: int, dilation: int):  # type: ignore[no-untyped-def]
    """For every first, first + stride ... along an axis of x: which taps meet it, from where."""
    every = np.arange(count)
    for first in range(min(stride, size)):
        distance = first + before - every * dilation
        met = every[distance % stride == 0]
        yield slice(first, None, stride), met, distance[met] // stride


def _swapped(w: FloatArray) -> FloatArray:
    """Return a new (groups, b, a, n) of w (groups, a, b, n)."""
    groups, a, b, n = w.shape
    swapped = np.empty((groups, b, a, n), w.dtype)

    def some(block: tuple[int, slice]) -> None:
        group, columns = block
        _swap(w, swapped, group, columns.start, columns.stop)

    blocks = itertools.product(range(groups), slices(b, max(8, -(-b // 8))))
    in_threads(some, blocks, blas=False)
    return swapped


@njit(cache=True, nogil=True)
def _swap(w, swapped, group, start, stop):  # type: ignore[no-untyped-def]
    """Swap the middle axes; in strips, so that a few cache lines are written at a time."""
    _, A, B, n = w.shape
    lanes = simd.lanes_of(w)
    for first in range(start, stop, 8):
        for a in range(A):
            for b in range(first, min(stop, first + 8)):
                source, to = ((group * A + a) * B + b) * n, ((group * B + b) * A + a) * n
                for i in range(0, n, lanes):
                    v = simd.load_part(w, source + i, 0, n - i)
                    simd.store_part(swapped, to + i, v, n - i)
