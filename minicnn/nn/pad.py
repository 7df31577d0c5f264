"""A border as a layer of its own, with a value for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn._check import Padding
from minicnn.nn.layer import Layer, Shape, register


@register
class Pad2d(Layer):
    """Put a border round every image: not zeros, but one value per channel.

    A convolution pads with zeros. Where "nothing there" is another number, as in front of a folded
    batch normalisation, pad here and convolve without padding.

    Parameters
    ----------
    channels
        Channels C of the input.
    padding
        A number, (height, width) or ((top, bottom), (left, right)) of pixels.
    value
        A number, or an array (C,). It is a buffer: saved, but not learned.

    Input (N, C, H, W), output (N, C, top + H + bottom, left + W + right).
    """

    buffer_names = ("value",)

    def __init__(
        self,
        channels: int,
        padding: Padding,
        *,
        value: float | np.ndarray = 0.0,
        dtype: Any = np.float32,
    ) -> None:
        self.channels = _check.whole("channels", channels)
        padding = _check.padding(padding)
        if isinstance(padding, str):
            raise ValueError(
                f"padding is {padding!r}; Pad2d has no kernel to derive it from and expects "
                "pixels. Use for example padding=1."
            )
        rows, columns = padding if isinstance(padding, tuple) else (padding, padding)
        self.padding = (
            _check.pair("padding", rows, minimum=0),
            _check.pair("padding", columns, minimum=0),
        )
        values = np.asarray(value, _check.float_dtype(dtype))
        if values.shape not in ((), (self.channels,)):
            raise ValueError(
                f"value has shape {values.shape}; expected one number, or one for each of "
                f"{self.channels} channels. Use an array of shape ({self.channels},)."
            )
        self.value = np.broadcast_to(values, (self.channels,)).copy()

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:  # noqa: ARG002
        """Frame x (N, C, H, W)."""
        if x.dtype != self.value.dtype:
            raise TypeError(
                f"x has dtype {x.dtype}; this Pad2d wants {self.value.dtype}. "
                f"Use x.astype(np.{self.value.dtype})."
            )
        shape = self.out_shape(x.shape[1:])
        (top, bottom), (left, right) = self.padding
        y = np.empty((len(x), *shape), x.dtype)
        y[...] = self.value[:, None, None]
        y[:, :, top : shape[1] - bottom, left : shape[2] - right] = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dy without its border: what does not depend on x has no gradient."""
        return ops.pad2d_backward(dy, self.padding)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the values are stored as a buffer."""
        return {
            "channels": self.channels,
            "padding": self.padding,
            "dtype": self.value.dtype.name,
        }

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (C, top + H + bottom, left + W + right)."""
        C, H, W = _check.image_shape(self, in_shape, self.channels)
        return C, H + sum(self.padding[0]), W + sum(self.padding[1])

    def __repr__(self) -> str:
        return f"Pad2d({self.channels}, padding={self.padding})"
