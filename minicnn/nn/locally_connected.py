"""The locally connected layer: what a convolution would be without weight sharing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn._check import IntOrPair, Padding, Seed
from minicnn.nn.init import by_name
from minicnn.nn.layer import Layer, Shape, register
from minicnn.nn.parameter import Parameter


@register
class LocallyConnected2d(Layer):
    """``ops.locally_connected2d`` with weights of its own: filters for every output pixel.

    Parameters
    ----------
    in_channels, out_channels
        C and K.
    in_size
        The image's (height, width), or one number for both: the weights belong to positions, so
        the layer takes images of this size only.
    kernel_size, stride, dilation
        A number or (height, width).
    padding
        A number, (height, width), ((top, bottom), (left, right)), "same" or "valid".
    init
        A name from ``nn.init.INITIALIZERS``; fan-in is C R S, as in a convolution.
    seed
        An int or a ``numpy.random.Generator``: where the first weights come from.

    Input (N, C, H, W), output (N, K, P, Q), weight (P, Q, K, C, R, S), bias (K, P, Q).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        in_size: IntOrPair,
        kernel_size: IntOrPair,
        *,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        bias: bool = True,
        init: str = "he",
        seed: Seed,
        dtype: Any = np.float32,
    ) -> None:
        self.in_channels = _check.whole("in_channels", in_channels)
        self.out_channels = _check.whole("out_channels", out_channels)
        self.in_size = _check.pair("in_size", in_size)
        self.kernel_size = _check.pair("kernel_size", kernel_size)
        self.stride = _check.pair("stride", stride)
        self.padding = _check.padding(padding)
        self.dilation = _check.pair("dilation", dilation)
        _, K, P, Q = ops.locally_connected2d_out_shape(
            (1, self.in_channels, *self.in_size), self.kernel_size, self.out_channels,
            **self.geometry,
        )  # fmt: skip
        self.out_size = (P, Q)
        dtype, rng, draw = _check.float_dtype(dtype), _check.generator(seed), by_name(init)
        filters = (K, self.in_channels, *self.kernel_size)
        # Drawn position by position: for the initialiser each is a convolution's filters.
        values = np.stack([draw(filters, rng, dtype) for _ in range(P * Q)])
        self.weight = Parameter(values.reshape(P, Q, *filters), name="weight")
        self.bias: Parameter | None = None
        if bias:
            self.bias = Parameter(np.zeros((K, P, Q), dtype), name="bias")

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments that the operation takes."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Apply each position's filters to x (N, C, H, W)."""
        bias = None if self.bias is None else self.bias.data
        y = ops.locally_connected2d(x, self.weight.data, bias, **self.geometry)
        if training:
            self._saved = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx (N, C, H, W) for dy (N, K, P, Q)."""
        dx, dw, db = ops.locally_connected2d_backward(
            dy, self._spend(), self.weight.data, **self.geometry
        )
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the seed is 0, as weights are stored elsewhere."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "in_size": self.in_size,
            "kernel_size": self.kernel_size,
            **self.geometry,
            "bias": self.bias is not None,
            "seed": 0,
            "dtype": self.weight.dtype.name,
        }

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (K, P, Q)."""
        C, H, W = _check.image_shape(self, in_shape, self.in_channels)
        if self.in_size != (H, W):
            raise ValueError(
                f"in_shape is {(C, H, W)}; {self!r} has weights for images of {self.in_size} "
                "only. Resize the images, or build the layer with another in_size."
            )
        return (self.out_channels, *self.out_size)

    def macs(self, in_shape: Shape) -> int:
        """K P Q C R S: as many as in a convolution."""
        self.out_shape(in_shape)
        return math.prod(self.weight.shape)

    def __repr__(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, in_size={self.in_size}, "
        text += f"kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding not in (0, (0, 0), "valid"):
            text += f", padding={self.padding!r}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.bias is None:
            text += ", bias=False"
        return f"LocallyConnected2d({text})"
