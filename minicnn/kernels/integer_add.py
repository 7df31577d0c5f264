"""Add two arrays of whole numbers that count in different units, with integers only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from minicnn.kernels.requantize import scaled

MOST = 2**31 - 1


def add(
    a: npt.NDArray[Any],
    a_zero: int,
    a_factor: npt.NDArray[np.int32],
    b: npt.NDArray[Any],
    b_zero: int,
    b_factor: npt.NDArray[np.int32],
) -> npt.NDArray[np.int32]:
    """Return M_a (a - zero) + M_b (b - zero), int32, for a and b (N, K, ...) of any integers.

    Factors are (2, K) or (2, 1): multiplier and shift of each channel as `requantization` makes
    them. Each product is rounded.
    """
    rows = [np.ascontiguousarray(x).reshape(*x.shape[:2], -1) for x in (a, b)]
    y = np.empty(rows[0].shape, np.int32)
    _add(rows[0], a_zero, a_factor, rows[1], b_zero, b_factor, y)
    return y.reshape(a.shape)


@njit(cache=True, nogil=True)
def _add(a, a_zero, a_factor, b, b_zero, b_factor, y):  # type: ignore[no-untyped-def]
    for n in range(a.shape[0]):
        for k in range(a.shape[1]):
            i, j = k % a_factor.shape[1], k % b_factor.shape[1]
            for p in range(a.shape[2]):
                total = scaled(a[n, k, p] - a_zero, a_factor[0, i], a_factor[1, i])
                total += scaled(b[n, k, p] - b_zero, b_factor[0, j], b_factor[1, j])
                y[n, k, p] = min(MOST, max(-MOST, total))
