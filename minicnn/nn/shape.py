"""Layers that compute nothing."""

from __future__ import annotations

import math

import numpy as np

from minicnn import ops
from minicnn.nn.layer import Layer, Shape, register


@register
class Flatten(Layer):
    """(N, C, H, W) to (N, C * H * W), so that a `Linear` can follow."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Flatten all but the batch axis."""
        if training:
            self._saved = x.shape
        return ops.flatten(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dy in the shape of x."""
        return ops.flatten_backward(dy, self._spend())

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (C * H * W,)."""
        return (math.prod(in_shape),)


@register
class Identity(Layer):
    """The output is the input: what a removed layer leaves behind."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Return x."""
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dy."""
        return dy
