"""Loops over numbers that do not look at their neighbours, all of a step in one pass.

NumPy makes an array of every intermediate result. A loop keeps them in registers, and memory is
read and written once; that is all that counts here, as there is next to no arithmetic.

Arrays are rows of numbers. NaN stays NaN: each comparison is written so that it says no to NaN
and the number is kept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from minicnn.kernels.threads import in_threads, slices

BLOCK = 2**16
"""Numbers that one core works through at a time."""


def in_blocks(work: Callable[[slice], None], total: int, size: int = BLOCK) -> None:
    """Do the work on slices of range(total), on several threads if there are several."""
    if total <= size:
        work(slice(0, total))
    else:
        in_threads(work, slices(total, size))


@njit(cache=True, nogil=True)
def clamp(x, high, y):  # type: ignore[no-untyped-def]
    """y = min(max(x, 0), high); y may be x."""
    zero, high = x.dtype.type(0), x.dtype.type(high)
    for i in range(len(x)):
        value = zero if x[i] < zero else x[i]
        y[i] = high if value > high else value


@njit(cache=True, nogil=True)
def clamp_backward(dy, y, high, dx):  # type: ignore[no-untyped-def]
    """dx = dy where 0 < y < high (of infinity: also there); dx may be dy."""
    zero, one, high = y.dtype.type(0), y.dtype.type(1), y.dtype.type(high)
    everything = high == np.inf
    for i in range(len(y)):
        dx[i] = dy[i] * (one if (y[i] > zero) & ((y[i] < high) | everything) else zero)


@njit(cache=True, nogil=True)
def leaky(x, value, slope, y):  # type: ignore[no-untyped-def]
    """y = value where x > 0, slope · value elsewhere; y may be x or value."""
    zero, slope = x.dtype.type(0), x.dtype.type(slope)
    for i in range(len(x)):
        y[i] = value[i] if x[i] > zero else slope * value[i]


@njit(cache=True, nogil=True)
def add(a, b, y, relu):  # type: ignore[no-untyped-def]
    """y = a + b, cut off at 0 with `relu`; y may be a or b."""
    zero = a.dtype.type(0)
    if relu:
        for i in range(len(a)):
            total = a[i] + b[i]
            y[i] = zero if total < zero else total
    else:
        for i in range(len(a)):
            y[i] = a[i] + b[i]


@njit(cache=True, nogil=True)
def add_bias(y, bias, relu, start, stop):  # type: ignore[no-untyped-def]
    """Add to some rows of y (images · K, M) their bias (K,), cut off at 0 with `relu`."""
    zero = y.dtype.type(0)
    for row in range(start, stop):
        number = bias[row % len(bias)]
        if relu:
            for i in range(y.shape[1]):
                total = y[row, i] + number
                y[row, i] = zero if total < zero else total
        else:
            for i in range(y.shape[1]):
                y[row, i] += number
