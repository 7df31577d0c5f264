"""Winograd's convolution by blocks of tiles: transform, multiply, transform back.

A block of rows of tiles is as much as the caches hold. Where the picture is a single block, its
channels and then the filters are shared out between threads instead.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels import simd, tile_filters
from minicnn.kernels.gemm import multiply, panel_width
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4
from minicnn.kernels.threads import in_threads, slices
from minicnn.kernels.tiles import read_tiles, write_tiles

BLOCK_BYTES = 2**21
"""What a block of transformed tiles may take, before and after the products."""
FILTERS = 64
"""Filters whose products are kept at a time."""
SHARE = 16
"""Filters in a piece of work where there is only one block of tiles."""
LANES, GAP = 16, 16
"""Tiles come in vectors of 16 at most; and so many numbers lie between the planes of two points."""


def convolve(
    x: FloatArray,
    w: FloatArray,
    y: FloatArray,
    padding: Padding,
    tile: int,
    bias: FloatArray,
    relu: bool = False,
    prepared: FloatArray | None = None,
    turned: bool = False,
) -> None:
    """Fill y (N, K, P, Q); `turned` takes w (C, K, 3, 3) turned round, for the gradient of x."""
    (N, K, P, Q), C = y.shape, x.shape[1]
    borders = padding[0][0], padding[1][0]
    rows = rows_in_block(y.shape, C, x.itemsize, tile)
    blocks = list(slices(N * -(-P // tile), rows))
    if len(blocks) == 1:
        _few_tiles(x, w, y, borders, rows, tile, bias, relu, prepared, turned)
        return
    u = transformed(w, tile, turned) if prepared is None else prepared

    def some(block: slice) -> None:
        v = empty_points(x, tile, C, rows * -(-Q // tile))
        read_tiles(x, v, tile, borders, block.start, block.stop, 0, C, P, Q)
        _multiply_and_write(u, v, y, C, tile, block.start, block.stop, 0, K, 0, bias, relu)

    in_threads(some, blocks, blas=False)


def _few_tiles(
    x: FloatArray,
    w: FloatArray,
    y: FloatArray,
    borders: Pair,
    rows: int,
    tile: int,
    bias: FloatArray,
    relu: bool,
    prepared: FloatArray | None,
    turned: bool,
) -> None:
    """Share out the channels and then the filters; these are transformed where they are used.

    With few tiles the transformed filters are most of the data, and should not leave the cache.
    """
    (_, K, P, Q), C = y.shape, x.shape[1]
    v = empty_points(x, tile, C, rows * -(-Q // tile))

    def read(block: slice) -> None:
        read_tiles(x, v, tile, borders, 0, rows, block.start, block.stop, P, Q)

    def write(block: slice) -> None:
        k, stop = block.start, block.stop
        if prepared is None:
            u, first = empty_points(x, tile, stop - k, C), k
            tile_filters.transform(w, u, tile, turned, k, stop, first)
        else:
            u, first = prepared, 0
        _multiply_and_write(u, v, y, C, tile, 0, rows, k, stop, first, bias, relu)

    in_threads(read, slices(C, 32), blas=False)
    in_threads(write, slices(K, SHARE), blas=False)


def transformed(w: FloatArray, tile: int, turned: bool) -> FloatArray:
    """Return all filters at all points, (points, filters · channels)."""
    K, C = w.shape[1::-1] if turned else w.shape[:2]
    u = empty_points(w, tile, K, C)

    def transform(block: slice) -> None:
        tile_filters.transform(w, u, tile, turned, block.start, block.stop, 0)

    in_threads(transform, slices(K, max(1, 2**11 // C)), blas=False)
    return u


def empty_points(like: FloatArray, tile: int, rows: int, columns: int) -> FloatArray:
    """Make room for rows of vectors for each of the (tile + 2)² points.

    Between points is a gap: planes a power of two apart would want the same place in the cache.
    """
    lanes = simd.lanes_of(like)
    return np.empty(((tile + 2) ** 2, rows * -(-columns // lanes) * lanes + GAP), like.dtype)


def rows_in_block(y_shape: Shape4, C: int, itemsize: int, tile: int) -> int:
    """Choose how many rows of tiles to do at once.

    As many as the block may hold, and of those the number that leaves fewest lanes idle.
    """
    N, K, P, Q = y_shape
    across = -(-Q // tile)
    row_bytes = across * (tile + 2) ** 2 * (C + min(K, FILTERS)) * itemsize
    most = max(1, BLOCK_BYTES // row_bytes, -(-LANES // across))

    def idle(rows: int) -> tuple[float, int]:
        vectors = -(-rows * across // LANES)
        return vectors / (rows * across), -rows

    return min(range(1, min(most, N * -(-P // tile)) + 1), key=idle)


@njit(cache=True, nogil=True)
def _multiply_and_write(  # type: ignore[no-untyped-def]
    u, v, y, C, m, start, stop, k_start, k_stop, u_start, bias, relu
):  # fmt: skip
    """Multiply, for some filters, and transform back; u begins with filter `u_start`."""
    Q = y.shape[3]
    tiles_here = (stop - start) * -(-Q // m)
    lanes = simd.lanes_of(y)
    pitch = -(-tiles_here // lanes) * lanes
    products = np.empty((len(u), min(k_stop - k_start, FILTERS) * pitch + GAP), y.dtype)
    c_pitch = -(-C // lanes) * lanes
    for k in range(k_start, k_stop, FILTERS):
        filters = min(FILTERS, k_stop - k)
        for point in range(len(u)):
            multiply(
                filters, tiles_here, C,
                u, point * u.shape[1] + (k - u_start) * c_pitch, c_pitch, 1,
                v, point * v.shape[1], pitch, panel_width(y.itemsize),
                products, point * products.shape[1], pitch, False,
            )  # fmt: skip
        write_tiles(products, pitch, y, k, filters, m, start, stop, bias, relu)
