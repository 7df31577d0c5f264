"""What changes places with a pooling: monotone functions, and batch normalisation.

A maximum commutes with every function that never falls: the largest of f(a), f(b), ... is f of the
largest. A mean commutes with scale and shift, as it is linear and its weights sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicnn import nn
from minicnn.exchange import affine
from minicnn.exchange.affine import Affine
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rewrite, run
from minicnn.nn.layer import Shape

ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Sigmoid, nn.Tanh)


def swap_relu_maxpool(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None
) -> tuple[nn.Sequential, Report]:
    """Move activations behind the max-pooling that follows: f(max x) = max f(x), f never falling.

    A pooling of stride 2 leaves a quarter of the numbers, so f is computed a quarter as often.
    Exact to the last bit for ReLU, ReLU6 and LeakyReLU with a slope of 0 or more, and to
    rounding for sigmoid and tanh.
    """
    nothing = "no activation is followed directly by a pooling"
    return run("swap_relu_maxpool", model, [activation_after_maxpool], in_shape, nothing=nothing)


def swap_batchnorm_pool(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None
) -> tuple[nn.Sequential, Report]:
    """Move batch normalisation behind the pooling that follows, where fewer numbers are left.

    With an average it commutes. With a maximum it does where gamma >= 0. Where gamma < 0 the
    maximum becomes a minimum, s max(x) = -s max(-x) for s < 0 read backwards; a convolution
    before the normalisation can supply the -x by changing the sign of its filters.
    """
    nothing = "no BatchNorm2d is followed directly by a pooling"
    rules = [batchnorm_after_maxpool, batchnorm_after_avgpool]
    return run("swap_batchnorm_pool", model, rules, in_shape, nothing=nothing)


def activation_after_maxpool(
    layers: list[nn.Layer],
    position: int,
    in_shape: Shape | None,  # noqa: ARG001
) -> Rewrite | str | None:
    """max f(x) = f(max x) for every f that never falls."""
    match layers[position : position + 2]:
        case [nn.LeakyReLU(negative_slope=slope), nn.MaxPool2d()] if slope < 0:
            return f"LeakyReLU with the slope {slope} falls below zero: it is not monotone"
        case [activation, nn.MaxPool2d() as pool] if isinstance(activation, ACTIVATIONS):
            return Rewrite(2, [pool, activation], f"{type(activation).__name__} after the pooling")
        case [activation, nn.AvgPool2d() | nn.GlobalAvgPool2d()] if isinstance(
            activation, ACTIVATIONS
        ):
            kind = type(activation).__name__
            return f"a mean follows, and {kind} is not linear: the mean of f(x) is not f(mean of x)"
    return None


def batchnorm_after_avgpool(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """mean(s x + t) = s mean(x) + t."""
    match layers[position : position + 2]:
        case [nn.BatchNorm2d() as norm, (nn.AvgPool2d() | nn.GlobalAvgPool2d()) as pool]:
            if affine.averages_zeros(pool, in_shape) and affine.of_batchnorm(norm).shift.any():
                return (
                    "AvgPool2d counts the zeros of its border: the shift would be added to fewer "
                    "pixels there"
                )
            return Rewrite(2, [pool, norm], "BatchNorm2d after the pooling")
    return None


def batchnorm_after_maxpool(
    layers: list[nn.Layer],
    position: int,
    in_shape: Shape | None,  # noqa: ARG001
) -> Rewrite | str | None:
    """max(s x + t) = s max(x) + t for s >= 0, and -s max(-x) + t for s < 0."""
    match layers[position : position + 3]:
        case [nn.BatchNorm2d() as norm, nn.MaxPool2d() as pool, *_]:
            negative = np.flatnonzero(affine.of_batchnorm(norm).scale < 0)
            if not len(negative):
                return Rewrite(2, [pool, norm], "BatchNorm2d after the pooling")
            return (
                f"gamma is negative in {len(negative)} of {norm.num_features} channels, which "
                "makes the maximum a minimum, and no convolution before it can change the sign"
            )
        case [
            (nn.Conv2d() | nn.ConvTranspose2d()) as conv,
            nn.BatchNorm2d() as norm,
            nn.MaxPool2d() as pool,
        ] if (affine.of_batchnorm(norm).scale < 0).any():
            sign = np.where(norm.weight.data < 0, -1.0, 1.0)
            flipped = affine.after(conv, Affine(sign, np.zeros_like(sign)), [conv])
            positive = norm.copy()
            positive.weight.data *= sign.astype(positive.weight.dtype)
            positive.running_mean *= sign.astype(positive.running_mean.dtype)
            note = "BatchNorm2d after the pooling; negative gammas became signs of the filters"
            return Rewrite(3, [flipped, pool, positive], note)
    return None
