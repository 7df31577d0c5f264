"""Average pooling is linear, so it changes places with linear layers, or becomes part of one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minicnn import nn
from minicnn.exchange import affine
from minicnn.exchange.affine import NO_BORDER
from minicnn.exchange.compose import compose
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rewrite, run
from minicnn.nn.layer import Shape


def pool_before_pointwise(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None
) -> tuple[nn.Sequential, Report]:
    """Move average poolings before the 1x1 convolution that feeds them.

    mean(W x + b) = W mean(x) + b: the convolution mixes channels, the pooling pixels, and neither
    sees what the other does. Behind a pooling of k x k it runs on k^2 times fewer pixels.
    """
    return run(
        "pool_before_pointwise",
        model,
        [avgpool_before_pointwise],
        in_shape,
        nothing="no 1x1 convolution is followed by an average pooling",
    )


def merge_conv_avgpool(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None, only_if_cheaper: bool = False
) -> tuple[nn.Sequential, Report]:
    """Merge `Conv2d` and the `AvgPool2d` after it into one strided convolution.

    The pooling is a convolution of each channel with equal weights; composed, a kernel of R and a
    pooling of k give a kernel of R + k - 1 (for stride 1) that is applied once for each pooled
    pixel instead of k^2 times: 16 multiplications against 36 for R = 3, k = 2.
    ``only_if_cheaper`` leaves those alone that do not pay; it needs ``in_shape``.
    """
    return run(
        "merge_conv_avgpool",
        model,
        [avgpool_into_conv],
        in_shape,
        nothing="no Conv2d is followed directly by an average pooling",
        only_if_cheaper=only_if_cheaper,
    )


def avgpool_before_pointwise(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """mean(W x + b) = W mean(x) + b."""
    match layers[position : position + 3]:
        case [
            nn.Conv2d(kernel_size=(1, 1)) as conv,
            (nn.AvgPool2d() | nn.GlobalAvgPool2d()) as pool,
            *_,
        ]:
            if conv.stride != (1, 1):
                return "the 1x1 convolution has a stride: it skips pixels that the mean would see"
            if affine.border(conv, in_shape) != NO_BORDER:
                return "the 1x1 convolution pads: its border would come into the mean only after it"
            if affine.averages_zeros(pool, in_shape) and affine.bias_of(conv).any():
                return "the pooling counts zeros of its border, to which no bias was added"
            return Rewrite(2, [pool, conv], f"{type(pool).__name__} before the 1x1 convolution")
        case [nn.Conv2d(kernel_size=(1, 1)), between, nn.AvgPool2d() | nn.GlobalAvgPool2d()]:
            reason = f"{type(between).__name__} stands between the 1x1 convolution and the pooling"
            return reason + ("; fold it first" if isinstance(between, nn.BatchNorm2d) else "")
    return None


def avgpool_into_conv(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """Average the kernel over the shifts that the pooling averages over."""
    match layers[position : position + 2]:
        case [nn.Conv2d(), nn.GlobalAvgPool2d()]:
            return "GlobalAvgPool2d is as large as the image it meets, a kernel has one size"
        case [nn.Conv2d() as conv, nn.AvgPool2d() as pool]:
            middle = affine.next_shape(conv, in_shape)
            if not pool.count_include_pad and affine.border(pool, middle) != NO_BORDER:
                return "the pooling's means are of fewer pixels at the border, a kernel is constant"
            merged = compose(conv, _as_conv(pool, conv), in_shape)
            if isinstance(merged, str):
                return merged
            return Rewrite(2, [merged], "Conv2d and AvgPool2d are one strided Conv2d")
    return None


def _as_conv(pool: nn.AvgPool2d, conv: nn.Conv2d) -> nn.Conv2d:
    """Return the pooling of the convolution's output as a depthwise convolution."""
    channels, pixels = conv.out_channels, math.prod(pool.kernel_size)
    same = nn.Conv2d(
        channels, channels, pool.kernel_size, stride=pool.stride, padding=pool.padding,
        groups=channels, bias=False, seed=0, dtype=np.float64,
    )  # fmt: skip
    same.weight.data[...] = 1 / pixels
    same.freeze()  # whether the merged layer learns is for the convolution to say
    return same
