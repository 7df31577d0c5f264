"""The weights of an affine map, found by asking it and not by a formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def probe(
    layer: Callable[[np.ndarray], np.ndarray], channels: int, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel (K, C, side, side) and the bias (K,) of a map from windows to K numbers.

    The bias is the answer to an empty window, a weight is what a single 1 adds to it.
    """
    shape = (channels, side, side)
    pixels = channels * side * side
    bias = layer(np.zeros((1, *shape))).reshape(-1)
    answers = layer(np.eye(pixels).reshape(pixels, *shape)).reshape(pixels, -1)
    return (answers - bias).T.reshape(len(bias), *shape), bias


def rows(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return one row for each filter: its weights, then its bias."""
    return np.column_stack([w.reshape(len(w), -1), b])
