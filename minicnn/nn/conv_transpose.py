"""Transposed convolution as a layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn._check import IntOrPair, Padding, Seed
from minicnn.nn.conv import Convolution
from minicnn.nn.init import by_name
from minicnn.nn.layer import Shape, register
from minicnn.nn.parameter import Parameter


@register
class ConvTranspose2d(Convolution):
    """Transposed convolution: ``ops.conv_transpose2d`` with weights of its own.

    Takes the arguments of `Conv2d` and ``output_padding``, the rows and columns added at the
    bottom and right. Weight (C, K // groups, R, S), as in PyTorch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        *,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        output_padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        init: str = "he",
        seed: Seed,
        dtype: Any = np.float32,
        algorithm: str = "auto",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, algorithm
        )
        self.output_padding = _check.pair("output_padding", output_padding, minimum=0)
        dtype = _check.float_dtype(dtype)
        # One output sums C/groups channels, but meets only every stride-th tap of the kernel.
        as_forward = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        values = by_name(init)(as_forward, _check.generator(seed), np.dtype(np.float64))
        values = values.astype(dtype) * dtype.type(math.sqrt(math.prod(self.stride)))
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(values.reshape(shape), name="weight")
        zeros = np.zeros(self.out_channels, dtype)
        self.bias = Parameter(zeros, name="bias") if bias else None

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments that every transposed convolution takes."""
        return {**super().geometry, "output_padding": self.output_padding}

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Spread x (N, C, H, W) to (N, K, P, Q)."""
        bias = None if self.bias is None else self.bias.data
        y = ops.conv_transpose2d(
            x, self.weight.data, bias, **self.geometry, algorithm=self.algorithm
        )
        if training:
            self._saved = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx (N, C, H, W) for dy (N, K, P, Q)."""
        x = self._spend()
        dx, dw, db = ops.conv_transpose2d_backward(
            dy, x, self.weight.data, **self.geometry, algorithm=self.algorithm
        )
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (K, P, Q)."""
        C, H, W = _check.image_shape(self, in_shape, self.in_channels)
        return ops.conv_transpose2d_out_shape((1, C, H, W), self.weight_shape, **self.geometry)[1:]

    def macs(self, in_shape: Shape) -> int:
        """C H W K/groups R S: every input is spread over the whole kernel."""
        return math.prod(in_shape) * math.prod(self.weight.shape[1:])

    def __repr__(self) -> str:
        text = super().__repr__()
        if self.output_padding == (0, 0):
            return text
        return f"{text[:-1]}, output_padding={self.output_padding})"
