"""Which convolution algorithm for which shape."""

from __future__ import annotations

import importlib
import math
from types import ModuleType

from minicnn.kernels.shapes import Padding, Pair, Shape4, out_shape

ALGORITHMS: dict[str, str] = {
    "naive": "minicnn.kernels.naive",
    "im2col": "minicnn.kernels.im2col",
    "implicit": "minicnn.kernels.implicit",
    "winograd": "minicnn.kernels.winograd",
    "winograd2": "minicnn.kernels.winograd2",
    "depthwise": "minicnn.kernels.depthwise",
}
"""Name to module; a module is imported when it is first asked for."""
TINY = 2**16
"""Multiply-adds that take less time than their planning."""
LANES = 16
"""Numbers in a vector; with fewer, all costs grow alike."""


def choose(
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> str:
    """Name the algorithm for a convolution of x (N, C, H, W) with w (K, C/groups, R, S).

    Depthwise filters have their own kernel, and where there is next to nothing to do the simplest
    is quickest. 3×3 filters without stride, dilation or groups go to the cheapest of three, by
    steps of the vector unit, counted below. All else is one implicit matrix product.
    """
    C, K = x_shape[1], w_shape[0]
    N, K, P, Q = y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    if groups == C > 1:
        return "depthwise"
    if N * P * Q * math.prod(w_shape) < TINY:
        return "im2col"
    if w_shape[2:] != (3, 3) or not stride == dilation == (1, 1) or groups > 1:
        return "implicit"
    cost = {
        "implicit": 9 * C * -(-N * P * Q // LANES) * (K + 9),
        "winograd2": _winograd_steps(y_shape, C, 2),
        "winograd": _winograd_steps(y_shape, C, 4),
    }
    return min(cost, key=cost.__getitem__)


def _winograd_steps(y_shape: Shape4, C: int, tile: int) -> float:
    """Count the steps of F(tile × tile, 3×3).

    One each for the multiply-adds; the transforms take 2 a filter, and for each vector of tiles
    23 a channel on the way in and 11 a filter on the way out (measured). A twentieth on
    top, so that it is only chosen where it is clearly better.
    """
    N, K, P, Q = y_shape
    down, across = -(-P // tile), -(-Q // tile)
    products = K * C * -(-N * down * across // LANES)
    transforms = 2 * K * C + N * down * -(-across // LANES) * (23 * C + 11 * K)
    return 1.05 * (tile + 2) ** 2 * (products + transforms)


def get(name: str) -> ModuleType:
    """Import the kernel of that name.

    Raises
    ------
    ValueError
        If there is no such algorithm.
    """
    if name not in ALGORITHMS:
        known = ", ".join(repr(known) for known in ALGORITHMS)
        raise ValueError(
            f"algorithm is {name!r}; known are {known}. "
            "Use 'auto' to have one chosen for the shape."
        )
    return importlib.import_module(ALGORITHMS[name])
