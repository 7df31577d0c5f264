"""A convolution without its numbers: all that the choice of an algorithm depends on."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from minicnn import nn, ops, plan
from minicnn.kernels.shapes import Padding, Pair, Shape4, out_shape
from minicnn.nn.layer import Shape
from minicnn.ops import _check


class Problem(NamedTuple):
    """Shapes and geometry of one convolution, as kernels take them, and what is timed."""

    x_shape: Shape4
    w_shape: Shape4
    stride: Pair
    padding: Padding
    dilation: Pair
    groups: int
    dtype: str = "float32"
    training: bool = False

    @classmethod
    def of(
        cls,
        x_shape: Shape4,
        w_shape: Shape4,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        dtype: str = "float32",
        training: bool = False,
    ) -> Problem:
        """Take the arguments as `ops.conv2d` does: numbers, pairs, "same", "valid".

        Raises
        ------
        ValueError
            If they do not fit together.
        """
        how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        x_shape = _check.shape4(x_shape, "x_shape", "conv2d")
        w_shape = _check.shape4(w_shape, "w_shape", "conv2d")
        ops.conv2d_out_shape(x_shape, w_shape, **how)
        strides, dilations = (
            _check.pair(value, "a size", "conv2d") for value in (stride, dilation)
        )
        sizes = x_shape[2:], w_shape[2:]
        pads = _check.padding_pairs(padding, "conv2d", *sizes, strides, dilations)
        return cls(x_shape, w_shape, strides, pads, dilations, groups, dtype, training)

    @property
    def window(self) -> dict[str, Any]:
        """Stride, padding, dilation and groups, by name."""
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    @property
    def rule(self) -> str:
        """What `plan.choose` says."""
        return plan.choose(self.x_shape, self.w_shape, **self.window)

    @property
    def supporting(self) -> tuple[str, ...]:
        """Every algorithm that can do it."""
        return plan.supporting(self.x_shape, self.w_shape, **self.window)

    @property
    def macs(self) -> int:
        """Multiply-adds of the forward pass."""
        N, K, P, Q = out_shape(self.x_shape, self.w_shape, self.stride, self.padding, self.dilation)
        _, C, R, S = self.w_shape
        return N * K * P * Q * C * R * S

    def __str__(self) -> str:
        N, C, H, W = self.x_shape
        K, _, R, S = self.w_shape
        text = f"{N}×{C}×{H}×{W}, {R}×{S} to {K}"
        if self.stride != (1, 1):
            text += f", stride {self.stride[0]}"
        if self.dilation != (1, 1):
            text += f", dilation {self.dilation[0]}"
        if self.groups > 1:
            text += f", {self.groups} groups"
        return text


def problems(
    model: nn.Layer, in_shape: Shape, *, batch_size: int = 1, training: bool = False
) -> dict[str, Problem]:
    """Return the problem of every `Conv2d` in a model by the layer's dotted name.

    Nothing is computed: the layers tell each other their shapes, and we listen.
    """
    twin, heard = model.copy(), {}

    def listen(name: str, layer: nn.Conv2d, told: Shape) -> Shape:
        heard[name] = Problem.of(
            (batch_size, *told),  # type: ignore[arg-type]
            layer.weight_shape,
            **layer.geometry,
            dtype=layer.weight.dtype.name,
            training=training,
        )
        return type(layer).out_shape(layer, told)

    for name, layer in [("", twin), *twin.named_layers()]:
        if isinstance(layer, nn.Conv2d):
            layer.out_shape = partial(listen, name, layer)  # type: ignore[method-assign]
    twin.out_shape(in_shape)
    return heard
