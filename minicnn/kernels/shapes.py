"""What every convolution algorithm needs to know about sizes and borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # ((top, bottom), (left, right))
Shape4 = tuple[int, int, int, int]


def out_size(size: int, kernel: int, stride: int, pad: Pair, dilation: int) -> int:
    """Count the positions of a window along one axis; below 1 when it does not fit."""
    reach = dilation * (kernel - 1) + 1
    return (size + pad[0] + pad[1] - reach) // stride + 1


def out_shape(
    x_shape: Shape4, w_shape: Shape4, stride: Pair, padding: Padding, dilation: Pair
) -> Shape4:
    """Shape (N, K, P, Q) of the convolution of x (N, C, H, W) with w (K, C/groups, R, S)."""
    P, Q = (
        out_size(x_shape[2 + i], w_shape[2 + i], stride[i], padding[i], dilation[i]) for i in (0, 1)
    )
    return x_shape[0], w_shape[0], P, Q


def pad(x: FloatArray, padding: Padding, value: float = 0.0) -> FloatArray:
    """Put a border round the last two axes; without a border, x itself."""
    (top, bottom), (left, right) = padding
    if top == bottom == left == right == 0:
        return x
    *outer, H, W = x.shape
    padded = np.full((*outer, top + H + bottom, left + W + right), value, x.dtype)
    padded[..., top : top + H, left : left + W] = x
    return padded


def padded_bytes(x_shape: Shape4, padding: Padding, itemsize: int) -> int:
    """How many bytes `pad` allocates for images of that shape."""
    N, C, H, W = x_shape
    (top, bottom), (left, right) = padding
    if top == bottom == left == right == 0:
        return 0
    return N * C * (top + H + bottom) * (left + W + right) * itemsize


def zeros(shape: Shape4, dtype: np.dtype, out: FloatArray | None) -> FloatArray:
    """Return new zeros, or `out` filled with zeros."""
    if out is None:
        return np.zeros(shape, dtype)
    out[...] = 0
    return out


def crop(x: FloatArray, padding: Padding) -> FloatArray:
    """Take the border off again (a view)."""
    (top, bottom), (left, right) = padding
    H, W = x.shape[-2:]
    return x[..., top : H - bottom, left : W - right]


def finish(y: FloatArray, bias: FloatArray | None, relu: bool) -> None:
    """Add a bias (K,) to y (N, K, P, Q) in place, then set what is negative to zero."""
    if bias is not None:
        y += bias[:, None, None]
    if relu:
        np.maximum(y, 0, out=y)
