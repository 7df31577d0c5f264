"""The roofline of this machine: how fast a kernel can be at most, measured.

A kernel needs time for its arithmetic and time to move its numbers, and at best the two overlap.
With an *intensity* of so many operations for each byte moved::

    attainable GFLOP/s  =  min(peak, intensity · bandwidth)

The peak is measured with the micro-kernel on numbers that never leave the nearest cache, the
bandwidth with a triad, a = b + s · c, on arrays that fit into one level of memory and not into the
one before. All on one core, and the best of many runs: other programs only slow one down.

Reference: Williams, Waterman and Patterson (2009), "Roofline: an insightful visual performance
model for multicore architectures"; Ilic, Pratas and Sousa (2014), "Cache-aware roofline model".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from minicnn.kernels.gemm import panel_width
from minicnn.kernels.microkernel import ROWS, product

LEVELS = {"L1 cache": 2**14, "L2 cache": 2**18, "memory": 2**27}
"""Bytes of the three arrays together: well inside two levels of most caches, far outside of all."""
DEPTH = 2**14
"""Steps of the micro-kernel in one measurement of the peak."""


@dataclass(frozen=True)
class Roofline:
    """What one core of this machine can do.

    Attributes
    ----------
    peak : float
        GFLOP/s, a multiply-add being two operations.
    bandwidth : dict of str to float
        GB/s between the registers and each level of memory, the nearest first.
    dtype : str
        The numbers that it holds for.
    """

    peak: float
    bandwidth: dict[str, float]
    dtype: str

    def attainable(self, intensity: float, level: str = "memory") -> float:
        """GFLOP/s at most, for so many operations on each byte moved from that level."""
        if not intensity > 0:
            raise ValueError(
                f"intensity is {intensity}; attainable wants operations per byte, more than 0. "
                "Divide the operations by the bytes moved."
            )
        return min(self.peak, intensity * self._speed(level))

    def ridge(self, level: str = "memory") -> float:
        """Operations per byte from which on arithmetic is the limit."""
        return self.peak / self._speed(level)

    def _speed(self, level: str) -> float:
        if level not in self.bandwidth:
            raise ValueError(
                f"level is {level!r}; measured were {', '.join(map(repr, self.bandwidth))}. "
                "Take one of these."
            )
        return self.bandwidth[level]

    def __str__(self) -> str:
        head = f"{'one core, ' + self.dtype:<20}{'GB/s':>8}  ridge (operations per byte)"
        rows = [
            f"{name:<20}{v:>8.0f}{self.ridge(name):>8.1f}" for name, v in self.bandwidth.items()
        ]
        return "\n".join([head, *rows, f"{'peak':<20}{self.peak:>8.0f}  GFLOP/s"])


def roofline(dtype: npt.DTypeLike = np.float32, *, repeat: int = 30) -> Roofline:
    """Measure this machine's roofline on one core, in about a second.

    Parameters
    ----------
    dtype
        float32 or float64.
    repeat
        How often each number is measured; the best counts.

    Raises
    ------
    TypeError, ValueError
        Another dtype; ``repeat < 1``.
    """
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise TypeError(f"dtype is {kind}; roofline wants float32 or float64. Pass np.float32.")
    if repeat < 1:
        raise ValueError(f"repeat is {repeat}; roofline wants 1 or more. Try 30.")
    bandwidth = {name: _bandwidth(size, kind, repeat) for name, size in LEVELS.items()}
    return Roofline(_peak(kind, repeat), bandwidth, kind.name)


def _peak(dtype: np.dtype[Any], repeat: int) -> float:
    """GFLOP/s of the micro-kernel on one row of b and one column of a, again and again."""
    a, b, c = np.ones(ROWS, dtype), np.ones(512, dtype), np.zeros(ROWS * 512, dtype)
    operations = 2 * DEPTH * ROWS * _block(a, b, c, 1)
    return operations / _best(lambda: _block(a, b, c, DEPTH), repeat) / 1e9


def _bandwidth(size: int, dtype: np.dtype[Any], repeat: int) -> float:
    """GB/s of the triad on three arrays of so many bytes together."""
    count = size // (3 * dtype.itemsize)
    # The starts are not a power of two apart: that would send all three to one set of the cache.
    numbers = np.ones(3 * count + 192, dtype)
    a, b, c = (numbers[i * (count + 64) :][:count] for i in range(3))
    rounds = max(1, 2**22 // size)
    if size > 2**22:
        repeat = min(repeat, 7)
    seconds = _best(lambda: _triad(a, b, c, rounds), repeat)
    return 3 * a.nbytes * rounds / seconds / 1e9


def _best(function: Callable[[], Any], repeat: int) -> float:
    function()  # compiles
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


@njit(cache=True, nogil=True)
def _block(a, b, c, depth):  # type: ignore[no-untyped-def]
    """Run one block of the micro-kernel for `depth` steps; return its columns."""
    columns = panel_width(c.itemsize)
    product(depth, ROWS, columns, a, 0, 1, 0, b, 0, 0, c, 0, columns, False)
    return columns


@njit(cache=True, nogil=True)
def _triad(a, b, c, rounds):  # type: ignore[no-untyped-def]
    for i in range(rounds):
        s = a.dtype.type(i)
        for j in range(a.size):
            a[j] = b[j] + s * c[j]
