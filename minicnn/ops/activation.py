"""Functions of one number, and softmax.

The gradients of ReLU, ReLU6, sigmoid, tanh and softmax need only the output y, so a layer can
forget its input.
"""

from __future__ import annotations

import math

import numpy as np

from minicnn.kernels import elementwise
from minicnn.kernels.elementwise import in_blocks
from minicnn.kernels.shapes import FloatArray
from minicnn.ops import _check


def relu(x: FloatArray, *, out: FloatArray | None = None) -> FloatArray:
    """max(x, 0), written to `out` if given, which may be x."""
    return _clamp(x, math.inf, out, "relu")


def relu_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of relu (its input x does as well); 0 at x = 0."""
    _check_gradient("relu_backward", dy, y, "y")
    return _clamp_backward(dy, y, math.inf)


def add(
    a: FloatArray, b: FloatArray, *, relu: bool = False, out: FloatArray | None = None
) -> FloatArray:
    """a + b of two arrays of one shape, cut off at 0 with ``relu``: the end of a residual block.

    It is written to ``out`` if given, which may be a or b.
    """
    a, b = _check.floats(a, "a", "add"), _check.floats(b, "b", "add")
    _check.same_dtype("add", a=a, b=b)
    _check.same_shape(b, "b", "add", a.shape, "the shape of a")
    a, b = _check.for_loops(a), _check.for_loops(b)
    y = _check.output(out, "add", a.shape, a, in_place=True)
    rows = [array.reshape(-1) for array in (a, b, y)]

    def sum_up(some: slice) -> None:
        elementwise.add(rows[0][some], rows[1][some], rows[2][some], relu)

    in_blocks(sum_up, a.size)
    return y


def leaky_relu(x: FloatArray, negative_slope: float = 0.01) -> FloatArray:
    """x where x > 0, negative_slope * x elsewhere."""
    return _leaky(_check.floats(x, "x", "leaky_relu"), x, negative_slope)


def leaky_relu_backward(dy: FloatArray, x: FloatArray, negative_slope: float = 0.01) -> FloatArray:
    """dx from the input x of leaky_relu."""
    _check_gradient("leaky_relu_backward", dy, x, "x")
    return _leaky(x, dy, negative_slope)


def relu6(x: FloatArray, *, out: FloatArray | None = None) -> FloatArray:
    """min(max(x, 0), 6), from Krizhevsky (2010), "Convolutional deep belief networks".

    It is written to `out` if given, which may be x.
    """
    return _clamp(x, 6.0, out, "relu6")


def relu6_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of relu6 (its input x does as well); 0 at both corners."""
    _check_gradient("relu6_backward", dy, y, "y")
    return _clamp_backward(dy, y, 6.0)


def sigmoid(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)), written so that exp never overflows."""
    _check.floats(x, "x", "sigmoid")
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def sigmoid_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of sigmoid."""
    _check_gradient("sigmoid_backward", dy, y, "y")
    return dy * y * (1 - y)


def tanh(x: FloatArray) -> FloatArray:
    """Hyperbolic tangent."""
    return np.tanh(_check.floats(x, "x", "tanh"))


def tanh_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of tanh."""
    _check_gradient("tanh_backward", dy, y, "y")
    return dy * (1 - y * y)


def softmax(x: FloatArray) -> FloatArray:
    """Probabilities over axis 1: exp(x) / sum(exp(x)), stable for any finite x."""
    e = np.exp(_shifted(x, "softmax"))
    y: FloatArray = e / e.sum(axis=1, keepdims=True)
    return y


def softmax_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of softmax."""
    _check_gradient("softmax_backward", dy, y, "y")
    dx: FloatArray = y * (dy - (dy * y).sum(axis=1, keepdims=True))
    return dx


def log_softmax(x: FloatArray) -> FloatArray:
    """Logarithms of the probabilities over axis 1, never the logarithm of a tiny number."""
    shifted = _shifted(x, "log_softmax")
    y: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return y


def log_softmax_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of log_softmax."""
    _check_gradient("log_softmax_backward", dy, y, "y")
    dx: FloatArray = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)
    return dx


def _clamp(x: FloatArray, high: float, out: FloatArray | None, op: str) -> FloatArray:
    x = _check.for_loops(_check.floats(x, "x", op))
    y = _check.output(out, op, x.shape, x, in_place=True)
    numbers, clamped = x.reshape(-1), y.reshape(-1)
    in_blocks(lambda some: elementwise.clamp(numbers[some], high, clamped[some]), x.size)
    return y


def _clamp_backward(dy: FloatArray, y: FloatArray, high: float) -> FloatArray:
    dy, y = _check.for_loops(dy), _check.for_loops(y)
    dx = np.empty(y.shape, y.dtype)
    rows = [a.reshape(-1) for a in (dy, y, dx)]

    def differentiate(some: slice) -> None:
        elementwise.clamp_backward(rows[0][some], rows[1][some], high, rows[2][some])

    in_blocks(differentiate, y.size)
    return dx


def _leaky(x: FloatArray, value: FloatArray, slope: float) -> FloatArray:
    """`value` where x > 0, slope · value elsewhere."""
    x, value = _check.for_loops(x), _check.for_loops(value)
    y = np.empty(x.shape, x.dtype)
    rows = [a.reshape(-1) for a in (x, value, y)]

    def flatten(some: slice) -> None:
        elementwise.leaky(rows[0][some], rows[1][some], float(slope), rows[2][some])

    in_blocks(flatten, x.size)
    return y


def _shifted(x: FloatArray, op: str) -> FloatArray:
    """Subtract the largest along axis 1, so that no exponential exceeds 1."""
    _check.floats(x, "x", op)
    if x.ndim < 2:
        raise ValueError(
            f"x has shape {x.shape}; {op} works along axis 1 and wants (N, classes) or more axes. "
            "One example? Use x[None]."
        )
    shifted: FloatArray = x - x.max(axis=1, keepdims=True)
    return shifted


def _check_gradient(op: str, dy: FloatArray, other: FloatArray, name: str) -> None:
    _check.floats(dy, "dy", op)
    _check.floats(other, name, op)
    _check.same_dtype(op, dy=dy, **{name: other})
    _check.same_shape(dy, "dy", op, other.shape, f"the shape of {name}")
