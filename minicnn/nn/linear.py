"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn._check import Seed
from minicnn.nn.init import by_name
from minicnn.nn.layer import Layer, Shape, register
from minicnn.nn.parameter import Parameter


@register
class Linear(Layer):
    """y = x W^T + b, from (N, in_features) to (N, out_features); weight (out, in), bias (out,).

    Parameters
    ----------
    init
        A name from ``nn.init.INITIALIZERS``; the bias starts at zero.
    seed
        An int or a ``numpy.random.Generator``: where the first weights come from.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        init: str = "he",
        seed: Seed,
        dtype: Any = np.float32,
    ) -> None:
        self.in_features = _check.whole("in_features", in_features)
        self.out_features = _check.whole("out_features", out_features)
        dtype = _check.float_dtype(dtype)
        shape = (self.out_features, self.in_features)
        self.weight = Parameter(by_name(init)(shape, _check.generator(seed), dtype), name="weight")
        zeros = np.zeros(self.out_features, dtype)
        self.bias = Parameter(zeros, name="bias") if bias else None

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Map x (N, in) to (N, out)."""
        y = ops.linear(x, self.weight.data, None if self.bias is None else self.bias.data)
        if training:
            self._saved = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx (N, in) for dy (N, out)."""
        dx, dw, db = ops.linear_backward(dy, self._spend(), self.weight.data)
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the seed is 0, as weights are stored elsewhere."""
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
            "seed": 0,
            "dtype": self.weight.dtype.name,
        }

    def out_shape(self, in_shape: Shape) -> Shape:
        """(in,) to (out,)."""
        if tuple(in_shape) != (self.in_features,):
            raise ValueError(
                f"in_shape is {tuple(in_shape)}; {self!r} wants ({self.in_features},). "
                "Put nn.Flatten() before it, or give it the right in_features."
            )
        return (self.out_features,)

    def macs(self, in_shape: Shape) -> int:
        """in x out."""
        self.out_shape(in_shape)
        return self.in_features * self.out_features

    def __repr__(self) -> str:
        return (
            f"Linear(in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None})"
        )
