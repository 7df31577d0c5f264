"""Convolution with filters that are mostly zeros, of which only the others are stored.

The product is that of `implicit`, filters times patches, but the filters are sparse
(`sparse_weights`) and the work is in proportion to what is stored. A band of the image is copied
with its border (`bands`), and each filter in turn goes over it, a block of pixels at a time, by the
weights that it has (`microkernel_sparse`). No column matrix is made at all::

    for a band of rows:                          copied once
        for a block of its pixels:
            for channels in blocks that the cache holds:
                for each filter:                 its sums in registers
                    for each stored weight of those channels:
                        sums += weight · what the pixels see through it

All three functions are this; where the weights w are sparse, so is the gradient of w::

    forward          y   (K, pixels)   =  w   (K, C·R·S)   @  patches of x  (C·R·S, pixels)
    backward_input   dx  (C, pixels)   =  wᵀ  (C, K·R·S)   @  patches of dy (K·R·S, pixels)
    backward_weight  dw[k, i]          =  dy[k] · row i of the patches of x, for stored (k, i)

Another design makes rows of patches that begin at whole registers, as `implicit` does. Its loads
cost less, but nine copies of the image cost more than that saves, and fill the nearest cache.

References: Park et al. (2017), "Faster CNNs with direct sparse convolutions and guided pruning";
Elsen et al. (2020), "Fast sparse convnets".
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from minicnn.kernels import implicit, sparse_weights
from minicnn.kernels.implicit import phases, taps_of
from minicnn.kernels.phases import Indices
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.sparse_loops import convolve_bands, gradient_bands
from minicnn.kernels.sparse_weights import AnyWeights, NMWeights, SparseWeights
from minicnn.kernels.threads import in_threads, num_threads, slices
from minicnn.kernels.tiling import cut

UNIT = 2**22
"""Multiply-adds in a piece of work for one thread, at least."""
SHARES = 8
"""Pieces of a small picture, and partial sums of dw, so many at most."""


def prepare(
    w: AnyWeights,
    *,
    x_shape: Shape4 | None = None,  # noqa: ARG001 (the other algorithms want to know)
    stride: Pair = (1, 1),  # noqa: ARG001
    padding: Padding = ((0, 0), (0, 0)),  # noqa: ARG001
    dilation: Pair = (1, 1),  # noqa: ARG001
    groups: int = 1,  # noqa: ARG001
) -> SparseWeights:
    """Gather the weights of w that are not zero once, for many calls of `forward`."""
    return sparse_weights.prepare(w)


def forward(
    x: FloatArray,
    w: AnyWeights,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: FloatArray | None = None,
    bias: FloatArray | None = None,
    relu: bool = False,
    prepared: SparseWeights | None = None,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, C/groups, R, S) into y (N, K, P, Q).

    Parameters
    ----------
    w
        Filters with zeros, or what `sparse_weights.compress` or `compress_nm` made of them.
    prepared
        What `prepare` made of w, to save the time.
    """
    weights = prepare(w) if prepared is None else prepared
    y_shape = out_shape(x.shape, weights.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    taps = taps_of(weights.shape, padding, dilation)
    _correlate(x, weights, taps, stride, groups, y, bias, relu)
    return y


def backward_input(
    dy: FloatArray,
    w: AnyWeights,
    x_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q): one correlation for each phase of x."""
    weights = prepare(w)
    dx = np.empty(x_shape, dy.dtype)
    axes = [
        list(phases(x_shape[2 + i], weights.shape[2 + i], stride[i], padding[i][0], dilation[i]))
        for i in (0, 1)
    ]
    for (rows, r, row_taps), (columns, s, column_taps) in itertools.product(*axes):
        part = dx[:, :, rows, columns]
        if len(r) and len(s):
            turned = _turned(weights, groups, r, s)
            _correlate(dy, turned, (row_taps, column_taps), (1, 1), groups, part, None, False)
        else:
            part[...] = 0  # between the windows
    return dx


def backward_weight(
    dy: FloatArray,
    x: FloatArray,
    w_shape: Shape4 | SparseWeights | NMWeights,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient of w from dy (N, K, P, Q).

    Given a shape, all of dw (K, C/groups, R, S), by `implicit`: any weight that is zero may want
    to change. Given sparse weights, the gradient of the values that ``prepare(w)`` stores, in
    their order: ``prepare(w).with_values(...)`` makes filters of it.
    """
    if isinstance(w_shape, tuple):
        return implicit.backward_weight(
            dy, x, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
    weights = prepare(w_shape)
    taps = taps_of(weights.shape, padding, dilation)
    tiling = cut(dy.shape, weights.shape, taps, stride, x.itemsize)
    _, order, columns, pointers = weights.blocks(groups, tiling.channels)
    bands = groups * len(x) * -(-dy.shape[2] // tiling.rows)
    shares = list(slices(bands, -(-bands // SHARES)))
    sums = np.zeros((len(shares), len(order)), x.dtype)

    def share(i: int) -> None:
        gradient_bands(
            dy, x, sums[i], columns, pointers, *tiling.numbers(stride),
            shares[i].start, shares[i].stop,
        )  # fmt: skip

    in_threads(share, range(len(shares)))
    dw = np.empty(len(order), x.dtype)
    dw[order] = sum(sums[1:], sums[0])
    return dw


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> int:
    """Bytes that `forward` needs besides x, w and y, at most: with no zeros in w, not prepared."""
    y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    taps = taps_of(w_shape, padding, dilation)
    tiling = cut(y_shape, w_shape, taps, stride, itemsize)
    sums = w_shape[0] // groups * tiling.pixels
    phases = len(tiling.down.phases) * len(tiling.across.phases)
    band = w_shape[1] * phases * tiling.down.size * tiling.across.size + 2 * tiling.pixels
    sorting = math.prod(w_shape) * (2 * itemsize + 8 * 8)
    return num_threads() * (sums + band) * itemsize + sorting


def _turned(weights: SparseWeights, groups: int, r: Indices, s: Indices) -> SparseWeights:
    """Swap filters and channels, for some of the taps."""
    K, C, R, S = weights.shape
    channel, tap = np.divmod(weights.columns.astype(np.intp), R * S)
    group, k = np.divmod(weights.rows, K // groups)
    places = np.full((R, S), -1)
    places[np.ix_(r, s)] = np.arange(len(r) * len(s)).reshape(len(r), len(s))
    place = places.reshape(-1)[tap]
    row, column = group * C + channel, k * (len(r) * len(s)) + place
    some = np.flatnonzero(place >= 0)
    some = some[np.lexsort((column[some], row[some]))]
    pointers = np.zeros(groups * C + 1, np.intp)
    np.cumsum(np.bincount(row[some], minlength=groups * C), out=pointers[1:])
    shape = (groups * C, K // groups, len(r), len(s))
    return SparseWeights(weights.values[some], column[some].astype(np.int32), pointers, shape)


def _correlate(
    x: FloatArray,
    weights: SparseWeights,
    taps: implicit.Taps,
    stride: Pair,
    groups: int,
    y: FloatArray,
    bias: FloatArray | None,
    relu: bool,
) -> None:
    """Fill y (N, K, P, Q), any view."""
    tiling = cut(y.shape, weights.shape, taps, stride, x.itemsize)
    values, _, columns, pointers = weights.blocks(groups, tiling.channels)
    start = np.zeros(y.shape[1], x.dtype) if bias is None else bias
    filters = y.shape[1] // groups
    bands = groups * len(x) * -(-y.shape[2] // tiling.rows)
    work = len(values) // groups * tiling.rows * y.shape[3]
    pieces = list(slices(bands, max(1, UNIT // max(1, work))))
    shares = max(1, min(SHARES // len(pieces), work // UNIT, filters))

    def convolve(block: tuple[slice, slice]) -> None:
        some, k = block
        convolve_bands(
            x, values, columns, pointers, start, relu, y, *tiling.numbers(stride),
            some.start, some.stop, k.start, k.stop,
        )  # fmt: skip

    in_threads(convolve, list(itertools.product(pieces, slices(filters, -(-filters // shares)))))
