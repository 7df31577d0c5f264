"""The last step of a convolution: bias, ReLU, and sums put where they belong."""

from __future__ import annotations

from numba import njit

from minicnn.kernels import simd


@njit(cache=True, nogil=True)
def store(sums, at, size, across, pitch, y, to, step, rows, Q, add, relu):  # type: ignore[no-untyped-def]
    """Write rows of the output, `step` numbers apart, from as many rows of sums as go across."""
    if across == 1:
        _put(sums, at, pitch, y, to, step, rows, Q, add, relu)
    elif across == 2:
        _zip(sums, at, size, pitch, y, to, step, rows, Q, add, relu)
    else:
        _deal(sums, at, size, across, pitch, y, to, step, rows, Q, add, relu)


@njit(cache=True, nogil=True)
def _put(sums, at, pitch, y, to, step, rows, Q, add, relu):  # type: ignore[no-untyped-def]
    """Write rows of the output, `step` numbers apart."""
    lanes = simd.lanes_of(y)
    more = simd.spread(y, add)
    for row in range(rows):
        for q in range(0, Q, lanes):
            total = simd.load(sums, at + row * pitch + q) + more
            total = simd.relu(total) if relu else total
            simd.store_part(y, to + row * step + q, total, Q - q)


@njit(cache=True, nogil=True)
def _zip(sums, at, size, pitch, y, to, step, rows, Q, add, relu):  # type: ignore[no-untyped-def]
    """Write rows of the output, taking turns between two rows of sums, `size` numbers apart."""
    lanes = simd.lanes_of(y)
    more = simd.spread(y, add)
    for row in range(rows):
        for q in range(0, Q, 2 * lanes):
            a = simd.load(sums, at + row * pitch + q // 2) + more
            b = simd.load(sums, at + size + row * pitch + q // 2) + more
            if relu:
                a, b = simd.relu(a), simd.relu(b)
            here = to + row * step + q
            simd.store_part(y, here, simd.zip_low(a, b), Q - q)
            simd.store_part(y, here + lanes, simd.zip_high(a, b), Q - q - lanes)


@njit(cache=True, nogil=True)
def _deal(sums, at, size, across, pitch, y, to, step, rows, Q, add, relu):  # type: ignore[no-untyped-def]
    """Write rows of the output, taking turns between so many rows of sums."""
    numbers = y.reshape(-1)
    for row in range(rows):
        for q in range(Q):
            total = sums[at + q % across * size + row * pitch + q // across] + add
            numbers[to + row * step + q] = 0 if relu and total < 0 else total
