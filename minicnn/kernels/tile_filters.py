"""3×3 filters to Winograd's points, as they are or turned round."""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.shuffles import put_4, put_6, transpose_9
from minicnn.kernels.simd import lanes_of, load
from minicnn.kernels.transforms import filter_2, filter_4


@njit(cache=True, nogil=True)
def transform(w, u, m, turned, start, stop, u_start):  # type: ignore[no-untyped-def]
    """Transform filters `start` to `stop` into u (points, filters · pitch), from `u_start` on.

    Vectors are of channels: 9 weights of each of 16 are a block to be transposed. Turned round,
    for the gradient of the input, channels are filters, filters channels, and the last weight is
    the first.
    """
    K, C = w.shape[:2]
    plane, k_step, c_step = u.shape[1], 9 * C, 9
    if turned:
        C, k_step, c_step = K, 9, 9 * C
    lanes = lanes_of(w)
    pitch = -(-C // lanes) * lanes
    size = m + 2
    taps = np.empty((8 + lanes) * lanes, w.dtype)
    half = np.empty(6 * 3 * lanes, w.dtype)
    for k in range(start, stop):
        for c in range(0, C, lanes):
            for tap in range(0, 9, lanes):
                transpose_9(
                    w, k * k_step + c * c_step + tap, c_step, min(lanes, C - c), 9 - tap,
                    taps, tap * lanes, lanes,
                )  # fmt: skip
            target = (k - u_start) * pitch + c
            for j in range(3):
                at = j * lanes
                first, step = ((8 - j) * lanes, -3 * lanes) if turned else (at, 3 * lanes)
                g0, g1 = load(taps, first), load(taps, first + step)
                g2 = load(taps, first + 2 * step)
                if m == 2:
                    put_4(half, at, 3 * lanes, filter_2(w, g0, g1, g2), lanes)
                else:
                    put_6(half, at, 3 * lanes, filter_4(w, g0, g1, g2), lanes)
            for i in range(size):
                at, to = i * 3 * lanes, target + i * size * plane
                g0, g1, g2 = load(half, at), load(half, at + lanes), load(half, at + 2 * lanes)
                if m == 2:
                    put_4(u, to, plane, filter_2(w, g0, g1, g2), lanes)
                else:
                    put_6(u, to, plane, filter_4(w, g0, g1, g2), lanes)
