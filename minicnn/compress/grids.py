"""Find the grid that the numbers of an array stand on, if they do: steps and whole numbers.

Quantised weights are ``step · q``, with a step for each filter and few different q. The different
floats are then too many for a codebook, but the q are not. The step is found again from the floats
alone, as their common divisor, and believed only if it gives back every one to the last bit.
"""

from __future__ import annotations

import numpy as np

MOST = 127
"""Whole numbers from -127 to 127."""


def find_grid(array: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return steps, one for each array[k], and int8 q with ``array == steps · q``, or None.

    The products are of the array's dtype and exact comparisons; -0.0 and NaN are on no grid.
    """
    if array.ndim < 2 or not array.size or array.dtype.kind != "f":
        return None
    rows = array.reshape(len(array), -1)
    if not np.isfinite(rows).all() or np.any((rows == 0) & np.signbit(rows)):
        return None
    steps, q = np.zeros(len(rows), array.dtype), np.zeros(rows.shape, np.int8)
    for k, row in enumerate(rows):
        step = _step(row)
        if step is None:
            return None
        steps[k] = step
        q[k] = np.rint(row / step)
    return steps, q.reshape(array.shape)


def from_grid(steps: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the array again."""
    product: np.ndarray = steps.reshape(-1, *[1] * (q.ndim - 1)) * q.astype(steps.dtype)
    return product


def _step(row: np.ndarray) -> np.floating | None:
    """Return the step of which every number is an exact multiple, or None."""
    sizes = np.unique(np.abs(row))
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return row.dtype.type(1)
    if len(sizes) > MOST:
        return None
    ends = np.concatenate([[0], sizes]).astype(np.float64)
    gap = float(np.diff(ends).min())
    divisor = gap
    for size in ends[1:]:  # Euclid, for numbers with a rounding error
        rest = float(size)
        while rest > gap / MOST / 4 + 1e-5 * size:
            divisor, rest = rest, abs(divisor - np.rint(divisor / rest) * rest)
            if divisor < sizes[-1] / MOST / 2:
                return None
    whole = np.rint(ends[1:] / divisor)
    if whole[-1] > MOST:
        return None
    step = row.dtype.type((ends[1:] @ whole) / (whole @ whole))
    for _ in range(3):  # that may be a last bit or two too large
        step = np.nextafter(step, row.dtype.type(0))
    for _ in range(7):
        if step > 0 and np.array_equal(step * whole.astype(row.dtype), sizes):
            return step
        step = np.nextafter(step, row.dtype.type(np.inf))
    return None
