"""The definition: a convolution is seven loops.

Four loops choose an output number, three walk through the inputs that it sees:

======  ====================================
n       image in the batch
k       filter, and so output channel
p, q    row and column of the output
c       input channel inside the filter's group
r, s    row and column of the filter
======  ====================================

Both gradients follow from one line, ``y += x * w``: whatever y gained from x by way of w, the
gradient gives back to x by way of w, and to w by way of x.
"""

from __future__ import annotations

from typing import Any

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
    zeros,
)


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
    y = zeros(out_shape(x.shape, w.shape, stride, padding, dilation), x.dtype, out)
    _forward(pad(x, padding), w, y, stride, dilation, groups)
    finish(y, bias, relu)
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
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q)."""
    dx = pad(np.zeros(x_shape, dy.dtype), padding)
    _backward_input(dy, w, dx, stride, dilation, groups)
    return np.ascontiguousarray(crop(dx, padding))


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
    """Gradient dw (K, C/groups, R, S), summed over the batch, from dy (N, K, P, Q)."""
    dw = np.zeros(w_shape, dy.dtype)
    _backward_weight(dy, pad(x, padding), dw, stride, dilation, groups)
    return dw


def workspace_bytes(x_shape: Shape4, w_shape: Shape4, itemsize: int, **window: Any) -> int:  # noqa: ARG001
    """Bytes of the padded copy of x."""
    return padded_bytes(x_shape, window["padding"], itemsize)


@njit(cache=True)
def _forward(x, w, y, stride, dilation, groups):  # type: ignore[no-untyped-def]
    N, K, P, Q = y.shape
    K, C, R, S = w.shape
    for n in range(N):
        for k in range(K):
            first = k // (K // groups) * C  # the first channel of this filter's group
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                row = p * stride[0] + r * dilation[0]
                                col = q * stride[1] + s * dilation[1]
                                y[n, k, p, q] += x[n, first + c, row, col] * w[k, c, r, s]


@njit(cache=True)
def _backward_input(dy, w, dx, stride, dilation, groups):  # type: ignore[no-untyped-def]
    N, K, P, Q = dy.shape
    K, C, R, S = w.shape
    for n in range(N):
        for k in range(K):
            first = k // (K // groups) * C
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                row = p * stride[0] + r * dilation[0]
                                col = q * stride[1] + s * dilation[1]
                                dx[n, first + c, row, col] += dy[n, k, p, q] * w[k, c, r, s]


@njit(cache=True)
def _backward_weight(dy, x, dw, stride, dilation, groups):  # type: ignore[no-untyped-def]
    N, K, P, Q = dy.shape
    K, C, R, S = dw.shape
    for n in range(N):
        for k in range(K):
            first = k // (K // groups) * C
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                row = p * stride[0] + r * dilation[0]
                                col = q * stride[1] + s * dilation[1]
                                dw[k, c, r, s] += dy[n, k, p, q] * x[n, first + c, row, col]
