"""An exchange that changes what the model computes: pooling before the convolution."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from minicnn import nn
from minicnn.exchange.relu_pool import ACTIVATIONS
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rewrite, run
from minicnn.nn.layer import Shape
from minicnn.training import evaluate

_BETWEEN = (*ACTIVATIONS, nn.BatchNorm2d, nn.Dropout, nn.Identity)


def swap_conv_pool(
    model: nn.Sequential,
    in_shape: Sequence[int],
    *,
    data: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[nn.Sequential, Report]:
    """Move every pooling before the convolution that feeds it, although that is another function.

    The convolution then runs on a smaller image: k^2 times fewer multiplications for a pooling of
    k x k. But its kernel now spans k times as much of the original image, fine detail is gone
    before it looks, and the weights were learned for the other order. Train again afterwards.

    Parameters
    ----------
    data
        (x, y) on which the error is measured before and after; see ``report.errors``.

    Returns
    -------
    The new model, with the same weights, and a report with ``exact=False``.
    """
    if in_shape is None:
        raise TypeError(
            "in_shape is None; swap_conv_pool compares the shapes of both orders and expects one "
            "sample's shape. Give for example in_shape=(3, 32, 32)."
        )
    new, report = run(
        "swap_conv_pool",
        model,
        [pool_before_conv],
        in_shape,
        nothing="no Conv2d is followed by a pooling",
        exact=False,
        repeat=False,
    )
    if data is not None:
        errors = evaluate(model, data).error, evaluate(new, data).error
        report = dataclasses.replace(report, errors=errors)
    return new, report


def pool_before_conv(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """Convolution, (normalisation, activation,) pooling: the pooling first. Not exact."""
    conv = layers[position]
    if not isinstance(conv, nn.Conv2d):
        return None
    end = position + 1
    while end < len(layers) and isinstance(layers[end], _BETWEEN):
        end += 1
    if end == len(layers) or not isinstance(layers[end], nn.MaxPool2d | nn.AvgPool2d):
        return None
    pool = layers[end]
    old, new = layers[position : end + 1], [pool, *layers[position:end]]
    assert in_shape is not None
    wanted = nn.Sequential(*old).out_shape(in_shape)
    try:
        got = nn.Sequential(*new).out_shape(in_shape)
    except ValueError:
        return "after the pooling the image is smaller than the kernel"
    if got != wanted:
        return f"the output would have the shape {got} instead of {wanted}: pad the convolution"
    return Rewrite(len(old), new, f"{type(pool).__name__} before Conv2d")
