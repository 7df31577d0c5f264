"""Convolution as a layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minicnn import ops, plan
from minicnn.nn import _check
from minicnn.nn._check import IntOrPair, Padding, Seed
from minicnn.nn.init import by_name
from minicnn.nn.layer import Layer, Shape, register
from minicnn.nn.parameter import Parameter
from minicnn.ops.conv2d import channel_sum


class Convolution(Layer):
    """What `Conv2d` and `ConvTranspose2d` share: arguments, their checks, how they print."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair,
        padding: Padding,
        dilation: IntOrPair,
        groups: int,
        algorithm: str,
    ) -> None:
        self.in_channels = _check.whole("in_channels", in_channels)
        self.out_channels = _check.whole("out_channels", out_channels)
        self.kernel_size = _check.pair("kernel_size", kernel_size)
        self.stride = _check.pair("stride", stride)
        self.padding = _check.padding(padding)
        self.dilation = _check.pair("dilation", dilation)
        self.groups = _check.whole("groups", groups)
        common = math.gcd(self.in_channels, self.out_channels)
        if common % self.groups:
            raise ValueError(
                f"groups is {groups} for {in_channels} input and {out_channels} output channels; "
                f"expected a divisor of both. Use groups={common} or groups=1."
            )
        if algorithm != "auto" and algorithm not in plan.ALGORITHMS:
            raise ValueError(
                f"algorithm is {algorithm!r}; known are {', '.join(plan.ALGORITHMS)}. "
                'Use one of them, or "auto".'
            )
        self.algorithm = algorithm
        self.weight: Parameter
        self.bias: Parameter | None

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """The four sizes of the weight."""
        a, b, rows, columns = self.weight.shape
        return a, b, rows, columns

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments that every convolution operation takes."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the seed is 0, as weights are stored elsewhere."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            **self.geometry,
            "bias": self.bias is not None,
            "seed": 0,
            "dtype": self.weight.dtype.name,
            "algorithm": self.algorithm,
        }

    def __repr__(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        if self.padding not in (0, (0, 0), "valid"):
            text += f", padding={self.padding!r}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return f"{type(self).__name__}({text})"


@register
class Conv2d(Convolution):
    """2-D convolution (cross-correlation): ``ops.conv2d`` with weights of its own.

    Parameters
    ----------
    in_channels, out_channels
        C and K; both multiples of ``groups``.
    kernel_size, stride, dilation
        A number or (height, width).
    padding
        A number, (height, width), ((top, bottom), (left, right)), "same" or "valid".
    init
        A name from ``nn.init.INITIALIZERS``; the bias starts at zero.
    seed
        An int or a ``numpy.random.Generator``: where the first weights come from.
    algorithm
        Which kernel computes it; "auto" lets ``minicnn.plan`` choose.

    Input (N, C, H, W), output (N, K, P, Q), weight (K, C // groups, R, S), bias (K,).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        *,
        stride: IntOrPair = 1,
        padding: Padding = 0,
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
        dtype = _check.float_dtype(dtype)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(by_name(init)(shape, _check.generator(seed), dtype), name="weight")
        zeros = np.zeros(self.out_channels, dtype)
        self.bias = Parameter(zeros, name="bias") if bias else None

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Convolve x (N, C, H, W) to (N, K, P, Q)."""
        bias = None if self.bias is None else self.bias.data
        y = ops.conv2d(x, self.weight.data, bias, **self.geometry, algorithm=self.algorithm)
        if training:
            self._saved = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx (N, C, H, W) for dy (N, K, P, Q)."""
        how = {**self.geometry, "algorithm": self.algorithm}
        x = self._spend()
        if not self._learns():
            return ops.conv2d_backward_input(dy, self.weight.data, x.shape, **how)
        dx = ops.conv2d_backward_input(dy, self.weight.data, x.shape, **how)
        self._add_gradients(dy, x)
        return dx

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Add the gradients of weight and bias, without the cost of dx."""
        self._add_gradients(dy, self._spend())

    def _learns(self) -> bool:
        return self.weight.trainable or (self.bias is not None and self.bias.trainable)

    def _add_gradients(self, dy: np.ndarray, x: np.ndarray) -> None:
        how = {**self.geometry, "algorithm": self.algorithm}
        self.weight.add_grad(ops.conv2d_backward_weight(dy, x, self.weight_shape, **how))
        if self.bias is not None:
            self.bias.add_grad(channel_sum(dy))

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (K, P, Q)."""
        C, H, W = _check.image_shape(self, in_shape, self.in_channels)
        return ops.conv2d_out_shape((1, C, H, W), self.weight_shape, **self.geometry)[1:]

    def macs(self, in_shape: Shape) -> int:
        """K P Q C/groups R S."""
        return math.prod(self.out_shape(in_shape)) * math.prod(self.weight.shape[1:])
