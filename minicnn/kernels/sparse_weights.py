"""Filters of which only the weights that are not zero are stored, in two forms.

Both read the filters w (K, C, R, S) as a matrix of K rows and C · R · S columns::

    CSR     any pattern: values and their columns, row after row, and where each row begins
    N:M     of each M consecutive channels at a tap, N weights: values, and which of the M each is

CSR (compressed sparse rows) spends 4 bytes on the place of a weight, N:M a few bits, since the
place is one of M only. The kernels compute from CSR; N:M is how filters are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minicnn.kernels.shapes import FloatArray, Shape4

IntArray = npt.NDArray[np.integer[Any]]


class Blocks(NamedTuple):
    """Weights sorted by group and block of channels, then by filter; numbered from 0.

    values
        The stored weights in that order.
    order
        Which of the CSR's values each is.
    columns
        Column in the block: (channel - first channel) · taps + tap.
    pointers
        (groups, blocks, filters of a group + 1): where each filter's weights begin.
    """

    values: FloatArray
    order: npt.NDArray[np.intp]
    columns: npt.NDArray[np.int32]
    pointers: npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """Filters in CSR, to be made with `compress`. The arrays are read-only: see `with_values`.

    values
        The stored weights, filter by filter and in each by column.
    columns
        Column of each, (c · R + r) · S + s, int32.
    pointers
        (K + 1,): ``values[pointers[k] : pointers[k + 1]]`` are filter k's.
    shape
        (K, C/groups, R, S).
    """

    values: FloatArray
    columns: npt.NDArray[np.int32]
    pointers: npt.NDArray[np.intp]
    shape: Shape4
    _sorted: dict[tuple[int, int], Blocks] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("values", "columns", "pointers"):
            array = getattr(self, name).view()
            array.flags.writeable = False  # what was sorted for the kernels is kept
            object.__setattr__(self, name, array)

    @property
    def density(self) -> float:
        """Share of the weights that are stored."""
        return len(self.values) / math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all three arrays."""
        return self.values.nbytes + self.columns.nbytes + self.pointers.nbytes

    @cached_property
    def rows(self) -> npt.NDArray[np.intp]:
        """Filter of each stored weight."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.pointers))

    def to_dense(self) -> FloatArray:
        """Return w (K, C/groups, R, S) with its zeros."""
        w = np.zeros((self.shape[0], math.prod(self.shape[1:])), self.values.dtype)
        w[self.rows, self.columns] = self.values
        return w.reshape(self.shape)

    def with_values(self, values: FloatArray) -> SparseWeights:
        """Return other values at the same places: a gradient, or weights after a step."""
        other = SparseWeights(values, self.columns, self.pointers, self.shape)
        for what, blocks in self._sorted.items():
            other._sorted[what] = blocks._replace(values=values[blocks.order])
        return other

    def blocks(self, groups: int, channels: int) -> Blocks:
        """Sort for so many channels at a time, once."""
        if (groups, channels) not in self._sorted:
            self._sorted[groups, channels] = self._sort(groups, channels)
        return self._sorted[groups, channels]

    def _sort(self, groups: int, channels: int) -> Blocks:
        K, C, R, S = self.shape
        parts, size, filters = -(-C // channels), channels * R * S, K // groups
        group, k = np.divmod(self.rows, filters)
        part = group * parts + self.columns // size
        order = np.argsort(part, kind="stable")  # by filter and column they are already
        counts = np.bincount(part * filters + k, minlength=groups * parts * filters)
        ends = np.cumsum(counts).reshape(groups, parts, filters)
        pointers = np.zeros((groups, parts, filters + 1), np.intp)
        pointers[..., 1:] = ends
        pointers[..., 0] = ends[..., 0] - counts.reshape(ends.shape)[..., 0]
        columns = (self.columns % np.int32(size))[order]
        return Blocks(self.values[order], order, columns, pointers)


@dataclass(frozen=True, eq=False)
class NMWeights:
    """Filters with N of M weights, to be made with `compress_nm`.

    values, places
        (K, C/groups/M, N, R, S): the weights, and which of the M channels they belong to, uint8,
        rising. Where C/groups is no multiple of M, the last group of channels is shorter.
    m
        M.
    shape
        (K, C/groups, R, S).
    """

    values: npt.NDArray[Any]
    places: npt.NDArray[np.uint8]
    m: int
    shape: Shape4

    @property
    def n(self) -> int:
        """N."""
        return self.values.shape[2]

    @property
    def nbytes(self) -> int:
        """Bytes of the values, and of the places at the fewest bits that tell M apart."""
        return self.values.nbytes + -(-self.places.size * (self.m - 1).bit_length() // 8)

    @cached_property
    def csr(self) -> SparseWeights:
        """The same filters as the kernels take them, zeros that are stored included."""
        stored = NMWeights(np.ones(self.values.shape, np.bool_), self.places, self.m, self.shape)
        return compress(self.to_dense(), keep=stored.to_dense())

    def to_dense(self) -> npt.NDArray[Any]:
        """Return w (K, C/groups, R, S) with its zeros."""
        K, C, R, S = self.shape
        w = np.zeros((K, self.values.shape[1], self.m, R, S), self.values.dtype)
        np.put_along_axis(w, self.places.astype(np.intp), self.values, axis=2)
        return np.ascontiguousarray(w.reshape(K, -1, R, S)[:, :C])


AnyWeights = FloatArray | SparseWeights | NMWeights


def compress(w: FloatArray, *, keep: npt.NDArray[np.bool_] | None = None) -> SparseWeights:
    """Store the weights of w (K, C/groups, R, S) that are not zero, or those in `keep`."""
    K = w.shape[0]
    matrix = np.ascontiguousarray(w).reshape(K, -1)
    stored = matrix != 0 if keep is None else np.ascontiguousarray(keep).reshape(K, -1)
    rows, columns = np.nonzero(stored)
    pointers = np.zeros(K + 1, np.intp)
    np.cumsum(np.bincount(rows, minlength=K), out=pointers[1:])
    return SparseWeights(matrix[stored], columns.astype(np.int32), pointers, w.shape)


def compress_nm(w: FloatArray, n: int, m: int) -> NMWeights:
    """Store w (K, C/groups, R, S) as N:M.

    Raises
    ------
    ValueError
        If more than N of M consecutive channels have weights that are not zero, or not
        1 <= N <= M <= 256.
    """
    if not 1 <= n <= m <= 256:
        raise ValueError(
            f"n is {n} and m is {m}; compress_nm wants 1 <= n <= m <= 256. Usual is n=2, m=4."
        )
    K, C, R, S = w.shape
    padded = np.pad(w, ((0, 0), (0, -C % m), (0, 0), (0, 0)))
    groups = padded.reshape(K, -1, m, R, S)
    stored = groups != 0
    most = int(stored.sum(axis=2).max())
    if most > n:
        raise ValueError(
            f"w has {most} weights that are not zero in some {m} consecutive channels; "
            f"compress_nm wants at most n = {n}. Prune it to {n}:{m} first."
        )
    # The stored ones first, then as many zeros as are missing; each in rising order.
    places = np.sort(np.argsort(~stored, axis=2, kind="stable")[:, :, :n], axis=2)
    return NMWeights(
        np.take_along_axis(groups, places, axis=2), places.astype(np.uint8), m, w.shape
    )


def prepare(w: AnyWeights) -> SparseWeights:
    """Return w as the kernels take it; made once, it serves many calls."""
    if isinstance(w, SparseWeights):
        return w
    return w.csr if isinstance(w, NMWeights) else compress(w)
