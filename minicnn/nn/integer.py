"""Layers of a network that computes in integers: bytes in, bytes out. They do not learn.

`minicnn.compress.to_integer` writes them. A byte q stands for ``step · (q - zero)``; the layers
know the zero points, and of the steps only the ratios that they need, as an integer multiplier and
a shift (`kernels.requantize`). Real steps are left at the two ends, where floats become bytes and
sums become floats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn._check import IntOrPair, Padding
from minicnn.nn.fake_quantize import as_integers
from minicnn.nn.layer import Layer, Shape, register
from minicnn.nn.pool import MaxPool2d
from minicnn.nn.shape import Flatten
from minicnn.ops import _check as ops_check


class IntegerLayer(Layer):
    """A layer of integers: arrays are buffers, and there is no backward."""

    def backward(self, dy: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Refuse."""
        raise RuntimeError(
            f"{type(self).__name__} computes in integers, which have no gradient; expected a "
            "network in floats. Train the quantised model, and call compress.to_integer after."
        )


class Target:
    """Bytes that a layer makes of its sums: where 0 lies, and the bounds of the result.

    ``zero`` None means that the layer gives floats.
    """

    def __init__(self, zero: int | None, low: int = 0, high: int = 255) -> None:
        self.zero, self.low, self.high = zero, low, high

    def config(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"zero": self.zero, "low": self.low, "high": self.high}

    def requantization(self, multiplier: np.ndarray, shift: np.ndarray, channels: int) -> Any:
        """Return what `kernels.requantize` wants, for as many channels."""
        from minicnn.kernels.requantize import Requantization  # Numba, only when needed

        m, s = (np.ascontiguousarray(np.broadcast_to(f, channels)) for f in (multiplier, shift))
        assert self.zero is not None
        return Requantization(m, s, self.zero, self.low, self.high, np.dtype(np.uint8))


@register
class ToBytes(IntegerLayer):
    """Floats to bytes: round(x / step) + zero, from 0 to ``high``. Buffer ``step`` (1,)."""

    buffer_names = ("step",)

    def __init__(self, zero: int, *, high: int = 255, dtype: Any = np.float32) -> None:
        self.zero, self.high = zero, high
        self.step = np.ones(1, _check.float_dtype(dtype))

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Return uint8."""
        return as_integers(x, self.step, self.zero, 0, self.high)

    def config(self) -> dict[str, Any]:
        """Return the grid but for its step, which is a buffer."""
        return {"zero": self.zero, "high": self.high, "dtype": self.step.dtype.name}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(step={self.step[0]:.3g}, zero={self.zero})"


@register
class FromBytes(ToBytes):
    """Bytes to floats: step · (q - zero)."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Return floats of the dtype of the step."""
        y: np.ndarray = (x.astype(self.step.dtype) - self.step.dtype.type(self.zero)) * self.step
        return y


@register
class ByteTable(IntegerLayer):
    """Any function of one byte: it has 256 values only. Buffer ``table`` (256,)."""

    buffer_names = ("table",)

    def __init__(self, note: str = "") -> None:
        self.note = note
        self.table = np.arange(256, dtype=np.uint8)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Look every byte up."""
        return self.table[x]

    def config(self) -> dict[str, Any]:
        """Return the note."""
        return {"note": self.note}

    def __repr__(self) -> str:
        return f"ByteTable({self.note})"


@register
class IntegerFlatten(Flatten, IntegerLayer):
    """`Flatten` for bytes."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """(N, C, H, W) to (N, C * H * W)."""
        return x.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Refuse."""
        return IntegerLayer.backward(self, dy)


