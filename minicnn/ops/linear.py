"""The fully connected layer."""

from __future__ import annotations

import numpy as np

from minicnn.kernels.shapes import FloatArray
from minicnn.kernels.threads import in_threads, slices
from minicnn.ops import _check

BLOCK = 256
"""Rows or columns of a product that one core works out at a time."""


def linear(
    x: FloatArray, w: FloatArray, b: FloatArray | None = None, *, out: FloatArray | None = None
) -> FloatArray:
    """Multiply: y (N, out) = x (N, in) @ w.T + b, with w (out, in) and b (out,).

    ``out`` (N, out) is written to if given.
    """
    _check_operands("linear", x, w)
    _check.same_dtype("linear", x=x, w=w, b=b)
    y = _product(x, w.T, _check.output(out, "linear", (len(x), len(w)), x))
    if b is not None:
        y += _check.vector(b, "b", "linear", w.shape[0], "output")
    return y


def linear_backward(
    dy: FloatArray, x: FloatArray, w: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients (dx, dw, db) of linear from dy (N, out); dw and db are sums over the batch."""
    op = "linear_backward"
    _check_operands(op, x, w)
    _check.floats(dy, "dy", op, "(N, features)")
    _check.same_dtype(op, dy=dy, x=x, w=w)
    _check.same_shape(dy, "dy", op, (len(x), len(w)), "the shape of linear's output")
    return _product(dy, w), _product(dy.T, x), dy.sum(axis=0)


def _check_operands(op: str, x: FloatArray, w: FloatArray) -> None:
    _check.floats(x, "x", op, "(N, features)")
    _check.floats(w, "w", op, "(out, in)")
    if x.shape[1] != w.shape[1]:
        raise ValueError(
            f"x has {x.shape[1]} features but w has shape {w.shape}; {op} wants w (out, in) with "
            f"in = {x.shape[1]}. Is w transposed? Use w.T."
        )


def _product(a: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Matrix product a @ b, cut along the longer side of the result."""
    rows, columns = len(a), b.shape[1]
    y = np.empty((rows, columns), a.dtype) if out is None else out

    def multiply(block: slice) -> None:
        if rows >= columns:
            np.matmul(a[block], b, out=y[block])
        else:
            np.matmul(a, b[:, block], out=y[:, block])

    in_threads(multiply, slices(max(rows, columns), BLOCK))
    return y
