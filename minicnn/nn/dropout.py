"""Dropout as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn._check import Seed
from minicnn.nn.layer import Layer, register


@register
class Dropout(Layer):
    """Zero each value with probability p in training, scale the rest by 1 / (1 - p).

    Inference is the identity (inverted dropout; Srivastava et al. 2014). Each layer owns a
    generator, ``rng``, made from ``seed``; a checkpoint keeps its state.
    """

    def __init__(self, p: float = 0.5, *, seed: Seed) -> None:
        self.p = _check.real("p", p, low=0.0, high=1.0)
        self.rng = _check.generator(seed)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Drop in training, pass on in inference."""
        if not training:
            return x
        y, self._saved = ops.dropout(x, self.p, self.rng)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx: nothing flows through what was dropped."""
        return ops.dropout_backward(dy, self._spend())

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the generator starts anew from seed 0."""
        return {"p": self.p, "seed": 0}

    def __repr__(self) -> str:
        return f"Dropout(p={self.p})"
