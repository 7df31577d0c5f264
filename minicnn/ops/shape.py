"""Operations that move numbers and compute nothing."""

from __future__ import annotations

import math

from minicnn.kernels import shapes
from minicnn.kernels.shapes import FloatArray
from minicnn.ops import _check
from minicnn.ops._check import PaddingArg


def flatten(x: FloatArray) -> FloatArray:
    """(N, ...) to (N, features), row-major; a view of x where that is possible."""
    _check.floats(x, "x", "flatten")
    return x.reshape(len(x), -1)


def flatten_backward(dy: FloatArray, x_shape: tuple[int, ...]) -> FloatArray:
    """Give dy (N, features) the shape of flatten's input again."""
    _check.floats(dy, "dy", "flatten_backward")
    flat = (x_shape[0], math.prod(x_shape[1:]))
    _check.same_shape(dy, "dy", "flatten_backward", flat, "the shape of flatten's output")
    return dy.reshape(x_shape)


def pad2d(x: FloatArray, padding: PaddingArg, value: float = 0.0) -> FloatArray:
    """Put a border of `value` round the last two axes of x (N, C, H, W)."""
    _check.floats(x, "x", "pad2d", "(N, C, H, W)")
    padded = shapes.pad(x, _border(padding, "pad2d"), value)
    return padded.copy() if padded is x else padded


def pad2d_backward(dy: FloatArray, padding: PaddingArg) -> FloatArray:
    """dx: dy without its border."""
    _check.floats(dy, "dy", "pad2d_backward", "(N, C, H, W)")
    return shapes.crop(dy, _border(padding, "pad2d_backward")).copy()


def _border(padding: PaddingArg, op: str) -> shapes.Padding:
    if isinstance(padding, str):
        raise ValueError(
            f"padding is {padding!r}; {op} knows no kernel to derive it from and wants an int, "
            "(rows, columns) or ((top, bottom), (left, right)). For example padding=1."
        )
    return _check.padding_pairs(padding, op, (1, 1), (1, 1), (1, 1), (1, 1))
