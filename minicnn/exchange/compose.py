"""Two convolutions in a row are one convolution: its kernel, its bias, its border."""

from __future__ import annotations

import math

import numpy as np

from minicnn import nn
from minicnn.exchange import affine
from minicnn.exchange.affine import NO_BORDER
from minicnn.kernels.shapes import Padding, Pair
from minicnn.nn.layer import Shape


def compose(first: nn.Conv2d, second: nn.Conv2d, in_shape: Shape | None) -> nn.Conv2d | str:
    """Return one convolution equal to second(first(x)), or say why there is none.

    Tap a of the second reads the first's output a d2 further on, which starts s1 d2 a further on
    in x, so the composed kernel has a tap at s1 d2 a + d1 r for every pair (a, r). Strides
    multiply, and both ways have the same size, as floor(floor(n / s1) / s2) = floor(n / (s1 s2)).
    """
    frame = _border(first, second, in_shape)
    if isinstance(frame, str):
        return frame
    groups = math.gcd(first.groups, second.groups)
    (d1h, d1w), (s1h, s1w) = first.dilation, first.stride
    (d2h, d2w), (s2h, s2w) = second.dilation, second.stride
    weight, dilation = _taps(
        _blocks(first, groups), _blocks(second, groups), (d1h, d1w), (s1h * d2h, s1w * d2w)
    )
    return affine.new_conv(
        weight.reshape(second.out_channels, -1, *weight.shape[3:]),
        _bias(first, second),
        first.weight.dtype,
        [first, second],
        stride=(s1h * s2h, s1w * s2w),
        padding=frame,
        dilation=dilation,
        groups=groups,
    )


def _border(first: nn.Conv2d, second: nn.Conv2d, in_shape: Shape | None) -> Padding | str:
    """Return the padding of both together, or the reason why there is none."""
    inner = affine.border(first, in_shape)
    outer = affine.border(second, affine.next_shape(first, in_shape))
    if inner is None or outer is None:
        return 'a layer pads "same" with a stride: give in_shape to know how much'
    if outer == NO_BORDER:
        return inner
    keeps_zeros = not affine.bias_of(first).any() and inner == NO_BORDER
    if keeps_zeros and first.kernel_size == first.stride == (1, 1):
        return outer
    return (
        "the second layer pads the output of the first: its zeros are not what the first would "
        "give there (only a 1x1 convolution of stride 1 without bias makes zeros of zeros)"
    )


def _taps(
    w1: np.ndarray, w2: np.ndarray, apart1: Pair, apart2: Pair
) -> tuple[np.ndarray, tuple[int, int]]:
    """Compose kernels (groups, K, C, R, S) whose taps are so far apart, seen from x.

    Returns the new kernel and its dilation, the largest that skips only zeros.
    """
    sizes1, sizes2 = w1.shape[3:], w2.shape[3:]
    steps, sizes = [], []
    for n1, n2, a1, a2 in zip(sizes1, sizes2, apart1, apart2, strict=True):
        step = math.gcd(a1 * (n1 > 1), a2 * (n2 > 1)) or 1
        steps.append(step)
        sizes.append(((n1 - 1) * a1 + (n2 - 1) * a2) // step + 1)
    weight = np.zeros((*w2.shape[:2], w1.shape[2], *sizes))
    for a, b in np.ndindex(*sizes2):
        start = a * apart2[0] // steps[0], b * apart2[1] // steps[1]
        rows, columns = (
            slice(start[i], start[i] + (sizes1[i] - 1) * every + 1, every)
            for i, every in enumerate(max(1, apart1[i] // steps[i]) for i in (0, 1))
        )
        product = w2[..., a, b] @ w1.reshape(*w1.shape[:2], -1)
        weight[..., rows, columns] += product.reshape(*w2.shape[:2], *w1.shape[2:])
    return weight, (steps[0], steps[1])


def _blocks(conv: nn.Conv2d, groups: int) -> np.ndarray:
    """Return the weights as (groups, K/groups, C/groups, R, S), for fewer groups than it has.

    Where several of its own groups share a new one, the weights between them are zeros.
    """
    weight = conv.weight.data.astype(np.float64)
    K, per_group, R, S = weight.shape
    many = conv.groups // groups
    own = weight.reshape(groups, many, K // conv.groups, per_group, R, S)
    blocks = np.zeros((groups, many, K // conv.groups, many, per_group, R, S))
    for i in range(many):
        blocks[:, i, :, i] = own[:, i]
    return blocks.reshape(groups, K // groups, many * per_group, R, S)


def _bias(first: nn.Conv2d, second: nn.Conv2d) -> np.ndarray:
    """Return what the second makes of the first's bias, and its own bias."""
    b1 = affine.bias_of(first).reshape(second.groups, -1, 1)
    taps = second.weight.data.astype(np.float64).sum(axis=(2, 3))
    passed = taps.reshape(second.groups, -1, taps.shape[1]) @ b1
    return passed.ravel() + affine.bias_of(second)