@register
class IntegerMaxPool2d(MaxPool2d, IntegerLayer):
    """`MaxPool2d` for bytes: the order of bytes is that of the numbers."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Pool x (N, C, H, W) to (N, C, P, Q)."""
        first, *others = _windows(x, self.kernel_size, self.stride, self.padding, 0)
        y = first.copy()
        for other in others:
            np.maximum(y, other, out=y)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Refuse."""
        return IntegerLayer.backward(self, dy)


@register
class IntegerAvgPool2d(IntegerLayer):
    """Average of bytes: their sum, and a multiplication that also changes the grid.

    Parameters
    ----------
    kernel_size, stride, padding
        As of `AvgPool2d`; a kernel_size of None takes the whole image.
    x_zero
        The byte that stands for 0; it fills the border, which counts.
    zero, low, high
        Of the output, see `Target`.

    Buffers ``multiplier`` and ``shift`` (1,), of the sum divided by the number of pixels; or
    ``scale`` (1,) where floats come out.
    """

    def __init__(
        self, kernel_size: IntOrPair | None, *, stride: IntOrPair = 1, padding: Padding = 0,
        x_zero: int = 0, zero: int | None = None, low: int = 0, high: int = 255,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.kernel_size = None if kernel_size is None else _check.pair("kernel_size", kernel_size)
        self.stride, self.padding = _check.pair("stride", stride), _check.padding(padding)
        self.x_zero, self.to = x_zero, Target(zero, low, high)
        self.dtype_name = _check.float_dtype(dtype).name
        self.buffer_names = ("scale",) if zero is None else ("multiplier", "shift")
        self.multiplier, self.shift = np.ones(1, np.int32), np.zeros(1, np.int32)
        self.scale = np.ones(1, self.dtype_name)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Pool bytes x (N, C, H, W) to (N, C, P, Q)."""
        if self.kernel_size is None:
            count = x.shape[2] * x.shape[3]
            sums = x.sum(axis=(2, 3), keepdims=True, dtype=np.int32)
        else:
            windows = _windows(x, self.kernel_size, self.stride, self.padding, self.x_zero)
            count, sums = len(windows), np.zeros(windows[0].shape, np.int32)
            for window in windows:
                sums += window
        sums -= count * self.x_zero
        if self.to.zero is None:
            return (sums * (self.scale / count)).astype(self.dtype_name)
        from minicnn.kernels.requantize import requantize  # Numba, only when needed

        multiplier = ((self.multiplier + np.int64(count // 2)) // count).astype(np.int32)
        return requantize(sums, self.to.requantization(multiplier, self.shift, x.shape[1]))

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (C, P, Q)."""
        C, H, W = _check.image_shape(self, in_shape)
        if self.kernel_size is None:
            return (C, 1, 1)
        how: dict[str, Any] = {"stride": self.stride, "padding": self.padding}
        return ops.pool2d_out_shape((1, C, H, W), self.kernel_size, **how)[1:]

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        window = {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding}
        rest = {"x_zero": self.x_zero, "dtype": self.dtype_name}
        return window | rest | self.to.config()

    def __repr__(self) -> str:
        return f"IntegerAvgPool2d({self.kernel_size or 'whole image'})"


def _windows(
    x: np.ndarray, kernel_size: tuple[int, int], stride: tuple[int, int], padding: Any, fill: int
) -> list[np.ndarray]:
    """Return, for each place in the window, what lies there in all windows: views (N, C, P, Q)."""
    rows, columns = ops_check.padding_pairs(
        padding, "pooling", (x.shape[2], x.shape[3]), kernel_size, stride, (1, 1)
    )
    if any(map(any, (rows, columns))):
        x = np.pad(x, ((0, 0), (0, 0), rows, columns), constant_values=fill)
    sizes = zip(x.shape[2:], kernel_size, stride, strict=True)
    P, Q = (math.floor((size - k) / s) + 1 for size, k, s in sizes)
    down, across = stride
    return [
        x[:, :, r : r + down * (P - 1) + 1 : down, s : s + across * (Q - 1) + 1 : across]
        for r in range(kernel_size[0])
        for s in range(kernel_size[1])
    ]
