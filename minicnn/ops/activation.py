"""Functions of one number, and softmax.

The gradients of ReLU, ReLU6, sigmoid, tanh and softmax need only the output y, so a layer can
forget its input.
"""

from __future__ import annotations

import numpy as np

from minicnn.kernels.shapes import FloatArray
from minicnn.ops import _check


def relu(x: FloatArray) -> FloatArray:
    """max(x, 0)."""
    return np.maximum(_check.floats(x, "x", "relu"), 0)


def relu_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of relu (its input x does as well); 0 at x = 0."""
    _check_gradient("relu_backward", dy, y, "y")
    return dy * (y > 0)


def leaky_relu(x: FloatArray, negative_slope: float = 0.01) -> FloatArray:
    """x where x > 0, negative_slope * x elsewhere."""
    _check.floats(x, "x", "leaky_relu")
    return np.where(x > 0, x, float(negative_slope) * x)


def leaky_relu_backward(dy: FloatArray, x: FloatArray, negative_slope: float = 0.01) -> FloatArray:
    """dx from the input x of leaky_relu."""
    _check_gradient("leaky_relu_backward", dy, x, "x")
    return np.where(x > 0, dy, float(negative_slope) * dy)


def relu6(x: FloatArray) -> FloatArray:
    """min(max(x, 0), 6), from Krizhevsky (2010), "Convolutional deep belief networks"."""
    return np.minimum(np.maximum(_check.floats(x, "x", "relu6"), 0), 6)


def relu6_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """dx from the output y of relu6 (its input x does as well); 0 at both corners."""
    _check_gradient("relu6_backward", dy, y, "y")
    return dy * ((y > 0) & (y < 6))


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
