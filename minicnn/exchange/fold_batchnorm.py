"""Batch normalisation disappears into the weights of a layer before or after it.

In inference it is one multiplication and one addition per channel, and a convolution can do both
on the way: scale its filters, shift its bias (Jacob et al. 2018, section 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicnn import nn
from minicnn.exchange import affine
from minicnn.exchange.affine import NO_BORDER, Affine
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rewrite, run
from minicnn.nn.layer import Shape
from minicnn.nn.pad import Pad2d

_PASSED = (nn.MaxPool2d, nn.AvgPool2d, nn.GlobalAvgPool2d, nn.Dropout, nn.Identity)


def fold_batchnorm(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None
) -> tuple[nn.Sequential, Report]:
    """Fold every `BatchNorm2d` into a neighbour, exactly: s W * x + (s b + t), s and t per channel.

    Before it: `Conv2d`, `ConvTranspose2d` or another `BatchNorm2d`, of any groups. After it:
    `Conv2d`, or `Linear` behind a `Flatten`. Poolings between the two are looked through where
    they commute with the normalisation. In front of a convolution that pads with zeros the shift
    t is missing at the border; there a `Pad2d` with the value -t/s, which normalisation would
    have made zero, comes before a convolution without padding. What cannot be folded is in the
    report with the reason.
    """
    rules = [fold_into_previous, fold_into_next]
    return run("fold_batchnorm", model, rules, in_shape, nothing="the model has no BatchNorm2d")


def fold_into_previous(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """Convolution, (poolings,) normalisation: scale the filters, shift the bias."""
    first = layers[position]
    if not isinstance(first, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
        return None
    between = _passed(layers[position + 1 :])
    norm = _at(layers, position + 1 + len(between))
    if not isinstance(norm, nn.BatchNorm2d):
        return None
    map_ = affine.of_batchnorm(norm)
    if reason := _obstacle(between, map_, affine.next_shape(first, in_shape)):
        return reason
    merged = affine.after(first, map_, [first, norm])
    note = f"BatchNorm2d folded into the {type(first).__name__} before it"
    return Rewrite(2 + len(between), [merged, *between], note)


def fold_into_next(
    layers: list[nn.Layer], position: int, in_shape: Shape | None
) -> Rewrite | str | None:
    """Normalisation, (poolings,) convolution or linear layer: scale what each filter reads."""
    norm = layers[position]
    if not isinstance(norm, nn.BatchNorm2d):
        return None
    between = _passed(layers[position + 1 :])
    flatten = _at(layers, position + 1 + len(between))
    if isinstance(flatten, nn.Flatten):
        between = [*between, flatten]
        between += _passed(layers[position + 1 + len(between) :])
    last = _at(layers, position + 1 + len(between))
    if not isinstance(last, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        return _nowhere_to_go(layers, position, last)
    if reason := _obstacle(between, affine.of_batchnorm(norm), in_shape):
        return reason
    if in_shape is not None:
        in_shape = nn.Sequential(*between).out_shape(in_shape)
    new = _fold_before(norm, last, in_shape)
    if isinstance(new, str):
        return new
    note = f"BatchNorm2d folded into the {type(last).__name__} after it"
    if isinstance(new[0], Pad2d):
        note += ", and its zero into the border"
    return Rewrite(2 + len(between), [*between, *new], note)


def _fold_before(
    norm: nn.BatchNorm2d, last: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, in_shape: Shape | None
) -> list[nn.Layer] | str:
    """Return layers that compute last(norm(x)), or say why there are none."""
    map_ = affine.of_batchnorm(norm)
    if isinstance(last, nn.Linear):
        return [affine.before_linear(last, map_, [norm, last])]
    folded = affine.before(last, map_, [norm, last])
    if not map_.shift.any():
        return [folded]
    if not isinstance(folded, nn.Conv2d):
        return (
            "ConvTranspose2d after it spreads a shift unevenly: near the border, and from one "
            "stride to the next, pixels receive other taps"
        )
    frame = affine.border(folded, in_shape)
    if frame is None:
        return 'the convolution after it pads "same" with a stride: give in_shape to know how much'
    if frame == NO_BORDER:
        return [folded]
    value = _becomes_zero(map_, norm.weight.dtype)
    if value is None:
        return (
            "gamma is (nearly) 0 in a channel whose beta is not, and the convolution after it pads "
            "with zeros: no value of the border would be normalised to zero"
        )
    folded.padding = 0
    pad = Pad2d(norm.num_features, affine.short(frame), value=value, dtype=norm.weight.dtype)
    return [pad, folded]


def _becomes_zero(map_: Affine, dtype: np.dtype) -> np.ndarray | None:
    """Solve scale * value + shift = 0 for each channel; None where that has no answer."""
    scale, shift = map_
    smallest = np.abs(shift) / np.finfo(dtype).max + np.finfo(dtype).tiny
    if np.any((np.abs(scale) < smallest) & (shift != 0)):
        return None
    return np.divide(-shift, scale, out=np.zeros_like(scale), where=shift != 0)


def _obstacle(between: list[nn.Layer], map_: Affine, in_shape: Shape | None) -> str | None:
    """Say why a map per channel cannot change places with these poolings, if it cannot."""
    for layer in between:
        if isinstance(layer, nn.MaxPool2d) and (map_.scale < 0).any():
            return (
                "MaxPool2d stands between the BatchNorm2d and the weights, and a negative gamma "
                "makes the maximum a minimum"
            )
        if affine.averages_zeros(layer, in_shape) and map_.shift.any():
            return (
                "AvgPool2d, which counts zeros of its border, stands between the BatchNorm2d and "
                "the weights: the shift would be added to fewer pixels there"
            )
        in_shape = affine.next_shape(layer, in_shape)
    return None


def _nowhere_to_go(layers: list[nn.Layer], position: int, last: nn.Layer | None) -> str:
    before = f"it comes after {type(layers[position - 1]).__name__}" if position else "it is first"
    behind = (
        f"before {type(last).__name__}" if last is not None else "nothing follows in its sequence"
    )
    return f"no layer with weights is next to it: {before} and {behind}"


def _passed(layers: list[nn.Layer]) -> list[nn.Layer]:
    """Return the first layers, as many as may commute with a map per channel."""
    for count, layer in enumerate(layers):
        if not isinstance(layer, _PASSED):
            return layers[:count]
    return layers


def _at(layers: list[nn.Layer], position: int) -> nn.Layer | None:
    return layers[position] if position < len(layers) else None
