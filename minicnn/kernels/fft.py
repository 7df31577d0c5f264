"""Convolution by Fourier transforms, which turn it into one multiplication for each frequency.

The work for an output hardly depends on the size of the filters, so large ones are what it is
for. As in `winograd`, the image is cut into tiles, and all channels of a tile stay together::

    X = F(tile)          tiles (A, B) of the image, overlapping by a filter less one
    W = conj F(filter)   filters, as if filled up with zeros to the size of a tile
    Y = Σ W · X          over channels: for each frequency a matrix product (K, C) @ (C, tiles)
    y = F⁻¹(Y)           of which (A - R + 1, B - S + 1) are outputs; the others wrapped round

Only the first half of the frequencies is needed, as the transform of real numbers is symmetric.
With a stride all outputs are computed and some of them kept: right, and wasteful.

Tiles are transformed by the fast algorithm. Filters are smaller than a tile, and for them the sum
that defines the transform is quicker: a matrix product down the columns and one along the rows.
Their transforms take far more memory than they do, and are made for some filters at a time. The
size of a tile is chosen by counting the work.

References: Stockham (1966), "High-speed convolution and correlation"; Mathieu, Henaff and LeCun
(2014), "Fast training of convolutional networks through FFTs".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import log2
from typing import NamedTuple

import numpy as np
import scipy.fft
from numba import njit

from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import in_threads, num_threads, slices

FILTER_BYTES = 2**23
"""What the transforms of the filters in use may take."""
BLOCK_BYTES = 2**21
"""What the tiles of one block may take, transformed; there are some copies of it."""
SIDES = (8, 10, 12, 14, 16, 18, 20, 24, 28, 30, 32, 36, 40, 48, 56, 60, 64, 72, 80, 96, 128)
"""Sizes of tiles; Fourier transforms like products of small numbers."""
AXES = (0, 1)


class Tiling(NamedTuple):
    """How an image is cut: outputs at stride 1, in tiles, and so many at a time."""

    side: Pair
    """Inputs of a tile, (A, B)."""
    step: Pair
    """Outputs of a tile."""
    grid: Pair
    """Tiles of an image."""
    filters: int
    """Filters whose transforms are kept at a time."""
    tiles: int
    """Tiles of a block."""


def forward(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: FloatArray | None = None,
    bias: FloatArray | None = None,
    relu: bool = False,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, C/groups, R, S) into y (N, K, P, Q)."""
    y_shape = N, K, P, Q = out_shape(x.shape, w.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    plan = tiling(y_shape, w.shape, x.itemsize, stride, dilation, groups)
    corner = -padding[0][0], -padding[1][0]
    shift = np.zeros(K, x.dtype) if bias is None else bias
    size = (P - 1) * stride[0] + 1, (Q - 1) * stride[1] + 1
    for some in slices(K // groups, plan.filters):
        spectra = _filter_spectra(w, some, plan.side, dilation, groups)

        def convolve(block: slice, some: slice = some, spectra: FloatArray = spectra) -> None:
            seen = _spectra(x, block, plan, corner, plan.side)
            products = np.matmul(spectra, _split(seen, groups))
            del seen
            tiles = scipy.fft.irfftn(
                products.reshape(*products.shape[:2], -1, products.shape[-1]),
                plan.side, AXES, overwrite_x=True, workers=1,
            )  # fmt: skip
            _put(tiles, y, shift, relu, block.start, plan.step, plan.grid, size, stride,
                 some.start, some.stop, groups)  # fmt: skip

        in_threads(convolve, _blocks(N, plan))
    return y


def backward_input(
    dy: FloatArray,
    w: FloatArray,
    x_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q): convolve dy with the filters turned round."""
    K, C, R, S = w.shape
    turned = w.reshape(groups, K // groups, C, R, S)[..., ::-1, ::-1].swapaxes(1, 2)
    spread = _with_gaps(dy, stride)
    around = []
    for i in (0, 1):  # below zero it cuts pixels off
        reach = dilation[i] * (w.shape[2 + i] - 1)
        before = reach - padding[i][0]
        around.append((before, x_shape[2 + i] + reach - before - spread.shape[2 + i]))
    return forward(
        spread,
        np.ascontiguousarray(turned.reshape(groups * C, K // groups, R, S)),
        stride=(1, 1),
        padding=(around[0], around[1]),
        dilation=dilation,
        groups=groups,
    )


def backward_weight(
    dy: FloatArray,
    x: FloatArray,
    w_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dw (K, C/groups, R, S) from dy (N, K, P, Q).

    The sum over pixels is a convolution, too, of the image with dy. Tiles are added up as they
    are, transformed, so that each filter is transformed back only once.
    """
    dw = np.empty(w_shape, dy.dtype)
    K, C, R, S = w_shape
    spread = _with_gaps(dy, stride)
    shape = (len(dy), K, *spread.shape[2:])
    plan = tiling(shape, w_shape, x.itemsize, (1, 1), dilation, groups)
    corner = -padding[0][0], -padding[1][0]
    kept = plan.side[0], plan.side[1] // 2 + 1
    by_group = spread.reshape(len(dy), groups, K // groups, *spread.shape[2:])
    for some in slices(K // groups, plan.filters):
        count = some.stop - some.start
        some_dy = by_group[:, :, some].reshape(len(dy), -1, *spread.shape[2:])
        total = np.zeros((*kept, groups, count, C), np.result_type(dy, np.complex64))
        for block in _blocks(len(dy), plan):
            seen = _spectra_in_threads(x, block, plan, corner, plan.side)
            change = _spectra_in_threads(some_dy, block, plan, (0, 0), plan.step)
            _add_products(total, _split(change, groups), _split(seen, groups))
        whole = scipy.fft.irfftn(total, plan.side, AXES, overwrite_x=True, workers=1)
        taps = whole[: R * dilation[0] : dilation[0], : S * dilation[1] : dilation[1]]
        target = dw.reshape(groups, K // groups, C, R, S)
        target[:, some] = taps[:R, :S].transpose(2, 3, 4, 0, 1)
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
    """Bytes that `forward` needs besides x, w and y, all threads together."""
    y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    plan = tiling(y_shape, w_shape, itemsize, stride, dilation, groups)
    point = _points(plan.side) * 2 * itemsize
    made = min(_share(w_shape[1]), plan.filters * groups)
    filters = point * w_shape[1] * (plan.filters * groups + 2 * num_threads() * made)
    threads = min(num_threads(), len(list(_blocks(x_shape[0], plan))))
    return filters + threads * 2 * point * plan.tiles * (x_shape[1] + plan.filters * groups)


@lru_cache(maxsize=256)
def tiling(
    y_shape: Shape4, w_shape: Shape4, itemsize: int, stride: Pair, dilation: Pair, groups: int
) -> Tiling:
    """Choose the tiles that take the fewest steps, multiplications and transforms together."""
    N, K, P, Q = y_shape
    C = w_shape[1] * groups
    size = (P - 1) * stride[0] + 1, (Q - 1) * stride[1] + 1
    reach = [dilation[i] * (w_shape[2 + i] - 1) for i in (0, 1)]
    sides = [
        [side for side in SIDES if side >= 2 * reach[i]] or [scipy.fft.next_fast_len(2 * reach[i])]
        for i in (0, 1)
    ]
    best: tuple[float, Tiling] | None = None
    for height, width in product(*sides):
        side = height, width
        step = side[0] - reach[0], side[1] - reach[1]
        grid = -(-size[0] // step[0]), -(-size[1] // step[1])
        all_tiles = N * grid[0] * grid[1]
        points = _points(side)
        filters = min(K // groups, max(1, FILTER_BYTES // (points * 2 * itemsize * C)))
        channels = C + filters * groups
        room = BLOCK_BYTES // (points * 2 * itemsize * channels)
        tiles = max(1, min(32, all_tiles, room))
        rounds = -(-K // groups // filters)
        # Measured in multiply-adds of complex numbers: a transform takes six for each number and
        # doubling, and as long as three doublings to fetch; products come in eights of tiles.
        transforms = all_tiles * (rounds * C + K) * 6 * (log2(points) + 3)
        products = all_tiles * C * K / groups * (-(-tiles // 8) * 8 / tiles)
        for_filters = C * K / groups * w_shape[2] * (1 + w_shape[3] / side[0])
        steps = points * (transforms + products + for_filters)
        if best is None or steps < best[0]:
            best = steps, Tiling(side, step, grid, filters, tiles)
    assert best is not None
    return best[1]


def _add_products(total: FloatArray, change: FloatArray, seen: FloatArray) -> None:
    """Add a block's share to the transformed gradients; each thread has frequencies of its own."""

    def add(row: int) -> None:
        total[row] += np.matmul(change[row].conj(), seen[row].swapaxes(-1, -2))

    in_threads(add, range(len(total)))


def _points(side: Pair) -> int:
    """Count the frequencies that are kept: of the last axis, half of them and one."""
    return side[0] * (side[1] // 2 + 1)


def _blocks(N: int, plan: Tiling) -> Iterator[slice]:
    return slices(N * plan.grid[0] * plan.grid[1], plan.tiles)


def _share(channels: int) -> int:
    """How many filters a thread transforms at a time."""
    return max(1, 256 // channels)


def _split(spectra: FloatArray, groups: int) -> FloatArray:
    """View (A, B/2 + 1, C, tiles) as (A, B/2 + 1, groups, C/groups, tiles)."""
    A, B, C, tiles = spectra.shape
    return spectra.reshape(A, B, groups, C // groups, tiles)


def _with_gaps(dy: FloatArray, stride: Pair) -> FloatArray:
    """Put the numbers of dy `stride` apart, with zeros between them."""
    if stride == (1, 1):
        return np.ascontiguousarray(dy)
    N, K, P, Q = dy.shape
    spread = np.zeros((N, K, (P - 1) * stride[0] + 1, (Q - 1) * stride[1] + 1), dy.dtype)
    spread[:, :, :: stride[0], :: stride[1]] = dy
    return spread


def _filter_spectra(
    w: FloatArray, some: slice, side: Pair, dilation: Pair, groups: int
) -> FloatArray:
    """Transform some filters of each group into (A, B/2 + 1, groups, filters, C/groups)."""
    K, C, R, S = w.shape
    count, kept = some.stop - some.start, side[1] // 2 + 1
    chosen = w.reshape(groups, K // groups, C, R, S)[:, some].reshape(-1, C, R, S)
    down = _waves(side[0], R, dilation[0], side[0], w)
    across = _waves(side[1], S, dilation[1], kept, w)
    spectra = np.empty((side[0], kept, groups * count, C), down.dtype)

    def transform(part: slice) -> None:
        taps = chosen[part].transpose(2, 3, 0, 1).reshape(R, S, -1).astype(down.dtype)
        rows = np.matmul(across, taps).reshape(R, -1)
        spectra[:, :, part] = np.matmul(down, rows).reshape(side[0], kept, -1, C)

    in_threads(transform, slices(len(chosen), _share(C)))
    return spectra.reshape(*spectra.shape[:2], groups, count, C)


def _waves(size: int, taps: int, dilation: int, kept: int, like: FloatArray) -> FloatArray:
    """Return exp(2πi f t / size), conjugate to a transform's, for frequencies f and places t."""
    turns = np.outer(np.arange(kept), np.arange(taps) * dilation) % size / size
    waves: FloatArray = np.exp(2j * np.pi * turns).astype(np.result_type(like, np.complex64))
    return waves


def _spectra(x: FloatArray, block: slice, plan: Tiling, corner: Pair, size: Pair) -> FloatArray:
    """Transform a block of tiles into (A, B/2 + 1, C, tiles), `size` numbers of each and zeros."""
    tiles = np.zeros((*plan.side, x.shape[1], block.stop - block.start), x.dtype)
    _take(x, tiles, block.start, plan.step, plan.grid, corner, size)
    spectra: FloatArray = scipy.fft.rfftn(tiles, axes=AXES, overwrite_x=True, workers=1)
    return spectra


def _spectra_in_threads(
    x: FloatArray, block: slice, plan: Tiling, corner: Pair, size: Pair
) -> FloatArray:
    """Do the same with all threads, some channels each."""
    shape = plan.side[0], plan.side[1] // 2 + 1, x.shape[1], block.stop - block.start
    spectra = np.empty(shape, np.result_type(x, np.complex64))

    def transform(part: slice) -> None:
        spectra[:, :, part] = _spectra(x[:, part], block, plan, corner, size)

    in_threads(transform, slices(x.shape[1], 32))
    return spectra


@njit(cache=True, nogil=True)
def _take(x, tiles, start, step, grid, corner, size):  # type: ignore[no-untyped-def]
    """Fill tiles (A, B, C, tiles) from x; what lies outside of it stays zero."""
    H, W = x.shape[2:]
    for t in range(tiles.shape[3]):
        n, place = divmod(start + t, grid[0] * grid[1])
        p, q = divmod(place, grid[1])
        h, w = p * step[0] + corner[0], q * step[1] + corner[1]
        first, last = max(0, -w), min(size[1], W - w)
        for a in range(max(0, -h), min(size[0], H - h)):
            for c in range(tiles.shape[2]):
                for b in range(first, last):
                    tiles[a, b, c, t] = x[n, c, h + a, w + b]


@njit(cache=True, nogil=True)
def _put(tiles, y, bias, relu, start, step, grid, size, stride, first, last, groups):  # type: ignore[no-untyped-def]
    """Write the outputs among tiles (A, B, groups · filters, tiles), every `stride`-th, into y."""
    filters = last - first
    of_group = y.shape[1] // groups
    for t in range(tiles.shape[3]):
        n, place = divmod(start + t, grid[0] * grid[1])
        p, q = divmod(place, grid[1])
        h, w = p * step[0], q * step[1]
        for i in range(groups * filters):
            k = i // filters * of_group + first + i % filters
            for a in range(-h % stride[0], min(step[0], size[0] - h), stride[0]):
                for b in range(-w % stride[1], min(step[1], size[1] - w), stride[1]):
                    value = tiles[a, b, i, t] + bias[k]
                    kept = 0 if relu and value < 0 else value
                    y[n, k, (h + a) // stride[0], (w + b) // stride[1]] = kept
