"""The layers of an integer network that have weights, and the sum of two branches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from minicnn.nn import _check
from minicnn.nn._check import IntOrPair, Padding
from minicnn.nn.container import Residual, Sequential
from minicnn.nn.integer import IntegerLayer, Target
from minicnn.nn.layer import Shape, from_spec, register
from minicnn.nn.quantized import PIXELS
from minicnn.ops import _check as ops_check
from minicnn.ops import conv2d_out_shape

OUTPUTS = ("bytes", "floats", "sums")


class _Weighted(IntegerLayer):
    """int8 weights, int32 bias, and what becomes of the sums: bytes, floats, or nothing."""

    def _set_up(
        self, shape: Shape, x_zero: int, output: str, zero: int, low: int, high: int, dtype: Any
    ) -> None:
        if output not in OUTPUTS:
            raise ValueError(
                f"output is {output!r}; {type(self).__name__} wants one of {', '.join(OUTPUTS)}."
            )
        self.x_zero, self.output, self.to = x_zero, output, Target(zero, low, high)
        self.dtype_name = _check.float_dtype(dtype).name
        self.weight = np.zeros(shape, np.int8)
        self.bias = np.zeros(shape[0], np.int32)
        self.multiplier, self.shift = np.zeros((2, shape[0]), np.int32)
        self.scale = np.ones(shape[0], self.dtype_name)
        more = {"bytes": ("multiplier", "shift"), "floats": ("scale",), "sums": ()}[output]
        self.buffer_names = ("weight", "bias", *more)
        self._packed: Any = None

    def _output_config(self) -> dict[str, Any]:
        rest = {"x_zero": self.x_zero, "output": self.output, "dtype": self.dtype_name}
        return rest | self.to.config()

    def _run(self, x: np.ndarray, weight: np.ndarray, how: dict[str, Any]) -> np.ndarray:
        """Convolve; the packed form of the weights is kept as long as they are the same."""
        from minicnn.kernels import int8  # Numba, only when needed

        if self._packed is None or not np.array_equal(self._packed[0], weight):
            self._packed = weight.copy(), int8.prepare(weight, groups=how["groups"])
        how = {**how, "x_zero_point": self.x_zero, "bias": self.bias}
        if self.output == "bytes":
            to = self.to.requantization(self.multiplier, self.shift, len(weight))
            return int8.forward_requantized(x, self._packed[1], **how, to=to)
        return int8.forward(x, self._packed[1], **how)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_packed": None}


@register
class IntegerConv2d(_Weighted):
    """Convolution of bytes with int8 weights, sums in 32 bits.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups
        As of `Conv2d`.
    x_zero
        The byte of the input that stands for 0.
    output
        "bytes", requantised; "floats", the sums times ``scale``; or "sums", int32.
    zero, low, high
        Of the bytes that come out; a ReLU is a ``low``.

    Buffers ``weight`` int8 (K, C/groups, R, S), ``bias`` int32 (K,), and ``multiplier`` and
    ``shift`` int32 (K,), or ``scale`` (K,).
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: IntOrPair, *,
        stride: IntOrPair = 1, padding: Padding = 0, dilation: IntOrPair = 1, groups: int = 1,
        x_zero: int = 0, output: str = "bytes", zero: int = 0, low: int = 0, high: int = 255,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _check.pair("kernel_size", kernel_size)
        self.stride, self.padding = _check.pair("stride", stride), _check.padding(padding)
        self.dilation, self.groups = _check.pair("dilation", dilation), groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self._set_up(shape, x_zero, output, zero, low, high, dtype)

    @property
    def geometry(self) -> dict[str, Any]:
        """The keyword arguments that every convolution takes."""
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Convolve bytes x (N, C, H, W) to (N, K, P, Q)."""
        padding = ops_check.padding_pairs(
            self.padding, "IntegerConv2d", (x.shape[2], x.shape[3]), self.kernel_size, self.stride,
            self.dilation,
        )  # fmt: skip
        y = self._run(x, self.weight, {**self.geometry, "padding": padding})
        if self.output == "floats":
            return (y * self.scale[:, None, None]).astype(self.dtype_name, copy=False)
        return y

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (K, P, Q)."""
        C, H, W = _check.image_shape(self, in_shape, self.in_channels)
        K, per_group, R, S = self.weight.shape
        return conv2d_out_shape((1, C, H, W), (K, per_group, R, S), **self.geometry)[1:]

    def macs(self, in_shape: Shape) -> int:
        """K P Q C/groups R S, in integers."""
        return math.prod(self.out_shape(in_shape)) * math.prod(self.weight.shape[1:])

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        channels = {"in_channels": self.in_channels, "out_channels": self.out_channels}
        window = {"kernel_size": self.kernel_size, **self.geometry}
        return channels | window | self._output_config()

    def __repr__(self) -> str:
        K, C = self.out_channels, self.in_channels
        return f"IntegerConv2d({C}, {K}, kernel_size={self.kernel_size}, output={self.output})"


