"""Two linear maps in a row are one: matrix times matrix, kernel convolved with kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicnn import nn
from minicnn.exchange import affine
from minicnn.exchange.compose import compose
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rewrite, run
from minicnn.nn.layer import Shape


def merge_linear(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None, only_if_cheaper: bool = False
) -> tuple[nn.Sequential, Report]:
    """Merge `Linear` layers with nothing between them: W2 (W1 x + b1) + b2 = W2 W1 x + b.

    Cheaper unless the layer in the middle is narrow: a bottleneck of r features between n and m
    costs r (n + m) instead of n m. ``only_if_cheaper`` leaves such pairs alone; it needs in_shape.
    """
    return run(
        "merge_linear",
        model,
        [linear_after_linear],
        in_shape,
        nothing="no Linear is followed directly by another",
        only_if_cheaper=only_if_cheaper,
    )


def compose_convs(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None, only_if_cheaper: bool = True
) -> tuple[nn.Sequential, Report]:
    """Merge `Conv2d` layers with nothing between them into one with a larger kernel.

    Strides multiply, kernels add up; any groups and dilations. Exact where the second does not
    pad: its zeros stand where the first would have computed something else.

    Often dearer (two 3x3 convolutions become one 5x5), so by default only what the cost model says
    pays is done, and ``in_shape`` is needed; ``only_if_cheaper=False`` does all.
    """
    return run(
        "compose_convs",
        model,
        [conv_after_conv],
        in_shape,
        nothing="no Conv2d is followed directly by another",
        only_if_cheaper=only_if_cheaper,
    )


def linear_after_linear(
    layers: list[nn.Layer],
    position: int,
    in_shape: Shape | None,  # noqa: ARG001
) -> Rewrite | str | None:
    """Multiply the two matrices."""
    match layers[position : position + 2]:
        case [nn.Linear() as first, nn.Linear() as second]:
            w1, w2 = (layer.weight.data.astype(np.float64) for layer in (first, second))
            merged = nn.Linear(
                first.in_features, second.out_features, bias=False, seed=0, dtype=first.dtype
            )
            bias = w2 @ affine.bias_of(first) + affine.bias_of(second)
            merged = affine.with_values(merged, w2 @ w1, bias, [first, second])
            return Rewrite(2, [merged], "two Linear layers are one")
    return None


def conv_after_conv(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """Convolve the second's kernel with the first's."""
    match layers[position : position + 2]:
        case [nn.Conv2d() as first, nn.Conv2d() as second]:
            merged = compose(first, second, in_shape)
            if isinstance(merged, str):
                return merged
            return Rewrite(2, [merged], "two Conv2d layers are one")
    return None
