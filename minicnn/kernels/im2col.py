"""Convolution as one matrix product: copy first, then multiply.

The patch of x under each window position becomes one column of a matrix. A row of weights times
that matrix is then a whole output channel, and matrix products are what computers do best::

    w        (K, C·R·S)
    columns  (C·R·S, N·P·Q)        columns[c r s, n p q] = x[n, c, p·sh + r·dh, q·sw + s·dw]
    y      = w @ columns           (K, N·P·Q)

The price is memory: an input number is copied up to R·S times. The batch is therefore cut into
blocks of images whose columns fit in a core's cache, and each core takes block after block.

References: Chellapilla, Puri and Simard (2006), "High performance convolutional neural networks
for document processing".
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import njit

from minicnn.kernels.shapes import (
    FloatArray,
    Padding,
    Pair,
    Shape4,
    crop,
    finish,
    out_shape,
    pad,
    padded_bytes,
)
from minicnn.kernels.threads import in_threads, num_threads, slices

COLUMN_BYTES = 2**19
"""Upper bound of a column matrix in bytes (one image's columns are the least there can be)."""
SHARES = 8
"""Partial sums of dw: enough to occupy most machines, few enough to hold in memory."""


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
    K, P, Q = y.shape[1:]
    rows = w.reshape(groups, K // groups, -1)
    pointwise = _is_pointwise(w.shape, stride, padding)

    def convolve(block: slice) -> None:
        if pointwise:
            np.matmul(rows, _pixels(x[block], groups), out=_pixels(y[block], groups))
        else:
            columns = _columns(x[block], y.shape, w.shape, stride, padding, dilation, groups)
            if block.stop - block.start == 1:  # one image's channels come out in their place
                np.matmul(rows, columns, out=_pixels(y[block], groups)[0])
            else:
                y[block] = np.matmul(rows, columns).reshape(K, -1, P, Q).swapaxes(0, 1)
        finish(y[block], bias, relu)

    in_threads(convolve, _blocks(y.shape, x.shape[1], w.shape, x.itemsize))
    return y


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,  # noqa: ARG001 (groups share out the columns, they do not change their number)
) -> int:
    """Bytes that `forward` needs besides x, w and y, all threads together."""
    if _is_pointwise(w_shape, stride, padding):
        return 0
    C, H, W = x_shape[1:]
    y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    blocks = list(_blocks(y_shape, C, w_shape, itemsize))
    images = blocks[0].stop
    columns = images * C * math.prod(w_shape[2:]) * math.prod(y_shape[2:]) * itemsize
    product = images * math.prod(y_shape[1:]) * itemsize if images > 1 else 0
    padded = padded_bytes((images, C, H, W), padding, itemsize)
    # The padded copy is let go before the product is made.
    return min(num_threads(), len(blocks)) * (columns + max(product, padded))


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
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q): columns = wᵀ @ dy, added back into place."""
    dx = np.empty(x_shape, dy.dtype)
    K, _, R, S = w.shape
    C, P, Q = x_shape[1], *dy.shape[2:]
    rows = w.reshape(groups, K // groups, -1).swapaxes(1, 2)
    pointwise = _is_pointwise(w.shape, stride, padding)

    def spread(block: slice) -> None:
        if pointwise:
            dx[block] = np.matmul(rows, _pixels(dy[block], groups)).reshape(-1, C, P, Q)
        else:
            columns = np.matmul(rows, _channels_first(dy[block], groups))
            padded = pad(np.zeros_like(dx[block]), padding)
            col2im(columns.reshape(C, R, S, -1, P, Q), padded, stride, dilation)
            dx[block] = crop(padded, padding)

    in_threads(spread, _blocks(dy.shape, C, w.shape, dy.itemsize))
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
    """Gradient dw (K, C/groups, R, S) from dy (N, K, P, Q): dw = dy @ columnsᵀ, block by block."""
    blocks = list(_blocks(dy.shape, x.shape[1], w_shape, x.itemsize))
    K, C, R, S = w_shape

    def share(some: list[slice]) -> FloatArray:
        dw = np.zeros((groups, K // groups, C * R * S), dy.dtype)
        for block in some:
            columns = _columns(x[block], dy.shape, w_shape, stride, padding, dilation, groups)
            dw += np.matmul(_channels_first(dy[block], groups), columns.swapaxes(1, 2))
        return dw

    shares = in_threads(share, [blocks[i::SHARES] for i in range(min(SHARES, len(blocks)))])
    return sum(shares[1:], shares[0]).reshape(w_shape)


@njit(cache=True, nogil=True)
def im2col(x, columns, stride, dilation):  # type: ignore[no-untyped-def]
    """Fill columns (C, R, S, N, P, Q) from the padded x (N, C, H, W)."""
    C, R, S, N, P, Q = columns.shape
    for c in range(C):
        for r in range(R):
            for s in range(S):
                for n in range(N):
                    for p in range(P):
                        source = x[n, c, p * stride[0] + r * dilation[0], s * dilation[1] :]
                        target = columns[c, r, s, n, p]
                        if stride[1] == 1:  # neighbours, which the processor moves many at a time
                            for q in range(Q):
                                target[q] = source[q]
                        else:
                            for q in range(Q):
                                target[q] = source[q * stride[1]]


@njit(cache=True, nogil=True)
def col2im(columns, dx, stride, dilation):  # type: ignore[no-untyped-def]
    """Add columns (C, R, S, N, P, Q) into the padded dx (N, C, H, W): the transpose of im2col."""
    C, R, S, N, P, Q = columns.shape
    for c in range(C):
        for r in range(R):
            for s in range(S):
                for n in range(N):
                    for p in range(P):
                        source = columns[c, r, s, n, p]
                        target = dx[n, c, p * stride[0] + r * dilation[0], s * dilation[1] :]
                        if stride[1] == 1:
                            for q in range(Q):
                                target[q] += source[q]
                        else:
                            for q in range(Q):
                                target[q * stride[1]] += source[q]


def _columns(
    x: FloatArray,
    y_shape: Shape4,
    w_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Columns of x as (groups, C/groups·R·S, N·P·Q), ready to be multiplied group by group."""
    (N, C), (R, S), (P, Q) = x.shape[:2], w_shape[2:], y_shape[2:]
    columns = np.empty((C, R, S, N, P, Q), x.dtype)
    im2col(pad(x, padding), columns, stride, dilation)
    return columns.reshape(groups, C // groups * R * S, N * P * Q)


def _channels_first(dy: FloatArray, groups: int) -> FloatArray:
    """Turn (N, K, P, Q) into (groups, K/groups, N·P·Q), the layout of w @ columns."""
    return dy.swapaxes(0, 1).reshape(groups, dy.shape[1] // groups, -1)


def _pixels(x: FloatArray, groups: int) -> FloatArray:
    """View (N, C, H, W) as (N, groups, C/groups, H·W): already columns of a 1×1 convolution."""
    N, C, H, W = x.shape
    return x.reshape(N, groups, C // groups, H * W)


def _is_pointwise(w_shape: Shape4, stride: Pair, padding: Padding) -> bool:
    return w_shape[2:] == (1, 1) and stride == (1, 1) and padding == ((0, 0), (0, 0))


def _blocks(y_shape: Shape4, C: int, w_shape: Shape4, itemsize: int) -> Iterator[slice]:
    """Cut the batch so that one block's columns stay within COLUMN_BYTES."""
    N, _, P, Q = y_shape
    R, S = w_shape[2:]
    return slices(N, max(1, COLUMN_BYTES // (C * R * S * P * Q * itemsize)))
