"""Convolution and linear layer in whole numbers, which still learn.

Both hold float weights, which training moves, a step for each filter, and a `FakeQuantize` for
their input. In training they compute with rounded floats (quantisation-aware training). In
inference they compute in integers: bytes of x, bytes of w, sums in 32 bits (`kernels.int8`), and
one multiplication for each output number at the end. A network in which bytes go from layer to
layer, with no floats in between, is made by `minicnn.compress.to_integer`.

Weights stand on a grid without a zero point, from -(2^(bits-1) - 1) to 2^(bits-1) - 1.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from minicnn import ops
from minicnn.nn._check import IntOrPair, Padding, Seed
from minicnn.nn.conv import Conv2d
from minicnn.nn.fake_quantize import (
    FakeQuantize,
    as_integers,
    check_bits,
    grid_gradients,
    on_grid,
)
from minicnn.nn.layer import register
from minicnn.nn.linear import Linear
from minicnn.nn.parameter import Parameter
from minicnn.ops import _check as ops_check
from minicnn.ops.conv2d import channel_sum

PIXELS: dict[str, Any] = {
    "stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1,
}  # fmt: skip
"""A linear layer is a convolution with filters of one pixel."""


class Quantized:
    """What `QuantConv2d` and `QuantLinear` share.

    Attributes
    ----------
    weight, bias
        Float parameters, as in the layer without quantisation.
    log_step
        Parameter (K,): log2 of the step of each filter.
    quantize_input
        The grid of the input.
    bits
        Of a weight.
    """

    weight: Parameter
    bias: Parameter | None
    log_step: Parameter
    quantize_input: FakeQuantize
    bits: int

    def _set_up(self, bits: int, activation_bits: int) -> None:
        self.bits = check_bits("bits", bits)
        w = self.weight.data
        most = np.abs(w).reshape(len(w), -1).max(axis=1)
        steps = np.maximum(most / self.high, np.finfo(w.dtype).tiny)
        self.log_step = Parameter(np.log2(steps.astype(w.dtype)), name="log_step")
        self.quantize_input = FakeQuantize(bits=activation_bits, dtype=w.dtype)

    @property
    def high(self) -> int:
        """The largest whole number of a weight; the smallest is its negative."""
        return int(2 ** (self.bits - 1)) - 1

    @property
    def steps(self) -> np.ndarray:
        """The step of each filter, shaped to divide the weights by it."""
        steps: np.ndarray = np.exp2(self.log_step.data)
        return steps.reshape(-1, *[1] * (self.weight.data.ndim - 1))

    def integer_weight(self) -> np.ndarray:
        """Return the weights as whole numbers, int8."""
        return as_integers(self.weight.data, self.steps, 0, -self.high, self.high, np.int8)

    def rounded_weight(self) -> np.ndarray:
        """Return the weights on their grid, as floats."""
        rounded: np.ndarray = on_grid(self.weight.data, self.steps, 0, -self.high, self.high)
        rounded *= self.steps
        return rounded

    def snap(self) -> None:
        """Set the float weights to their grid: outputs stay, and a file needs few numbers."""
        self.weight.data[...] = self.rounded_weight()
        self.weight.project()

    @property
    def scale(self) -> np.ndarray:
        """What a sum of one stands for, for each filter: step of the input times that of w."""
        scale: np.ndarray = np.exp2(self.log_step.data) * np.exp2(self.quantize_input.log_step.data)
        return scale

    def integer_bias(self) -> np.ndarray | None:
        """Return the bias in units of `scale`, int32, as large as sums in 32 bits allow."""
        if self.bias is None:
            return None
        products = self.weight.data[0].size
        room = max(0, 2**31 - 1 - products * 255 * 128)
        whole = np.rint(self.bias.data / self.scale.astype(np.float64))
        return np.clip(whole, -room, room).astype(np.int32)

    def _weight_gradient(self, dw: np.ndarray) -> None:
        """Pass the gradient of the rounded weights to the float ones and to the steps."""
        w = self.weight.data
        dw, dlog = grid_gradients(dw, w, self.steps, 0, -self.high, self.high)
        self.weight.add_grad(dw)
        self.log_step.add_grad(dlog.reshape(len(w), -1).sum(axis=1))

    def _take_from(self, old: Any) -> Self:
        """Take over the parameters of a float layer, their rules and flags."""
        self.weight, self.bias = old.weight, old.bias
        self.log_step.trainable = old.weight.trainable
        self.quantize_input.log_step.trainable = old.weight.trainable
        return self

    def _bits_config(self) -> dict[str, int]:
        return {"bits": self.bits, "activation_bits": self.quantize_input.bits}


@register
class QuantConv2d(Quantized, Conv2d):
    """A `Conv2d` whose weights have ``bits`` bits and whose input ``activation_bits``.

    The other parameters are those of `Conv2d`; see `Quantized` for what it holds.
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
        bits: int = 8,
        activation_bits: int = 8,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride=stride, padding=padding,
            dilation=dilation, groups=groups, bias=bias, init=init, seed=seed, dtype=dtype,
            algorithm=algorithm,
        )  # fmt: skip
        self._set_up(bits, activation_bits)

    @classmethod
    def of(cls, conv: Conv2d, *, bits: int, activation_bits: int) -> Self:
        """Make one of a `Conv2d`, whose parameters it takes over."""
        config = Conv2d.config(conv)
        return cls(**config, bits=bits, activation_bits=activation_bits)._take_from(conv)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Convolve x (N, C, H, W) to (N, K, P, Q): in integers, or in training rounded floats."""
        if not training:
            return self.from_sums(self.sums(self.quantize_input.to_bytes(x)))
        x, w = self.quantize_input.forward(x, training=True), self.rounded_weight()
        bias = None if self.bias is None else self.bias.data
        self._saved = x, w
        return ops.conv2d(x, w, bias, **self.geometry, algorithm=self.algorithm)

    def window(self, size: tuple[int, int]) -> dict[str, Any]:
        """Return the geometry in the form that kernels take, for images of a size."""
        how = self.geometry
        where = size, self.kernel_size, self.stride, self.dilation
        padding = ops_check.padding_pairs(self.padding, "QuantConv2d", *where)
        return {**how, "padding": padding}

    def sums(self, x: np.ndarray) -> np.ndarray:
        """Return the sums of products of bytes, int32 (N, K, P, Q), bias included."""
        from minicnn.kernels import int8  # Numba, only when needed

        how = self.window((x.shape[2], x.shape[3]))
        how |= {"x_zero_point": self.quantize_input.zero, "bias": self.integer_bias()}
        return int8.forward(x, self.integer_weight(), **how)

    def from_sums(self, sums: np.ndarray) -> np.ndarray:
        """Return what the sums stand for."""
        real: np.ndarray = sums * self.scale[:, None, None]
        return real.astype(self.weight.dtype, copy=False)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx, as if nothing had been rounded."""
        x, w = self._spend()
        how = {**self.geometry, "algorithm": self.algorithm}
        self._weight_gradient(ops.conv2d_backward_weight(dy, x, self.weight_shape, **how))
        if self.bias is not None:
            self.bias.add_grad(channel_sum(dy))
        return self.quantize_input.backward(ops.conv2d_backward_input(dy, w, x.shape, **how))

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Do the same; the step of the input needs dx too."""
        self.backward(dy)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().config() | self._bits_config()

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, bits={self.bits})"


@register
class QuantLinear(Quantized, Linear):
    """A `Linear` whose weights have ``bits`` bits and whose input ``activation_bits``."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        init: str = "he",
        seed: Seed,
        dtype: Any = np.float32,
        bits: int = 8,
        activation_bits: int = 8,
    ) -> None:
        super().__init__(in_features, out_features, bias=bias, init=init, seed=seed, dtype=dtype)
        self._set_up(bits, activation_bits)

    @classmethod
    def of(cls, linear: Linear, *, bits: int, activation_bits: int) -> Self:
        """Make one of a `Linear`, whose parameters it takes over."""
        config = Linear.config(linear)
        return cls(**config, bits=bits, activation_bits=activation_bits)._take_from(linear)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Map x (N, in) to (N, out): in integers, or in training in rounded floats."""
        if not training:
            return self.from_sums(self.sums(self.quantize_input.to_bytes(x)))
        x, w = self.quantize_input.forward(x, training=True), self.rounded_weight()
        self._saved = x, w
        return ops.linear(x, w, None if self.bias is None else self.bias.data)

    def sums(self, x: np.ndarray) -> np.ndarray:
        """Return the sums of products of bytes, int32 (N, out), bias included."""
        zero, bias = self.quantize_input.zero, self.integer_bias()
        return linear_sums(x, self.integer_weight()[:, :, None, None], zero, bias)

    def from_sums(self, sums: np.ndarray) -> np.ndarray:
        """Return what the sums stand for."""
        return (sums * self.scale).astype(self.weight.dtype, copy=False)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx, as if nothing had been rounded."""
        x, w = self._spend()
        dx, dw, db = ops.linear_backward(dy, x, w)
        self._weight_gradient(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return self.quantize_input.backward(dx)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().config() | self._bits_config()

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, bits={self.bits})"


def linear_sums(x: np.ndarray, w: Any, zero: int, bias: np.ndarray | None) -> np.ndarray:
    """Multiply bytes x (N, in) by int8 w (out, in, 1, 1): the samples are pixels of one image."""
    from minicnn.kernels import int8  # Numba, only when needed

    image = np.ascontiguousarray(x.T)[None, :, None]
    sums = int8.forward(image, w, **PIXELS, x_zero_point=zero, bias=bias)
    return np.ascontiguousarray(sums[0, :, 0].T)
