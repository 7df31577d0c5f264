"""Scale and shift each channel, inside the weights of a neighbour.

All sums are done in float64 and rounded once, to the dtype of the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from minicnn import nn
from minicnn.kernels.shapes import Padding
from minicnn.nn.layer import Shape
from minicnn.ops import _check

NO_BORDER: Padding = ((0, 0), (0, 0))

L = TypeVar("L", bound=nn.Layer)


class Affine(NamedTuple):
    """y = scale x + shift, one number each per channel, float64 (C,)."""

    scale: np.ndarray
    shift: np.ndarray


def of_batchnorm(layer: nn.BatchNorm2d) -> Affine:
    """Batch normalisation in inference: gamma / std, and beta - mean gamma / std."""
    std = np.sqrt(layer.running_var.astype(np.float64) + layer.eps)
    scale = layer.weight.data / std
    return Affine(scale, layer.bias.data - layer.running_mean * scale)


def after(
    layer: nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d,
    affine: Affine,
    sources: Sequence[nn.Layer],
) -> nn.Layer:
    """Return one layer that computes scale * layer(x) + shift: scale its filters."""
    weight = layer.weight.data.astype(np.float64)
    if isinstance(layer, nn.ConvTranspose2d):  # (C, K/groups, R, S): outputs on the second axis
        C, per_group, R, S = weight.shape
        grouped = weight.reshape(layer.groups, C // layer.groups, per_group, R, S)
        grouped = grouped * affine.scale.reshape(layer.groups, 1, per_group, 1, 1)
        weight = grouped.reshape(weight.shape)
    else:
        weight = weight * affine.scale.reshape(-1, *[1] * (weight.ndim - 1))
    bias = affine.scale * bias_of(layer) + affine.shift
    return with_values(layer, weight, bias, sources)


def before(
    layer: nn.Conv2d | nn.ConvTranspose2d, affine: Affine, sources: Sequence[nn.Layer]
) -> nn.Layer:
    """Return one layer that computes layer(scale * x + shift).

    That holds for a convolution without padding, and for any layer where the shift is zero.
    """
    weight = layer.weight.data.astype(np.float64)
    if isinstance(layer, nn.ConvTranspose2d):  # (C, K/groups, R, S): inputs on the first axis
        weight *= affine.scale[:, None, None, None]
        return with_values(layer, weight, bias_of(layer), sources)
    K, per_group, R, S = weight.shape
    grouped = weight.reshape(layer.groups, K // layer.groups, per_group, R, S)
    scale, shift = (v.reshape(layer.groups, 1, per_group, 1, 1) for v in affine)
    bias = bias_of(layer) + (grouped * shift).sum(axis=(2, 3, 4)).reshape(K)
    return with_values(layer, (grouped * scale).reshape(weight.shape), bias, sources)


def before_linear(layer: nn.Linear, affine: Affine, sources: Sequence[nn.Layer]) -> nn.Linear:
    """Return one linear layer for layer(flatten(scale * x + shift)); x is (C, H, W)."""
    pixels = layer.in_features // len(affine.scale)
    scale, shift = (np.repeat(v, pixels) for v in affine)
    weight = layer.weight.data.astype(np.float64)
    return with_values(layer, weight * scale, bias_of(layer) + weight @ shift, sources)


def bias_of(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.BatchNorm2d) -> np.ndarray:
    """Return the bias in float64, zeros where there is none."""
    if layer.bias is not None:
        return layer.bias.data.astype(np.float64)
    return np.zeros(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)


def with_values(
    layer: L, weight: np.ndarray, bias: np.ndarray | None, sources: Sequence[nn.Layer]
) -> L:
    """Return a copy of a layer with other weights, and with a bias if it needs one.

    It does if the bias is not zero, or if one of ``sources``, the layers merged into it, had one.
    The new parameters learn if any parameter of the sources did.
    """
    twin: Any = layer.copy()
    merged = [p for source in sources for p in source.parameters().values()]
    learns = any(p.trainable for p in merged)
    dtype = twin.weight.dtype
    kept = [
        rule
        for rule in twin.weight.constraints  # scaling keeps zeros
        if isinstance(rule, nn.Mask)
        and rule.keep.shape == weight.shape
        and not weight[~rule.keep].any()
    ]
    twin.weight = nn.Parameter(weight.astype(dtype), name="weight", trainable=learns)
    twin.weight.constraints = kept
    twin.bias = None
    if bias is not None and (bias.any() or any(p.name == "bias" for p in merged)):
        twin.bias = nn.Parameter(bias.astype(dtype), name="bias", trainable=learns)
    return twin


def new_conv(
    weight: np.ndarray,
    bias: np.ndarray | None,
    dtype: np.dtype,
    sources: Sequence[nn.Layer],
    *,
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    groups: int,
) -> nn.Conv2d:
    """Return a convolution with the weights (K, C/groups, R, S), and a bias as in `with_values`."""
    K, per_group, R, S = weight.shape
    conv = nn.Conv2d(
        per_group * groups, K, (R, S), stride=stride, padding=short(padding), dilation=dilation,
        groups=groups, bias=False, seed=0, dtype=dtype,
    )  # fmt: skip
    return with_values(conv, weight, bias, sources)


def short(padding: Padding) -> int | tuple[int, int] | Padding:
    """Write a padding as shortly as a person would."""
    (top, bottom), (left, right) = padding
    if top != bottom or left != right:
        return padding
    return top if top == left else (top, left)


def border(
    layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d, in_shape: Shape | None
) -> Padding | None:
    """Return the padding in pixels; None if it is "same" for an image size that is not known."""
    dilation = layer.dilation if isinstance(layer, nn.Conv2d) else (1, 1)
    if layer.padding == "same" and layer.stride != (1, 1) and in_shape is None:
        return None
    rows, columns = (1, 1) if in_shape is None else in_shape[1:]  # no matter for a stride of 1
    return _check.padding_pairs(
        layer.padding, "exchange", (rows, columns), layer.kernel_size, layer.stride, dilation
    )


def averages_zeros(layer: nn.Layer, in_shape: Shape | None) -> bool:
    """Whether it is an average pooling in whose means the zeros of a border (may) count."""
    if not isinstance(layer, nn.AvgPool2d) or not layer.count_include_pad:
        return False
    return border(layer, in_shape) != NO_BORDER


def next_shape(layer: nn.Layer, in_shape: Shape | None) -> Shape | None:
    """Return the output shape, unknown for an unknown input shape."""
    return None if in_shape is None else layer.out_shape(in_shape)
