"""What a layer is assumed to cost, so that an optimiser can decide without a stopwatch."""

from __future__ import annotations

import math
from collections.abc import Iterable

from minicnn import nn
from minicnn.nn.layer import Shape

NUMBER = 16
"""Multiply-adds that a core does while one number travels to or from memory.

A core of this decade does some 10^11 multiply-adds and moves some 10^10 bytes (2.5 x 10^9 numbers
of 4 bytes) a second from outside its caches, a ratio of 40; much of what a small layer reads is
still in a cache, so the truth for a chain of layers lies lower.
"""
LAYER = 1000
"""Multiply-adds worth of time to call a layer at all."""

_NO_TRAFFIC = (nn.Flatten, nn.Identity, nn.Dropout)  # in inference they pass their input on


def estimate(layers: nn.Layer | Iterable[nn.Layer], in_shape: Shape) -> int:
    """Cost of inference on one sample in units of one multiply-add; a whole number, no timing.

    multiply-adds + `NUMBER` x (numbers read and written) + `LAYER` x layers. Read are the input
    and the weights, written the output, once each. The cost of a sequence is the sum over its
    layers, so replacing a part changes the total by exactly the change of the part.
    """
    if isinstance(layers, nn.Layer):
        return _one(layers, in_shape)
    total = 0
    for layer in layers:
        total += _one(layer, in_shape)
        in_shape = layer.out_shape(in_shape)
    return total


def _one(layer: nn.Layer, in_shape: Shape) -> int:
    if isinstance(layer, nn.Sequential):
        return LAYER + estimate(layer.layers, in_shape)
    if isinstance(layer, nn.Residual):
        branches = estimate(layer.body, in_shape)
        if layer.shortcut is not None:
            branches += estimate(layer.shortcut, in_shape)
        return LAYER + branches + NUMBER * 3 * math.prod(layer.out_shape(in_shape))
    if isinstance(layer, _NO_TRAFFIC):
        return LAYER
    held = layer.num_parameters + sum(buffer.size for buffer in layer.buffers().values())
    moved = math.prod(in_shape) + math.prod(layer.out_shape(in_shape)) + held
    return LAYER + layer.macs(in_shape) + NUMBER * moved
