"""Activation functions as layers. They keep their output, not their input, where that is enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn.layer import Layer, register


@register
class ReLU(Layer):
    """max(x, 0)."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Cut off what is negative."""
        y = ops.relu(x)
        if training:
            self._saved = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Pass dy where the output is above 0."""
        return ops.relu_backward(dy, self._spend())


@register
class LeakyReLU(Layer):
    """x above 0, ``negative_slope * x`` below (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = _check.real("negative_slope", negative_slope, low=0.0)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Flatten what is negative."""
        if training:
            self._saved = x
        return ops.leaky_relu(x, self.negative_slope)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Pass dy above 0, a part of it below."""
        return ops.leaky_relu_backward(dy, self._spend(), self.negative_slope)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"negative_slope": self.negative_slope}

    def __repr__(self) -> str:
        return f"LeakyReLU(negative_slope={self.negative_slope})"


@register
class ReLU6(Layer):
    """min(max(x, 0), 6): bounded, so that few bits can hold it (Howard et al. 2017)."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Cut off below 0 and above 6."""
        y = ops.relu6(x)
        if training:
            self._saved = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Pass dy where the output is between 0 and 6."""
        return ops.relu6_backward(dy, self._spend())


@register
class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Squash to (0, 1)."""
        y = ops.sigmoid(x)
        if training:
            self._saved = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dy y (1 - y)."""
        return ops.sigmoid_backward(dy, self._spend())


@register
class Tanh(Layer):
    """Hyperbolic tangent."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Squash to (-1, 1)."""
        y = ops.tanh(x)
        if training:
            self._saved = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dy (1 - y^2)."""
        return ops.tanh_backward(dy, self._spend())
