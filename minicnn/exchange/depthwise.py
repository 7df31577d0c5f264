"""Depthwise convolutions mix the pixels of a channel, pointwise ones the channels of a pixel.

They change places when every channel is filtered alike: then the filter does not care whether the
channels are mixed before or after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicnn import nn
from minicnn.exchange import affine
from minicnn.exchange.affine import NO_BORDER
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rewrite, run
from minicnn.nn.layer import Shape


def swap_depthwise_pointwise(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None, only_if_cheaper: bool = False
) -> tuple[nn.Sequential, Report]:
    """Exchange depthwise and pointwise (1x1) convolutions that follow each other, once each.

    Exact if the depthwise filters are multiples of one filter f, a_c f for channel c: depthwise
    then pointwise is W diag(a) f * x in either order. In other words, the matrix of all filters
    (C, R S) has rank 1. Trained filters seldom do; a blur does. The pair is cheaper in the order
    that filters fewer channels, or fewer pixels.
    """
    return run(
        "swap_depthwise_pointwise",
        model,
        [depthwise_pointwise],
        in_shape,
        nothing="no depthwise convolution stands directly beside a pointwise one",
        only_if_cheaper=only_if_cheaper,
        repeat=False,
    )


def depthwise_pointwise(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """W (diag(a) f * x) = f * (W diag(a) x)."""
    match layers[position : position + 2]:
        case [nn.Conv2d() as first, nn.Conv2d() as second]:
            if _is_depthwise(first) and _is_pointwise(second):
                return _pointwise_first(first, second)
            if _is_pointwise(first) and _is_depthwise(second):
                return _depthwise_first(first, second, in_shape)
    return None


def _pointwise_first(depthwise: nn.Conv2d, pointwise: nn.Conv2d) -> Rewrite | str:
    shared = _shared_filter(depthwise)
    if shared is None:
        return "the depthwise filters are not multiples of one filter"
    factors, filter_ = shared
    both = [depthwise, pointwise]
    weight = pointwise.weight.data.astype(np.float64)
    bias = weight[:, :, 0, 0] @ affine.bias_of(depthwise) + affine.bias_of(pointwise)
    # The bias comes last, so the zeros that the second layer pads stay zeros.
    mix = _conv_1x1(weight[:, :, 0, 0] * factors, None, both)
    K = pointwise.out_channels
    return Rewrite(2, [mix, _filter_all(depthwise, filter_, K, bias, both)], "pointwise first")


def _depthwise_first(
    pointwise: nn.Conv2d, depthwise: nn.Conv2d, in_shape: Shape | None
) -> Rewrite | str:
    shared = _shared_filter(depthwise)
    if shared is None:
        return "the depthwise filters are not multiples of one filter"
    b1 = affine.bias_of(pointwise)
    frame = affine.border(depthwise, affine.next_shape(pointwise, in_shape))
    if frame != NO_BORDER and b1.any():
        return (
            "the depthwise convolution pads with zeros what has a bias: before the bias the border "
            "would be another"
        )
    factors, filter_ = shared
    both = [pointwise, depthwise]
    mix = pointwise.weight.data[:, :, 0, 0].astype(np.float64) * factors[:, None]
    bias = factors * filter_.sum() * b1 + affine.bias_of(depthwise)
    C = pointwise.in_channels
    filtered = _filter_all(depthwise, filter_, C, None, both)
    return Rewrite(2, [filtered, _conv_1x1(mix, bias, both)], "depthwise first")


def _shared_filter(depthwise: nn.Conv2d) -> tuple[np.ndarray, np.ndarray] | None:
    """Factor the filters (C, 1, R, S) into a (C,) and f (R, S); None if they are not a_c f."""
    filters = depthwise.weight.data[:, 0].astype(np.float64)
    flat = filters.reshape(len(filters), -1)
    largest = flat[np.argmax(np.abs(flat).max(axis=1))]
    if not largest.any():
        return np.zeros(len(flat)), filters[0]
    factors = flat @ largest / (largest @ largest)
    rounding = 4 * np.finfo(depthwise.weight.dtype).eps * np.abs(largest).max()
    if np.abs(flat - np.outer(factors, largest)).max() > rounding:
        return None
    return factors, largest.reshape(filters.shape[1:])


def _filter_all(
    like: nn.Conv2d,
    filter_: np.ndarray,
    channels: int,
    bias: np.ndarray | None,
    sources: list[nn.Conv2d],
) -> nn.Conv2d:
    """Return a depthwise convolution of so many channels, each with the same filter."""
    conv = nn.Conv2d(
        channels, channels, like.kernel_size, stride=like.stride, padding=like.padding,
        dilation=like.dilation, groups=channels, bias=False, seed=0, dtype=like.weight.dtype,
        algorithm=like.algorithm,
    )  # fmt: skip
    return affine.with_values(conv, np.tile(filter_, (channels, 1, 1, 1)), bias, sources)


def _conv_1x1(matrix: np.ndarray, bias: np.ndarray | None, sources: list[nn.Conv2d]) -> nn.Conv2d:
    return affine.new_conv(
        matrix[:, :, None, None], bias, sources[0].weight.dtype, sources,
        stride=(1, 1), padding=NO_BORDER, dilation=(1, 1), groups=1,
    )  # fmt: skip


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return conv.groups == conv.in_channels == conv.out_channels


def _is_pointwise(conv: nn.Conv2d) -> bool:
    unpadded = conv.padding in (0, (0, 0), NO_BORDER, "valid", "same")
    return conv.kernel_size == conv.stride == (1, 1) and conv.groups == 1 and unpadded
