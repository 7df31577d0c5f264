"""Run images through a model and see what each layer gets and gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn import nn
from minicnn.nn.layer import Layer


def inputs_of(
    model: nn.Sequential, images: np.ndarray, kinds: tuple[type[Layer], ...]
) -> dict[int, np.ndarray]:
    """Return the input of every layer of these kinds, by identity."""
    seen: dict[int, np.ndarray] = {}

    def run(layer: Layer, x: np.ndarray) -> Any:
        if type(layer) is nn.Sequential:
            for child in layer:
                x = run(child, x)
            return x
        if isinstance(layer, kinds):
            seen[id(layer)] = x
        if type(layer) is nn.Residual:
            around = x if layer.shortcut is None else run(layer.shortcut, x)
            return run(layer.body, x) + around
        return layer(x)

    run(model, images)
    return seen


def channel_means(layer: Any, x: np.ndarray) -> np.ndarray:
    """Return the mean of each output channel."""
    y = layer(x)
    means: np.ndarray = y.mean(axis=(0, *range(2, y.ndim)))
    return means


def correct_biases(model: nn.Sequential, means: dict[int, np.ndarray], images: np.ndarray) -> None:
    """Move biases so that each channel has the mean it had, front to back."""

    def run(layer: Any, x: np.ndarray) -> Any:
        if type(layer) is nn.Sequential:
            for child in layer:
                x = run(child, x)
            return x
        if type(layer) is nn.Residual:
            around = x if layer.shortcut is None else run(layer.shortcut, x)
            return run(layer.body, x) + around
        if id(layer) in means and layer.bias is not None:
            layer.bias.data += means[id(layer)] - channel_means(layer, x)
        return layer(x)

    run(model, images)
