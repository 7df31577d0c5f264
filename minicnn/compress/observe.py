"""Run images through a model and see what each layer gets and gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn import nn
from minicnn.nn.layer import Layer


def walk(layer: Any, x: np.ndarray, visit: Callable[[Any, np.ndarray], None]) -> np.ndarray:
    """Return layer(x), and on the way call ``visit(layer, input)`` before each layer inside runs.

    Sequences themselves are not visited. Early exits let everything through to the end, and their
    heads are run besides.
    """
    if isinstance(layer, nn.Sequential):
        for child in layer:
            x = walk(child, x, visit)
        return x
    visit(layer, x)
    if type(layer) is nn.Residual:
        around = x if layer.shortcut is None else walk(layer.shortcut, x, visit)
        return walk(layer.body, x, visit) + around
    if type(layer) is nn.EarlyExits:
        for stage, head in zip(layer.stages, layer.heads, strict=False):  # one head fewer
            x = walk(stage, x, visit)
            walk(head, x, visit)
        return walk(layer.stages[-1], x, visit)
    y: np.ndarray = layer(x)
    return y


def inputs_of(
    model: nn.Sequential, images: np.ndarray, kinds: tuple[type[Layer], ...]
) -> dict[int, np.ndarray]:
    """Return the input of every layer of these kinds, by identity."""
    seen: dict[int, np.ndarray] = {}

    def visit(layer: Layer, x: np.ndarray) -> None:
        if isinstance(layer, kinds):
            seen[id(layer)] = x

    walk(model, images, visit)
    return seen


def channel_means(layer: Any, x: np.ndarray) -> np.ndarray:
    """Return the mean of each output channel."""
    y = layer(x)
    means: np.ndarray = y.mean(axis=(0, *range(2, y.ndim)))
    return means


def correct_biases(model: nn.Sequential, means: dict[int, np.ndarray], images: np.ndarray) -> None:
    """Move biases so that each channel has the mean it had, front to back."""

    def visit(layer: Any, x: np.ndarray) -> None:
        if id(layer) in means and layer.bias is not None:
            layer.bias.data += means[id(layer)] - channel_means(layer, x)

    walk(model, images, visit)
