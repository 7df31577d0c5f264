"""The same image in three orders of memory, and the plainest fast convolution in each.

=========  =====================  ==================================================
NCHW       (N, C, H, W)           one channel's picture after the other (PyTorch)
NHWC       (N, H, W, C)           all channels of a pixel together (TensorFlow)
blocked    (N, C/b, H, W, b)      b channels of a pixel together, then the picture
=========  =====================  ==================================================

The innermost axis is what vector instructions read. In NCHW it is a row of the picture, which is
short in the deep layers of a network; in NHWC it is the channels, which are then many; blocked has
always exactly b, enough to fill the registers, whatever the shape (oneDNN calls it nChw16c).

The loops here are forward only, for one group, and there to be read and timed. They take filters
that were rearranged once beforehand, as a library would.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.shapes import FloatArray, Padding, Pair, out_shape

NO_PADDING = ((0, 0), (0, 0))
BLOCK = 32
"""Channels in a block: what one turn of a compiled vector loop takes (4 registers of 8 floats)."""


def nchw_to_nhwc(x: FloatArray) -> FloatArray:
    """(N, C, H, W) to a new (N, H, W, C)."""
    return x.transpose(0, 2, 3, 1).copy()


def nhwc_to_nchw(x: FloatArray) -> FloatArray:
    """(N, H, W, C) to a new (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2).copy()


def nchw_to_blocked(x: FloatArray, block: int = BLOCK) -> FloatArray:
    """(N, C, H, W) to a new (N, C/block, H, W, block); channels that are missing are zeros."""
    N, C, H, W = x.shape
    blocks = -(-C // block)
    padded = np.zeros((N, blocks * block, H, W), x.dtype)
    padded[:, :C] = x
    return padded.reshape(N, blocks, block, H, W).transpose(0, 1, 3, 4, 2).copy()


def blocked_to_nchw(x: FloatArray, channels: int) -> FloatArray:
    """(N, C/block, H, W, block) to a new (N, C, H, W), without the channels added for the block."""
    N, blocks, H, W, block = x.shape
    wide = x.transpose(0, 1, 4, 2, 3).reshape(N, blocks * block, H, W)
    return wide[:, :channels].copy()


def filters_to_nhwc(w: FloatArray) -> FloatArray:
    """(K, C, R, S) to a new (R, S, C, K): the filters innermost."""
    return w.transpose(2, 3, 1, 0).copy()


def filters_to_blocked(w: FloatArray, block: int = BLOCK) -> FloatArray:
    """(K, C, R, S) to a new (K/block, C/block, R, S, block of C, block of K), padded with zeros."""
    K, C, R, S = w.shape
    outer, inner = -(-K // block), -(-C // block)
    padded = np.zeros((outer * block, inner * block, R, S), w.dtype)
    padded[:K, :C] = w
    split = padded.reshape(outer, block, inner, block, R, S)
    return split.transpose(0, 2, 4, 5, 3, 1).copy()


def conv_nhwc(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    dilation: Pair = (1, 1),
) -> FloatArray:
    """Convolve x (N, H, W, C) with w (R, S, C, K) into y (N, P, Q, K)."""
    (N, H, W, C), (R, S, _, K) = x.shape, w.shape
    N, K, P, Q = out_shape((N, C, H, W), (K, C, R, S), stride, padding, dilation)
    y = np.zeros((N, P, Q, K), x.dtype)
    _nhwc(_pad(x, padding, axis=1), w, y, stride, dilation)
    return y


def conv_blocked(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    dilation: Pair = (1, 1),
) -> FloatArray:
    """Convolve x (N, C/b, H, W, b) with w (K/b, C/b, R, S, b, b) into y (N, K/b, P, Q, b)."""
    (N, C, H, W, block), (K, _, R, S) = x.shape, w.shape[:4]
    N, K, P, Q = out_shape((N, C, H, W), (K, C, R, S), stride, padding, dilation)
    y = np.zeros((N, K, P, Q, block), x.dtype)
    _blocked(_pad(x, padding, axis=2), w, y, stride, dilation)
    return y


@njit(cache=True)
def _nhwc(x, w, y, stride, dilation):  # type: ignore[no-untyped-def]
    N, P, Q, K = y.shape
    R, S, C, K = w.shape
    for n in range(N):
        for p in range(P):
            for q in range(Q):
                for r in range(R):
                    for s in range(S):
                        for c in range(C):
                            row = p * stride[0] + r * dilation[0]
                            col = q * stride[1] + s * dilation[1]
                            value = x[n, row, col, c]
                            for k in range(K):
                                y[n, p, q, k] += value * w[r, s, c, k]


@njit(cache=True)
def _blocked(x, w, y, stride, dilation):  # type: ignore[no-untyped-def]
    N, K, P, Q, block = y.shape
    K, C, R, S, block, block = w.shape
    for n in range(N):
        for k in range(K):
            for c in range(C):
                for p in range(P):
                    for q in range(Q):
                        for r in range(R):
                            for s in range(S):
                                row = p * stride[0] + r * dilation[0]
                                col = q * stride[1] + s * dilation[1]
                                for i in range(block):
                                    value = x[n, c, row, col, i]
                                    for j in range(block):
                                        y[n, k, p, q, j] += value * w[k, c, r, s, i, j]


def _pad(x: FloatArray, padding: Padding, axis: int) -> FloatArray:
    """Zeros round the two axes of the picture, which begin at `axis`."""
    if padding == NO_PADDING:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis : axis + 2] = padding
    return np.pad(x, widths)
