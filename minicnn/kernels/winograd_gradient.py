"""The gradient of 3×3 filters by Winograd's algorithm: the chain rule through its three steps.

The forward pass is y = Aᵀ M A with M = Σ U · V, U = G w Gᵀ and V = Bᵀ d B. Backwards through it::

    dM = A dy Aᵀ         m×m gradients a tile        (m + 2)² numbers a tile and filter
    dU = Σ V · dM        over tiles: for each point a product (C, tiles) @ (tiles, K)
    dw = Gᵀ dU G         3×3 numbers a filter

It saves as many multiplications as the forward pass does. V is made as there. In dM neighbouring
filters are neighbouring lanes, so dy is transposed on the way, before its numbers multiply.

The tiles come in blocks that the caches hold; in each, first the transforms and then the channels
are shared out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.gemm import multiply, panel_width
from minicnn.kernels.shapes import FloatArray, Padding, Shape4
from minicnn.kernels.shuffles import put_3, put_4, put_6
from minicnn.kernels.simd import lanes_of, load, store_part, transpose
from minicnn.kernels.threads import in_threads, slices
from minicnn.kernels.tiles import read_tiles
from minicnn.kernels.transforms import (
    filter_gradient_2,
    filter_gradient_4,
    output_gradient_2,
    output_gradient_4,
)

BLOCK_BYTES = 2**22
"""What a block of tiles may take, of x and dy together."""
CHANNELS = 32
"""Input channels in a piece of work."""
SHARE_BYTES = 2**19
"""What the products of a piece of work may take, where there is only one block of tiles."""
GAP = 16
"""Numbers between rows and planes: a power of two apart, they would share a place in the cache."""


def backward_weight(
    dy: FloatArray, x: FloatArray, w_shape: Shape4, padding: Padding, tile: int
) -> FloatArray:
    """Gradient dw (K, C, 3, 3) from dy (N, K, P, Q)."""
    (N, K, P, Q), C = dy.shape, x.shape[1]
    points, lanes = (tile + 2) ** 2, lanes_of(dy)
    borders = padding[0][0], padding[1][0]
    across, all_rows = -(-Q // tile), N * -(-P // tile)
    filters = -(-K // lanes) * lanes
    most = BLOCK_BYTES // (points * across * (C + filters) * x.itemsize)
    blocks = list(slices(all_rows, min(max(1, most), all_rows)))
    most_tiles = blocks[0].stop * across
    v = np.empty((points, C * -(-most_tiles // lanes) * lanes + GAP), x.dtype)
    dm = np.empty((points, most_tiles * (filters + GAP)), x.dtype)
    whole = len(blocks) > 1  # then products of all channels are kept, to be added to
    channels, pitch = CHANNELS, filters + GAP
    if not whole:
        channels = min(CHANNELS, max(8, SHARE_BYTES // (points * pitch * x.itemsize)))
    du = np.empty((points, whole * C * pitch), x.dtype)
    dw = np.empty(w_shape, x.dtype)
    shares = [(True, c) for c in slices(C, CHANNELS)] + [(False, k) for k in slices(K, 4 * lanes)]
    for rows in blocks:

        def transform(share: tuple[bool, slice], rows: slice = rows) -> None:
            of_x, some = share
            if of_x:
                read_tiles(x, v, tile, borders, rows.start, rows.stop, some.start, some.stop, P, Q)
            else:
                _read_gradient(dy, dm, tile, rows.start, rows.stop, some.start, some.stop)

        def multiply_add(c: slice, rows: slice = rows) -> None:
            count = (rows.stop - rows.start) * across
            mine, first = du, 0
            if not whole:
                mine, first = np.empty((points, (c.stop - c.start) * pitch), x.dtype), c.start
            _multiply(v, dm, mine, first, K, count, c.start, c.stop, rows.start > 0)
            if rows.stop == all_rows:
                _write_filters(mine, first, dw, tile, c.start, c.stop)

        in_threads(transform, shares, blas=False)
        in_threads(multiply_add, slices(C, channels), blas=False)
    return dw


@njit(cache=True, nogil=True)
def _read_gradient(dy, dm, m, start, stop, k_start, k_stop):  # type: ignore[no-untyped-def]
    """Transform some rows of tiles of some filters into dm (points, tiles · pitch)."""
    K, P, Q = dy.shape[1:]
    down, across = -(-P // m), -(-Q // m)
    lanes, size, plane = lanes_of(dy), m + 2, dm.shape[1]
    pitch = -(-K // lanes) * lanes + GAP
    width = -(-max(Q, m * across) // lanes) * lanes
    pixels = np.zeros(m * width * lanes, dy.dtype)  # one tile row: (m, width), lanes of filters
    half = np.empty(size * m * lanes, dy.dtype)
    for k in range(k_start, k_stop, lanes):
        for row in range(start, stop):
            image, p = divmod(row, down)
            for i in range(m):
                inside = Q if p * m + i < P else 0  # below the last row are zeros
                for q in range(0, Q, lanes):
                    transpose(
                        dy, ((image * K + k) * P + p * m + i) * Q + q, P * Q,
                        min(lanes, K - k), inside - q,
                        pixels, (i * width + q) * lanes, lanes,
                    )  # fmt: skip
            for t in range(across):
                for j in range(m):
                    at, to, step = (t * m + j) * lanes, j * lanes, m * lanes
                    line = width * lanes
                    g0, g1 = load(pixels, at), load(pixels, at + line)
                    if m == 2:
                        put_4(half, to, step, output_gradient_2(dy, g0, g1), lanes)
                    else:
                        g2, g3 = load(pixels, at + 2 * line), load(pixels, at + 3 * line)
                        put_6(half, to, step, output_gradient_4(dy, g0, g1, g2, g3), lanes)
                target = ((row - start) * across + t) * pitch + k
                for i in range(size):
                    at, to = i * m * lanes, target + i * size * plane
                    g0, g1 = load(half, at), load(half, at + lanes)
                    if m == 2:
                        put_4(dm, to, plane, output_gradient_2(dy, g0, g1), lanes)
                    else:
                        g2, g3 = load(half, at + 2 * lanes), load(half, at + 3 * lanes)
                        put_6(dm, to, plane, output_gradient_4(dy, g0, g1, g2, g3), lanes)


@njit(cache=True, nogil=True)
def _multiply(v, dm, du, du_start, K, tiles, c_start, c_stop, accumulate):  # type: ignore[no-untyped-def]
    """Set, or add to, du (points, channels · pitch) the products over all tiles.

    du begins with channel `du_start`.
    """
    lanes = lanes_of(v)
    v_pitch, pitch = -(-tiles // lanes) * lanes, -(-K // lanes) * lanes + GAP
    for point in range(len(v)):
        multiply(
            c_stop - c_start, K, tiles,
            v, point * v.shape[1] + c_start * v_pitch, v_pitch, 1,
            dm, point * dm.shape[1], pitch, panel_width(v.itemsize),
            du, point * du.shape[1] + (c_start - du_start) * pitch, pitch, accumulate,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _write_filters(du, du_start, dw, m, c_start, c_stop):  # type: ignore[no-untyped-def]
    """Transform du back to the filters dw (K, C, 3, 3), for some channels."""
    K, C = dw.shape[:2]
    lanes, size, plane = lanes_of(dw), m + 2, du.shape[1]
    pitch = -(-K // lanes) * lanes + GAP
    half = np.empty(3 * size * lanes, dw.dtype)
    taps = np.zeros((9 + lanes) * lanes, dw.dtype)  # (9, lanes of filters)
    turned = np.empty(2 * lanes * (9 + lanes), dw.dtype)
    for c in range(c_start, c_stop):
        for k in range(0, K, lanes):
            for j in range(size):
                at, step, to = (c - du_start) * pitch + k + j * plane, size * plane, j * lanes
                u0, u1 = load(du, at), load(du, at + step)
                u2, u3 = load(du, at + 2 * step), load(du, at + 3 * step)
                if m == 2:
                    three = filter_gradient_2(du, u0, u1, u2, u3)
                else:
                    u4, u5 = load(du, at + 4 * step), load(du, at + 5 * step)
                    three = filter_gradient_4(du, u0, u1, u2, u3, u4, u5)
                put_3(half, to, size * lanes, three)
            for i in range(3):
                at, to = i * size * lanes, 3 * i * lanes
                u0, u1 = load(half, at), load(half, at + lanes)
                u2, u3 = load(half, at + 2 * lanes), load(half, at + 3 * lanes)
                if m == 2:
                    three = filter_gradient_2(du, u0, u1, u2, u3)
                else:
                    u4, u5 = load(half, at + 4 * lanes), load(half, at + 5 * lanes)
                    three = filter_gradient_4(du, u0, u1, u2, u3, u4, u5)
                put_3(taps, to, lanes, three)
            wide = -(-9 // lanes) * lanes
            for tap in range(0, 9, lanes):
                transpose(taps, tap * lanes, lanes, min(lanes, 9 - tap), lanes, turned, tap, wide)
            for i in range(min(lanes, K - k)):
                for tap in range(0, 9, lanes):
                    nine = load(turned, i * wide + tap)
                    store_part(dw, ((k + i) * C + c) * 9 + tap, nine, 9 - tap)