@register
class IntegerLinear(_Weighted):
    """Bytes (N, in) times int8 weights (out, in); else as `IntegerConv2d`."""

    def __init__(
        self, in_features: int, out_features: int, *, x_zero: int = 0, output: str = "bytes",
        zero: int = 0, low: int = 0, high: int = 255, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.in_features, self.out_features = in_features, out_features
        self._set_up((out_features, in_features), x_zero, output, zero, low, high, dtype)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Map bytes x (N, in) to (N, out): the samples are pixels of one image."""
        image = np.ascontiguousarray(x.T)[None, :, None]
        y = self._run(image, self.weight[:, :, None, None], PIXELS)
        y = np.ascontiguousarray(y[0, :, 0].T)
        if self.output == "floats":
            return (y * self.scale).astype(self.dtype_name, copy=False)
        return y

    def out_shape(self, in_shape: Shape) -> Shape:
        """(in,) to (out,)."""
        if tuple(in_shape) != (self.in_features,):
            raise ValueError(
                f"in_shape is {tuple(in_shape)}; {self!r} wants ({self.in_features},). "
                "Put nn.IntegerFlatten() before it."
            )
        return (self.out_features,)

    def macs(self, in_shape: Shape) -> int:
        """in x out, in integers."""
        self.out_shape(in_shape)
        return self.in_features * self.out_features

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        features = {"in_features": self.in_features, "out_features": self.out_features}
        return features | self._output_config()

    def __repr__(self) -> str:
        return f"IntegerLinear({self.in_features}, {self.out_features}, output={self.output})"


@register
class IntegerResidual(Residual, IntegerLayer):
    """body(x) + shortcut(x), each brought to one fine unit first, then bytes (or floats).

    The branches give bytes, or sums in 32 bits; nothing is rounded to a byte before the addition.

    Parameters
    ----------
    channels
        Pairs of numbers of multipliers: K where a branch gives sums, 1 where it gives bytes.
    zeros
        The numbers that stand for 0 in what the branches give.
    zero, low, high
        Of the output, see `nn.integer.Target`.

    Buffers ``body_factor`` and ``around_factor`` int32 (2, channels): multipliers and shifts;
    ``multiplier`` and ``shift`` (1,), or ``scale`` (1,) where floats come out.
    """

    def __init__(
        self, body: Sequential, shortcut: Sequential | None, *,
        channels: tuple[int, int] = (1, 1), zeros: tuple[int, int] = (0, 0),
        zero: int | None = None, low: int = 0, high: int = 255, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        Residual.__init__(self, body, shortcut)
        self.zeros, self.to = tuple(zeros), Target(zero, low, high)
        self.dtype_name = _check.float_dtype(dtype).name
        self.body_factor, self.around_factor = (np.zeros((2, n), np.int32) for n in channels)
        self.multiplier, self.shift = np.ones(1, np.int32), np.zeros(1, np.int32)
        self.scale = np.ones(1, self.dtype_name)
        more = ("scale",) if zero is None else ("multiplier", "shift")
        self.buffer_names = ("body_factor", "around_factor", *more)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # type: ignore[override]  # noqa: ARG002
        """Add the two branches."""
        from minicnn.kernels.integer_add import add  # Numba, only when needed
        from minicnn.kernels.requantize import requantize

        through, around = self.body(x), x if self.shortcut is None else self.shortcut(x)
        self._compare(through.shape[1:], around.shape[1:])
        total = add(
            through, self.zeros[0], self.body_factor, around, self.zeros[1], self.around_factor
        )
        if self.to.zero is None:
            return (total * self.scale).astype(self.dtype_name)
        how = self.to.requantization(self.multiplier, self.shift, total.shape[1])
        return requantize(total, how)

    def backward(self, dy: np.ndarray) -> np.ndarray:  # type: ignore[override]
        """Refuse."""
        return IntegerLayer.backward(self, dy)

    def config(self) -> dict[str, Any]:
        """Return the branches' specs and the other arguments."""
        channels = self.body_factor.shape[1], self.around_factor.shape[1]
        rest = {"channels": channels, "zeros": self.zeros, "dtype": self.dtype_name}
        return super().config() | rest | self.to.config()

    def __repr__(self) -> str:
        return super().__repr__().replace("Residual(", "IntegerResidual(", 1)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the branches that `config` describes."""
        rest = {name: value for name, value in config.items() if name not in ("body", "shortcut")}
        branches: list[Any] = [
            None if config[name] is None else from_spec(config[name])
            for name in ("body", "shortcut")
        ]
        return cls(*branches, **rest)
