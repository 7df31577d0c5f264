"""Which convolution algorithm for which shape."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from minicnn.kernels.shapes import Padding, Pair, Shape4, out_shape

if TYPE_CHECKING:
    from minicnn.tuning import tune as tune

ALGORITHMS: dict[str, str] = {
    "naive": "minicnn.kernels.naive",
    "im2col": "minicnn.kernels.im2col",
    "direct": "minicnn.kernels.direct",
    "implicit": "minicnn.kernels.implicit",
    "winograd": "minicnn.kernels.winograd",
    "winograd2": "minicnn.kernels.winograd2",
    "fft": "minicnn.kernels.fft",
    "depthwise": "minicnn.kernels.depthwise",
    "sparse": "minicnn.kernels.sparse",
}
"""Name to module; a module is imported when it is first asked for."""
_loaded: dict[str, ModuleType] = {}
LANES = 16
"""Numbers in a vector; with fewer, all costs grow alike."""
TRANSFORMS = {2: (1.4, 14.5, 11.0), 4: (0.65, 9.0, 9.5)}
"""What Winograd's transforms take, in products at one point (measured): for each filter and
channel, for each vector of tiles and channel, for each vector of tiles and filter."""


@functools.lru_cache(maxsize=2**12)
def choose(
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> str:
    """Name the algorithm for a convolution of x (N, C, H, W) with w (K, C/groups, R, S).

    Depthwise filters have their own kernel. 3×3 filters without stride, dilation or groups go to
    the cheapest of three, by steps of the vector unit, counted below. All else is one implicit
    matrix product.
    """
    C, K = x_shape[1], w_shape[0]
    N, K, P, Q = y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    if groups == C > 1:
        return "depthwise"
    if w_shape[2:] != (3, 3) or not stride == dilation == (1, 1) or groups > 1:
        return "implicit"
    cost = {
        "implicit": 9 * C * -(-N * P * Q // LANES) * (K + 9),
        "winograd2": _winograd_steps(y_shape, C, 2),
        "winograd": _winograd_steps(y_shape, C, 4),
    }
    return min(cost, key=cost.__getitem__)


def _winograd_steps(y_shape: Shape4, C: int, tile: int) -> float:
    """Count the steps of F(tile × tile, 3×3): multiply-adds and transforms at all points.

    A twentieth on top, so that it is only chosen where it is clearly better.
    """
    N, K, P, Q = y_shape
    down, across = -(-P // tile), -(-Q // tile)
    filters, tiles_in, tiles_out = TRANSFORMS[tile]
    vectors, row_vectors = -(-N * down * across // LANES), N * down * -(-across // LANES)
    transforms = filters * K * C + tiles_in * C * row_vectors + tiles_out * K * vectors
    return 1.05 * (tile + 2) ** 2 * (K * C * vectors + transforms)


def get(name: str) -> ModuleType:
    """Import the kernel of that name.

    Raises
    ------
    ValueError
        If there is no such algorithm.
    """
    if name in _loaded:
        return _loaded[name]
    if name not in ALGORITHMS:
        known = ", ".join(repr(known) for known in ALGORITHMS)
        raise ValueError(
            f"algorithm is {name!r}; known are {known}. "
            "Use 'auto' to have one chosen for the shape."
        )
    _loaded[name] = importlib.import_module(ALGORITHMS[name])
    return _loaded[name]


def supporting(
    x_shape: Shape4,
    w_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> tuple[str, ...]:
    """Name every algorithm that can do this convolution, in the order of `ALGORITHMS`.

    One that needs a package that is not installed (`fft`: SciPy) is left out.
    """
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    names = []
    for name in ALGORITHMS:
        try:
            kernel = get(name)
        except ImportError:
            continue
        if not hasattr(kernel, "supports") or kernel.supports(x_shape, w_shape, **how):
            names.append(name)
    return tuple(names)


def __getattr__(name: str) -> Any:
    # `tune` walks through models, so it lives on a floor above; it is loaded when asked for.
    if name == "tune":
        return importlib.import_module("minicnn.tuning").tune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
