"""Which convolution algorithm for which shape."""

# ruff: noqa: ARG001 (every rule gets the whole shape, whether it looks at it or not)
from __future__ import annotations

import importlib
from types import ModuleType

from minicnn.kernels.shapes import Padding, Pair, Shape4

ALGORITHMS: dict[str, str] = {
    "naive": "minicnn.kernels.naive",
    "im2col": "minicnn.kernels.im2col",
}
"""Name to module; a module is imported when it is first asked for."""


def choose(
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> str:
    """Name the algorithm for a convolution of x (N, C, H, W) with w (K, C/groups, R, S).

    Between these two there is nothing to weigh: the loops win only where either takes
    microseconds, and then by less than the time to compile them.
    """
    return "im2col"


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
