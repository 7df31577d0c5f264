"""A ReLU that is done by the layer before it, while the numbers are at hand.

Alone, a ReLU reads and writes an activation once more than necessary, forward and backward. In a
`Sequential` it may write over its input where nobody else holds that, and some layers cut off what
is negative on their own way. Results are the same to the last bit, and each layer keeps for its
gradient what it would keep alone: forward fused and backward layer by layer, or the other way
round, goes as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minicnn import ops
from minicnn.nn.activation import ReLU
from minicnn.nn.conv import Conv2d
from minicnn.nn.conv_transpose import ConvTranspose2d
from minicnn.nn.layer import Layer
from minicnn.nn.linear import Linear
from minicnn.nn.locally_connected import LocallyConnected2d
from minicnn.nn.norm import BatchNorm2d
from minicnn.nn.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d

FRESH: set[type[Layer]] = {
    AvgPool2d, BatchNorm2d, Conv2d, ConvTranspose2d, GlobalAvgPool2d, Linear, LocallyConnected2d,
    MaxPool2d,
}  # fmt: skip
"""Exactly these classes (a subclass may differ) return new arrays, forward and backward, and do not
keep them: whoever comes next may write over them."""
TAKES_RELU: set[type[Layer]] = {BatchNorm2d}
"""Those of them with ``forward(..., relu=True)`` and ``backward(..., relu_y=)``."""


class Step(NamedTuple):
    """A layer, and the ReLU after it where it is done in the same step."""

    position: int
    layer: Any
    relu: ReLU | None

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        """Compute the output of both."""
        if self.relu is None:
            return self.layer.forward(x, training=training)
        if type(self.layer) in TAKES_RELU:
            y = self.layer.forward(x, training=training, relu=True)
        else:
            y = self.layer.forward(x, training=training)
            ops.relu(y, out=y)
        if training:
            self.relu._saved = y
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return the gradient of the layer's input."""
        if self.relu is not None and type(self.layer) in TAKES_RELU:
            return self.layer.backward(dy, relu_y=self.relu._spend())
        return self.layer.backward(dy if self.relu is None else self.relu.backward(dy))

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Like `backward` where nobody needs the gradient of the input."""
        self.layer.backward_parameters(dy if self.relu is None else self.relu.backward(dy))


def steps(layers: Sequence[Layer], first: int = 0) -> list[Step]:
    """List the steps from layer `first` on."""
    found: list[Step] = []
    position = first
    while position < len(layers):
        layer, after = layers[position], layers[position + 1 : position + 2]
        fused = bool(after) and type(layer) in FRESH and type(after[0]) is ReLU
        found.append(Step(position, layer, after[0] if fused else None))  # type: ignore[arg-type]
        position += 2 if fused else 1
    return found
