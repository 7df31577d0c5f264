"""Which grid: how wide the steps are, and where zero lies.

A wide grid reaches every number and rounds all of them coarsely; a narrow one cuts off the few
largest and is finer for the rest. "minmax" reaches everything, "percentile" all but the share of
numbers farthest out, "mse" tries many widths and takes the one of the least mean squared error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicnn.nn.fake_quantize import on_grid

CALIBRATIONS = ("minmax", "percentile", "mse")
SHARES = np.linspace(0.1, 1, 46)
"""Widths that "mse" tries, as shares of the widest."""
SAMPLE = 2**16
"""Numbers of an activation that "mse" looks at, at most."""


class Grid(NamedTuple):
    """Step and zero point: q stands for step · (q - zero)."""

    step: float
    zero: int


def activation_grid(
    x: np.ndarray, *, bits: int, symmetric: bool, calibration: str, percentile: float
) -> Grid:
    """Choose the grid of bytes 0 to 2^bits - 1 for numbers such as those in x, any shape.

    Zero is always on the grid, as padding and ReLU want. With ``symmetric`` it is in the middle;
    otherwise the range is from the smallest number (at most 0) to the largest (at least 0).
    """
    x = x.reshape(-1)
    low, high = min(0.0, float(x.min())), max(0.0, float(x.max()))
    if calibration == "percentile":
        ends = np.percentile(x, [100 - percentile, percentile])
        low, high = max(low, min(0.0, ends[0])), min(high, max(0.0, ends[1]))
    if calibration == "mse":
        sample = x[:: -(-x.size // SAMPLE)]
        grids = [_between(low * s, high * s, bits, symmetric) for s in SHARES]
        errors = [_error(sample, grid, bits) for grid in grids]
        return grids[int(np.argmin(errors))]
    return _between(low, high, bits, symmetric)


def _between(low: float, high: float, bits: int, symmetric: bool) -> Grid:
    most = 2**bits - 1
    if symmetric:
        middle = 2 ** (bits - 1)
        step = max(-low / middle, high / (most - middle))
        return Grid(step if step > 1e-30 else 1.0, middle)
    step = (high - low) / most
    if not step > 1e-30:  # nothing but zeros was seen
        return Grid(1.0, 0)
    return Grid(step, int(np.clip(np.rint(-low / step), 0, most)))


def _error(x: np.ndarray, grid: Grid, bits: int) -> float:
    step = np.asarray(grid.step, x.dtype)
    rounded = step * (on_grid(x, step, grid.zero, 0, 2**bits - 1) - grid.zero)
    return float(np.mean((rounded - x) ** 2))


def weight_steps(
    w: np.ndarray, *, bits: int, per: str, calibration: str, percentile: float
) -> np.ndarray:
    """Choose the step of each filter of w (K, ...), float64 (K,); all the same for per="tensor".

    The grid goes from -(2^(bits-1) - 1) to 2^(bits-1) - 1. A filter of zeros gets a step of 0.
    """
    high = 2 ** (bits - 1) - 1
    rows = np.abs(w.reshape(len(w), -1) if per == "channel" else w.reshape(1, -1))
    rows = rows.astype(np.float64)
    ends = rows.max(axis=1)
    if calibration == "percentile":
        ends = np.percentile(rows, percentile, axis=1)
    if calibration == "mse":
        best, least = ends, np.full(len(rows), np.inf)
        for share in SHARES:
            steps = np.maximum(share * ends / high, 1e-300)[:, None]
            rounded = steps * np.minimum(np.rint(rows / steps), high)
            errors = ((rounded - rows) ** 2).sum(axis=1)
            best = np.where(errors < least, share * ends, best)
            least = np.minimum(errors, least)
        ends = best
    return np.broadcast_to(ends / high, len(w)).copy()


def with_room_for_bias(steps: np.ndarray, bias: np.ndarray | None, input_step: float) -> np.ndarray:
    """Widen steps so that a bias in units of ``input_step · step`` stays below 2^24.

    Only filters of nearly nothing but a bias need it: their products would be lost beside it.
    """
    least = np.full(len(steps), 1e-30)
    if bias is not None:
        least = np.maximum(least, np.abs(bias) / (input_step * 2.0**24))
    return np.maximum(steps, least)
