"""Max unpooling: max pooling with input and output swapped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minicnn.kernels.shapes import FloatArray, Pair
from minicnn.ops import _check

Indices = npt.NDArray[np.int64]
"""Positions in the flattened H·W picture, as max_pool2d(..., return_indices=True) gives them."""


def max_unpool2d(x: FloatArray, indices: Indices, out_hw: Pair) -> FloatArray:
    """Put the numbers x (N, C, P, Q) back where max_pool2d found them; zero elsewhere.

    Where overlapping windows had the same maximum, the last one is written.
    """
    op = "max_unpool2d"
    _check.floats(x, "x", op, "(N, C, H, W)")
    H, W = _check.pair(out_hw, "out_hw", op)
    N, C, P, Q = x.shape
    _check_indices(indices, op, (N, C, P, Q), H * W)
    y = np.zeros((N, C, H * W), x.dtype)
    np.put_along_axis(y, indices.reshape(N, C, P * Q), x.reshape(N, C, P * Q), axis=2)
    return y.reshape(N, C, H, W)


def max_unpool2d_backward(dy: FloatArray, indices: Indices) -> FloatArray:
    """dx (N, C, P, Q): read dy (N, C, H, W) at the indices."""
    op = "max_unpool2d_backward"
    _check.floats(dy, "dy", op, "(N, C, H, W)")
    N, C, H, W = dy.shape
    _check_indices(indices, op, (N, C, *np.shape(indices)[2:]), H * W)
    return read(dy, indices)


def read(x: FloatArray, indices: Indices) -> FloatArray:
    """Pick numbers (N, C, P, Q) out of pictures x (N, C, H, W); checks nothing."""
    N, C = x.shape[:2]
    picked = np.take_along_axis(x.reshape(N, C, -1), indices.reshape(N, C, -1), axis=2)
    return picked.reshape(indices.shape)


def _check_indices(indices: Indices, op: str, shape: tuple[int, ...], pixels: int) -> None:
    if not isinstance(indices, np.ndarray) or indices.dtype.kind not in "iu":
        raise TypeError(
            f"indices are {getattr(indices, 'dtype', type(indices).__name__)}; {op} wants an array "
            "of integers. Use those of max_pool2d(..., return_indices=True)."
        )
    _check.same_shape(indices, "indices", op, shape, "one for each pooled number")
    if indices.min() < 0 or indices.max() >= pixels:
        raise ValueError(
            f"indices go from {indices.min()} to {indices.max()}; {op} wants 0 to {pixels - 1}, "
            "the pixels of the picture. Is that the size before pooling?"
        )
