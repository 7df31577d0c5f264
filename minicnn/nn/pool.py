"""Pooling layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn._check import IntOrPair, Padding
from minicnn.nn.layer import Layer, Shape, register


class _Pool2d(Layer):
    """A window that slides over every channel: its size, step and border."""

    def __init__(
        self,
        kernel_size: IntOrPair,
        *,
        stride: IntOrPair | None = None,
        padding: Padding = 0,
    ) -> None:
        self.kernel_size = _check.pair("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else _check.pair("stride", stride)
        self.padding = _check.padding(padding)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
        }

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (C, P, Q)."""
        C, H, W = _check.image_shape(self, in_shape)
        return ops.pool2d_out_shape(
            (1, C, H, W), self.kernel_size, stride=self.stride, padding=self.padding
        )[1:]

    def __repr__(self) -> str:
        text = f"kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding not in (0, (0, 0), "valid"):
            text += f", padding={self.padding!r}"
        return f"{type(self).__name__}({text})"


@register
class MaxPool2d(_Pool2d):
    """The largest number of each window; the stride is the kernel size unless given."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Pool x (N, C, H, W) to (N, C, P, Q)."""
        if training:
            self._saved = x
        return ops.max_pool2d(x, self.kernel_size, stride=self.stride, padding=self.padding)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx: the gradient goes to each window's maximum."""
        return ops.max_pool2d_backward(
            dy, self._spend(), self.kernel_size, stride=self.stride, padding=self.padding
        )


@register
class AvgPool2d(_Pool2d):
    """The mean of each window; the stride is the kernel size unless given.

    With ``count_include_pad=False`` the border does not count as zeros, but not at all.
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        *,
        stride: IntOrPair | None = None,
        padding: Padding = 0,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding)
        self.count_include_pad = count_include_pad

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().config(), "count_include_pad": self.count_include_pad}

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Pool x (N, C, H, W) to (N, C, P, Q)."""
        if training:
            self._saved = x.shape
        return ops.avg_pool2d(x, **self.config())

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx: every pixel of a window gets an equal share."""
        return ops.avg_pool2d_backward(dy, self._spend(), **self.config())


@register
class GlobalAvgPool2d(Layer):
    """The mean of each channel: (N, C, H, W) to (N, C, 1, 1)."""

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Average each channel of x."""
        if training:
            self._saved = x.shape
        return ops.global_avg_pool2d(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx: every pixel of a channel gets an equal share."""
        return ops.global_avg_pool2d_backward(dy, self._spend())

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (C, 1, 1)."""
        return (_check.image_shape(self, in_shape)[0], 1, 1)
