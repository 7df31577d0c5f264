"""Tiles of images to Winograd's points and back: the loops round the transforms.

Neighbouring tiles are neighbouring lanes. Tiles of m×m outputs see (m + 2)×(m + 2) inputs::

    image        rows h ... h + m + 1 of a channel        read as they are, zeros outside
      │ down     Bᵀ on whole rows                         lines (m + 2, width)
      │ along    dealt to columns of tiles, then Bᵀ       points (m + 2)², tiles of all rows

so the first half of the transform is done once for columns that two tiles share. On the way out
Aᵀ is done twice, the columns are joined to rows, and bias and ReLU meet them before memory does.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.shuffles import deal_2, deal_4, join_2, join_4, put_4, put_6
from minicnn.kernels.simd import lanes_of, load, load_part, spread, store, store_part
from minicnn.kernels.simd import relu as clip
from minicnn.kernels.transforms import input_2, input_4, output_2, output_4


@njit(cache=True, nogil=True)
def read_tiles(x, v, m, borders, start, stop, c_start, c_stop, P, Q):  # type: ignore[no-untyped-def]
    """Transform rows `start` to `stop` of tiles, counted over all images, into v.

    v (points, channels · pitch) has a row of tiles for each channel, `pitch` being the number of
    tiles, rounded up to whole vectors.
    """
    C, H, W = x.shape[1:]
    down, across = -(-P // m), -(-Q // m)
    lanes = lanes_of(x)
    size, plane = m + 2, v.shape[1]
    pitch = -(-(stop - start) * across // lanes) * lanes
    width = (-(-across // lanes) * m + 2) * lanes
    lines = np.zeros(size * width, x.dtype)
    for c in range(c_start, c_stop):
        for row in range(start, stop):
            image, p = divmod(row, down)
            h, source = p * m - borders[0], (image * C + c) * H * W
            for t in range(0, m * across + 2, lanes):
                _down(m, x, source, h, t - borders[1], H, W, lines, t, width)
            target = c * pitch + (row - start) * across
            for t in range(0, across, lanes):
                for i in range(size):
                    _along(
                        m, lines, i * width + m * t,
                        v, target + t + i * size * plane, plane, across - t,
                    )  # fmt: skip


@njit(forceinline=True)
def _down(m, x, source, h, at, H, W, lines, to, width):  # type: ignore[no-untyped-def]
    """Bᵀ on a vector of columns of the image, from row h and column `at` on."""
    if m == 2:
        d0, d1 = _pixels(x, source, h, at, H, W), _pixels(x, source, h + 1, at, H, W)
        d2, d3 = _pixels(x, source, h + 2, at, H, W), _pixels(x, source, h + 3, at, H, W)
        put_4(lines, to, width, input_2(x, d0, d1, d2, d3), lanes_of(x))
    else:
        d0, d1 = _pixels(x, source, h, at, H, W), _pixels(x, source, h + 1, at, H, W)
        d2, d3 = _pixels(x, source, h + 2, at, H, W), _pixels(x, source, h + 3, at, H, W)
        d4, d5 = _pixels(x, source, h + 4, at, H, W), _pixels(x, source, h + 5, at, H, W)
        put_6(lines, to, width, input_4(x, d0, d1, d2, d3, d4, d5), lanes_of(x))


@njit(forceinline=True)
def _pixels(x, source, h, at, H, W):  # type: ignore[no-untyped-def]
    """Load pixels of row h from column `at` on, zeros outside of the image."""
    stop = W - at if 0 <= h < H else 0
    return load_part(x, source + h * W + at, -at, stop)


@njit(forceinline=True)
def _along(m, lines, at, v, to, plane, count):  # type: ignore[no-untyped-def]
    """Bᵀ along a line: to points of `count` tiles, or as many as there are lanes."""
    if m == 2:
        put_4(v, to, plane, input_2(lines, *deal_2(lines, at)), count)
    else:
        put_6(v, to, plane, input_4(lines, *deal_4(lines, at)), count)


@njit(cache=True, nogil=True)
def write_tiles(products, pitch, y, k, filters, m, start, stop, bias, relu):  # type: ignore[no-untyped-def]
    """Make outputs of the products (points, filters · pitch) and put them where they belong.

    bias: (K,), or (0,) for none.
    """
    K, P, Q = y.shape[1:]
    down, across = -(-P // m), -(-Q // m)
    lanes = lanes_of(y)
    plane = products.shape[1]
    half = np.empty((m + 2) * m * lanes, y.dtype)
    width = m * pitch + lanes
    lines = np.empty(m * width, y.dtype)  # m rows of pixels, of all tiles
    for i in range(filters):
        added = bias[k + i] if len(bias) > 0 else y.dtype.type(0)
        for t in range(0, pitch, lanes):
            _back(m, products, i * pitch + t, plane, half, lines, m * t, width, added, relu)
        for row in range(start, stop):
            image, p = divmod(row, down)
            target = ((image * K + k + i) * P + p * m) * Q
            for j in range(min(m, P - p * m)):
                source = j * width + (row - start) * across * m
                for q in range(0, Q, lanes):
                    pixels = load(lines, source + q)
                    if Q - q >= lanes:
                        store(y, target + j * Q + q, pixels)
                    else:
                        store_part(y, target + j * Q + q, pixels, Q - q)


@njit(forceinline=True)
def _back(m, products, at, plane, half, lines, to, width, added, relu):  # type: ignore[no-untyped-def]
    """Aᵀ down, Aᵀ along: the outputs of a vector of tiles, as m rows of pixels."""
    lanes = lanes_of(products)
    bias = spread(products, added)
    if m == 2:
        for j in range(4):
            four = at + j * plane
            a, b = output_2(
                products,
                load(products, four),
                load(products, four + 4 * plane),
                load(products, four + 8 * plane),
                load(products, four + 12 * plane),
            )
            store(half, j * lanes, a)
            store(half, (4 + j) * lanes, b)
        for i in range(2):
            at = i * 4 * lanes
            a, b = output_2(
                products,
                load(half, at),
                load(half, at + lanes),
                load(half, at + 2 * lanes),
                load(half, at + 3 * lanes),
            )
            a, b = a + bias, b + bias
            if relu:
                a, b = clip(a), clip(b)
            join_2(a, b, lines, i * width + to)
    else:
        for j in range(6):
            six = at + j * plane
            a, b, c, d = output_4(
                products,
                load(products, six),
                load(products, six + 6 * plane),
                load(products, six + 12 * plane),
                load(products, six + 18 * plane),
                load(products, six + 24 * plane),
                load(products, six + 30 * plane),
            )
            store(half, j * lanes, a)
            store(half, (6 + j) * lanes, b)
            store(half, (12 + j) * lanes, c)
            store(half, (18 + j) * lanes, d)
        for i in range(4):
            at = i * 6 * lanes
            a, b, c, d = output_4(
                products,
                load(half, at),
                load(half, at + lanes),
                load(half, at + 2 * lanes),
                load(half, at + 3 * lanes),
                load(half, at + 4 * lanes),
                load(half, at + 5 * lanes),
            )
            a, b, c, d = a + bias, b + bias, c + bias, d + bias
            if relu:
                a, b = clip(a), clip(b)
                c, d = clip(c), clip(d)
            join_4(a, b, c, d, lines, i * width + to)
