"""3×3 convolution with fewer multiplications: Winograd's F(4×4, 3×3).

Six neighbours of a row and three weights make four outputs, plainly with 4 · 3 = 12
multiplications. Read as polynomials, inputs and weights are multiplied at six points instead, and
six products are enough. In two dimensions a tile of 6×6 inputs gives 4×4 outputs with 36
multiplications for 144::

    V = Bᵀ d B        tiles d (6, 6) of the image      36 numbers a tile and channel
    U = G g Gᵀ        filters g (3, 3)                 36 numbers a filter
    M = Σ U · V       over channels: for each of the 36 a matrix product (K, C) @ (C, tiles)
    y = Aᵀ M A        4×4 outputs a tile

The transforms are additions and multiplications by small constants. They are the same for all
filters, so with many channels they hardly count. The price is rounding: the transforms add large
numbers that cancel, and the error is about twice that of summing one product after the other, as
`implicit` does (see `transforms`, where the smaller F(2×2, 3×3) is too).

Work goes by blocks of tile rows: transform, 36 products, transform back, while all of it is in
the cache. The image is read as it is, its border as zeros.

References: Winograd (1980), "Arithmetic complexity of computations"; Lavin and Gray (2016), "Fast
algorithms for convolutional neural networks".
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels import implicit, simd
from minicnn.kernels.gemm import multiply, panel_width
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import in_threads, num_threads, slices
from minicnn.kernels.transforms import filter_transform, input_transform, output_transform

TILE = 4
"""Outputs of a tile, on each side."""
BLOCK_BYTES = 2**21
"""What a block of transformed tiles may take, before and after the products."""
FILTERS = 64
"""Filters whose products are kept at a time."""

LANES, GAP = 16, 16
"""Tiles come in vectors of 16 at most; and so many numbers lie between the planes of two points."""


def supports(
    x_shape: Shape4,  # noqa: ARG001 (a picture of any size will do)
    w_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,  # noqa: ARG001
    dilation: Pair,
    groups: int,
) -> bool:
    """Say whether this kernel can do it: 3×3 filters, stride and dilation 1, one group."""
    return w_shape[2:] == (3, 3) and stride == dilation == (1, 1) and groups == 1


def forward(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: FloatArray | None = None,
    transformed: FloatArray | None = None,
    tile: int = TILE,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, C, 3, 3) into y (N, K, P, Q).

    Parameters
    ----------
    transformed
        `transform_filters(w)`, if it was kept from an earlier call.

    Raises
    ------
    ValueError
        If the filters are not 3×3, or there is a stride, a dilation or groups.
    """
    _check(x.shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    y_shape = out_shape(x.shape, w.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    (N, K, P, Q), C = y.shape, x.shape[1]
    rows = _rows_in_block(y.shape, C, x.itemsize, tile)
    borders = padding[0][0], padding[1][0]
    blocks = list(slices(N * -(-P // tile), rows))
    if len(blocks) == 1 and transformed is None:
        _few_tiles(x, w, y, tile, borders, rows)
        return y
    u = transform_filters(w, tile) if transformed is None else transformed

    def convolve(block: slice) -> None:
        v = _empty(x, tile, C, rows * -(-Q // tile))
        _read_tiles(x, v, tile, borders, block.start, block.stop, 0, C, P, Q)
        _write_tiles(u, v, y, C, tile, block.start, block.stop, 0, K, 0)

    in_threads(convolve, blocks)
    return y


def _few_tiles(
    x: FloatArray, w: FloatArray, y: FloatArray, tile: int, borders: Pair, rows: int
) -> None:
    """Share out the channels and then the filters; these are transformed where they are used.

    With few tiles the transformed filters are most of the data, and should not leave the cache.
    """
    (_, K, P, Q), C = y.shape, x.shape[1]
    v = _empty(x, tile, C, rows * -(-Q // tile))

    def read(block: slice) -> None:
        _read_tiles(x, v, tile, borders, 0, rows, block.start, block.stop, P, Q)

    def multiply(block: slice) -> None:
        u = _empty(x, tile, block.stop - block.start, C)
        _filters(w, u, tile, block.start, block.stop, block.start)
        _write_tiles(u, v, y, C, tile, 0, rows, block.start, block.stop, block.start)

    in_threads(read, slices(C, 64))
    in_threads(multiply, slices(K, 16))


def _empty(x: FloatArray, tile: int, rows: int, columns: int) -> FloatArray:
    """Make room for rows of vectors for each of the (tile + 2)² points.

    Between points is a gap: planes a power of two apart would want the same place in the cache.
    """
    lanes = simd.lanes_of(x)
    return np.empty(((tile + 2) ** 2, rows * -(-columns // lanes) * lanes + GAP), x.dtype)


def backward_input(
    dy: FloatArray,
    w: FloatArray,
    x_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    tile: int = TILE,
) -> FloatArray:
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q): convolve dy with the filters turned round."""
    _check(x_shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    turned = np.ascontiguousarray(w[:, :, ::-1, ::-1].swapaxes(0, 1))
    (top, bottom), (left, right) = padding
    around = ((2 - top, 2 - bottom), (2 - left, 2 - right))  # below zero it cuts pixels off
    return forward(
        dy, turned, stride=stride, padding=around, dilation=dilation, groups=groups, tile=tile
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
    """Gradient dw (K, C, 3, 3) from dy (N, K, P, Q), by `implicit`: the sums are over all pixels.

    Tiles would not save much there, and the error would grow with the number of pixels.
    """
    _check(x.shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return implicit.backward_weight(
        dy, x, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def transform_filters(w: FloatArray, tile: int = TILE) -> FloatArray:
    """Return U of the filters w (K, C, 3, 3), for use as `transformed`: a row for each point."""
    K, C = w.shape[:2]
    u = _empty(w, tile, K, C)

    def transform(block: slice) -> None:
        _filters(w, u, tile, block.start, block.stop, 0)

    in_threads(transform, slices(K, max(1, 2**14 // C)))
    return u


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,  # noqa: ARG001
    tile: int = TILE,
) -> int:
    """Bytes that `forward` needs besides x, w and y, all threads together."""
    y_shape = N, K, P, Q = out_shape(x_shape, w_shape, stride, padding, dilation)
    C, points = x_shape[1], (tile + 2) ** 2
    rows = _rows_in_block(y_shape, C, itemsize, tile)
    tiles = rows * -(-Q // tile) + LANES
    blocks = -(-N * -(-P // tile) // rows)
    filters = K if blocks > 1 else 16 * num_threads()
    threads = min(num_threads(), blocks)
    return (threads * (C + min(K, FILTERS)) * tiles + filters * (C + LANES)) * points * itemsize


def _check(x_shape: Shape4, w_shape: Shape4, **window) -> None:  # type: ignore[no-untyped-def]
    if not supports(x_shape, w_shape, **window):
        raise ValueError(
            f"w has shape {w_shape}, with stride {window['stride']}, dilation {window['dilation']} "
            f"and groups {window['groups']}; Winograd's algorithm wants 3x3 filters and 1 for all "
            "of these. Use algorithm='auto'."
        )


def _rows_in_block(y_shape: Shape4, C: int, itemsize: int, tile: int) -> int:
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
def _read_tiles(x, v, m, borders, start, stop, c_start, c_stop, P, Q):  # type: ignore[no-untyped-def]
    """Transform rows of tiles, counted over all images, into v (points, C · tiles).

    Neighbouring tiles are in neighbouring lanes.
    """
    C, H, W = x.shape[1:]
    down, across = -(-P // m), -(-Q // m)
    lanes = simd.lanes_of(x)
    size = m + 2
    width = (across // lanes + 3) * lanes
    pitch = -(-(stop - start) * across // lanes) * lanes
    plane = v.shape[1]
    # Column j of all tiles of a row: every m-th number of a row of the image.
    strip = np.zeros((size, m, width), x.dtype)
    half = np.empty((size, size, lanes), x.dtype)
    for c in range(c_start, c_stop):
        for row in range(start, stop):
            image, p = divmod(row, down)
            for i in range(size):
                h = p * m + i - borders[0]
                source = ((image * C + c) * H + h) * W
                _spread_row(x, source, W if 0 <= h < H else 0, borders[1], m, strip, i, across)
            for t in range(0, across, lanes):
                for j in range(size):
                    input_transform(
                        m, strip, j % m * width + t + j // m, m * width,
                        half, j * lanes, size * lanes, lanes,
                    )  # fmt: skip
                target = c * pitch + (row - start) * across + t
                for i in range(size):
                    input_transform(
                        m, half, i * size * lanes, lanes,
                        v, target + i * size * plane, plane, across - t,
                    )  # fmt: skip


@njit(cache=True, nogil=True)
def _spread_row(x, source, W, left, m, strip, i, across):  # type: ignore[no-untyped-def]
    """Deal the numbers of a row, m at a time, to m rows: number m t + j goes to strip[i, j, t]."""
    lanes = simd.lanes_of(x)
    width = strip.shape[2]
    for t in range(0, across + 1, lanes):
        at = m * t - left
        to = i * m * width + t
        a = simd.load_part(x, source + at, -at, W - at)
        at += lanes
        b = simd.load_part(x, source + at, -at, W - at)
        if m == 2:
            simd.store(strip, to, simd.evens(a, b))
            simd.store(strip, to + width, simd.odds(a, b))
        else:
            at += lanes
            c = simd.load_part(x, source + at, -at, W - at)
            at += lanes
            d = simd.load_part(x, source + at, -at, W - at)
            even, more_even = simd.evens(a, b), simd.evens(c, d)
            odd, more_odd = simd.odds(a, b), simd.odds(c, d)
            simd.store(strip, to, simd.evens(even, more_even))
            simd.store(strip, to + width, simd.evens(odd, more_odd))
            simd.store(strip, to + 2 * width, simd.odds(even, more_even))
            simd.store(strip, to + 3 * width, simd.odds(odd, more_odd))


@njit(cache=True, nogil=True)
def _write_tiles(u, v, y, C, m, start, stop, k_start, k_stop, u_start):  # type: ignore[no-untyped-def]
    """Multiply, for some filters, and transform back; u begins with filter `u_start`."""
    Q = y.shape[3]
    tiles = (stop - start) * -(-Q // m)
    lanes = simd.lanes_of(y)
    pitch = -(-tiles // lanes) * lanes
    products = np.empty((len(u), min(k_stop - k_start, FILTERS) * pitch + GAP), y.dtype)
    c_pitch = -(-C // lanes) * lanes
    for k in range(k_start, k_stop, FILTERS):
        filters = min(FILTERS, k_stop - k)
        for point in range(len(u)):
            multiply(
                filters, tiles, C,
                u, point * u.shape[1] + (k - u_start) * c_pitch, c_pitch, 1,
                v, point * v.shape[1], pitch, panel_width(y.itemsize),
                products, point * products.shape[1], pitch, False,
            )  # fmt: skip
        _transform_back(products, pitch, y, k, filters, m, start, stop)


@njit(cache=True, nogil=True)
def _transform_back(products, pitch, y, k, filters, m, start, stop):  # type: ignore[no-untyped-def]
    """Make outputs of the products (points, filters · tiles) and put them where they belong."""
    K, P, Q = y.shape[1:]
    down, across = -(-P // m), -(-Q // m)
    lanes = simd.lanes_of(y)
    size, plane = m + 2, products.shape[1]
    half = np.empty((m, size, lanes), y.dtype)
    outputs = np.empty((m, lanes), y.dtype)
    for i in range(filters):
        for row in range(start, stop):
            image, p = divmod(row, down)
            for t in range(0, across, lanes):
                source = i * pitch + (row - start) * across + t
                for j in range(size):
                    output_transform(
                        m, products, source + j * plane, size * plane,
                        half, j * lanes, size * lanes, lanes,
                    )  # fmt: skip
                target = ((image * K + k + i) * P + p * m) * Q + m * t
                for j in range(min(m, P - p * m)):
                    output_transform(m, half, j * size * lanes, lanes, outputs, 0, lanes, lanes)
                    _join(outputs, m, y, target + j * Q, Q - m * t)


@njit(cache=True, nogil=True)
def _join(outputs, m, y, target, room):  # type: ignore[no-untyped-def]
    """Deal m rows back into one, number t of row j to place m t + j."""
    lanes = simd.lanes_of(y)
    a, b = simd.load(outputs, 0), simd.load(outputs, lanes)
    if m == 2:
        simd.store_part(y, target, simd.zip_low(a, b), room)
        simd.store_part(y, target + lanes, simd.zip_high(a, b), room - lanes)
    else:
        c, d = simd.load(outputs, 2 * lanes), simd.load(outputs, 3 * lanes)
        even, odd = simd.zip_low(a, c), simd.zip_low(b, d)
        simd.store_part(y, target, simd.zip_low(even, odd), room)
        simd.store_part(y, target + lanes, simd.zip_high(even, odd), room - lanes)
        even, odd = simd.zip_high(a, c), simd.zip_high(b, d)
        simd.store_part(y, target + 2 * lanes, simd.zip_low(even, odd), room - 2 * lanes)
        simd.store_part(y, target + 3 * lanes, simd.zip_high(even, odd), room - 3 * lanes)


@njit(cache=True, nogil=True)
def _filters(w, u, m, start, stop, u_start):  # type: ignore[no-untyped-def]
    """Transform some filters into u (points, filters · C), which begins with filter `u_start`.

    Vectors are of channels here.
    """
    C, plane = w.shape[1], u.shape[1]
    lanes = simd.lanes_of(w)
    pitch = -(-C // lanes) * lanes
    size = m + 2
    taps = np.zeros((9, lanes), w.dtype)
    half = np.empty((size, 3, lanes), w.dtype)
    numbers = w.reshape(-1)
    for k in range(start, stop):
        for c in range(0, C, lanes):
            for lane in range(min(lanes, C - c)):
                for tap in range(9):
                    taps[tap, lane] = numbers[(k * C + c + lane) * 9 + tap]
            for j in range(3):
                filter_transform(m, taps, j * lanes, 3 * lanes, half, j * lanes, 3 * lanes, lanes)
            target = (k - u_start) * pitch + c
            for i in range(size):
                filter_transform(
                    m, half, i * 3 * lanes, lanes, u, target + i * size * plane, plane, lanes
                )
