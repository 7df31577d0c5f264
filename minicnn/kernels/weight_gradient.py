"""The gradient of the filters: sums over all pixels of all images.

It is a matrix product as well, with the pixels as its depth, and two ways round::

    dwᵀ (C·R·S, K)   =  patches of x (C·R·S, pixels)  @  dyᵀ (pixels, K)         many pixels
    dw  (K, C·R·S)   =  dy (K, pixels)                @  patchesᵀ (pixels, C·R·S)    few pixels

The micro-kernel takes its left factor number by number, from wherever it lies, and its right
factor in vectors. So the left factor is never copied: in the first way it is the image with its
border as one long row (`longrow`), in the second dy itself. The right factor is turned, by squares
of as many numbers as a vector has lanes. The second way writes dw where it belongs; with few pixels
that counts, as dw is then the largest array of all.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numba import njit

from minicnn.kernels import simd
from minicnn.kernels.longrow import SPARE, room_for, spread
from minicnn.kernels.microkernel import NARROW_BYTES, NARROW_ROWS, narrow_at
from minicnn.kernels.shapes import FloatArray, Pair, Shape4
from minicnn.kernels.threads import in_threads, slices

PIECES = 8
"""Pieces of work, at most, if a thread is to do more than copying."""
SHARE_BYTES = 2**21
"""What partial sums of dw may take all together."""
BAND_BYTES = 2**18
"""What the turned factor may take at a time."""
UNIT = 2**22
"""Multiply-adds in a piece of work, at least."""


def backward_weight(
    dy: FloatArray,
    x: FloatArray,
    w_shape: Shape4,
    row_taps: np.ndarray,
    column_taps: np.ndarray,
    stride: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dw (K, C/groups, R, S) from dy (N, K, P, Q) and x (N, C, H, W)."""
    N, K, P, Q = dy.shape
    room = room_for(row_taps, column_taps, stride, x.shape[3], Q)
    few = K // groups >= N * P * Q
    if few:
        return _few_pixels(dy, x, w_shape, row_taps, column_taps, room, groups)
    return _many_pixels(dy, x, w_shape, row_taps, column_taps, room, groups)


def _many_pixels(dy, x, w_shape, row_taps, column_taps, room, groups):  # type: ignore[no-untyped-def]
    N, K, P, Q = dy.shape
    _, C, R, S = w_shape
    filters, taps = K // groups, R * S
    # The pixels in bands: some rows of an image, or several images.
    pixels = max(1, BAND_BYTES // (filters * x.itemsize))
    images, rows = max(1, min(N, pixels // (P * Q))), max(1, min(P, pixels // Q))
    rows = -(-P // -(-P // rows))
    bands = list(itertools.product(slices(N, images), slices(P, rows)))
    plane = room.plane(rows)
    channel = room.parts_h * room.parts_w * plane
    looks = room.looks(row_taps, column_taps, rows)
    work = dy.size // groups * C * taps  # of a group
    shares = max(1, min(PIECES, len(bands), SHARE_BYTES // (math.prod(w_shape) * x.itemsize)))
    shares = min(shares, max(1, work * groups // UNIT))
    parts = max(1, min(PIECES // (shares * groups), C // 4, work // shares // UNIT))
    channels = -(-C // parts)
    sums = np.empty((shares, groups, C * taps, filters), x.dtype)

    def share(block: tuple[int, int, slice]) -> None:
        some, group, c = block
        first, last = (len(bands) * (some + i) // shares for i in (0, 1))
        a_rows = (np.arange(c.stop - c.start)[:, None] * channel + looks).reshape(-1)
        for i, (n, p) in enumerate(bands[first:last]):
            _patches_times_turned(
                x, dy, sums[some, group], group, C, c.start, c.stop, tuple(room), plane, channel,
                a_rows, n.start, n.stop, p.start, p.stop, i > 0,
            )  # fmt: skip

    blocks = list(itertools.product(range(shares), range(groups), slices(C, channels)))
    in_threads(share, blocks)
    dw = np.empty(w_shape, x.dtype)
    _add_turned(sums, dw)
    return dw


@njit(cache=True, nogil=True)
def _patches_times_turned(  # type: ignore[no-untyped-def]
    x, dy, dw, group, C, c_start, c_stop, how, plane, channel, a_rows,
    n_start, n_stop, p_start, p_stop, accumulate,
):  # fmt: skip
    """Set or add to rows of dwᵀ (C·R·S, filters) what a band of pixels gives."""
    K, P, Q = dy.shape[1:]
    filters = dw.shape[1]
    lanes = simd.lanes_of(x)
    channels, pitch = c_stop - c_start, how[7]
    run = (p_stop - p_start) * Q
    pixels = (n_stop - n_start) * run
    room = np.empty((n_stop - n_start) * channels * channel + SPARE, x.dtype)
    width = -(-filters // lanes) * lanes
    turned = np.empty((pixels + lanes) * width, x.dtype)
    a_steps = np.empty(pixels, np.intp)
    b_steps = np.arange(pixels) * width
    pixel = 0
    for n in range(n_start, n_stop):
        at = (n - n_start) * channels * channel
        spread(x, n, group * C + c_start, channels, p_start, p_stop - p_start, how, plane, room, at)
        first = ((n * K + group * filters) * P + p_start) * Q
        turn(dy, first, P * Q, filters, run, turned, pixel * width, width)
        for p in range(p_stop - p_start):
            for q in range(Q):
                a_steps[pixel] = at + p * pitch + q
                pixel += 1
    block = max(1, NARROW_BYTES // x.itemsize)
    rows = len(a_rows)
    first = c_start * (rows // channels)
    for k in range(0, filters, block):
        for i in range(0, rows, NARROW_ROWS):
            narrow_at(
                pixels, min(NARROW_ROWS, rows - i), min(block, filters - k),
                room, 0, a_rows[i : i + NARROW_ROWS], a_steps,
                turned, k, b_steps,
                dw, (first + i) * filters + k, filters, accumulate,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def turn(source, first, row, rows, columns, target, to, step):  # type: ignore[no-untyped-def]
    """Write columns of a matrix as rows, `step` apart, with room for whole vectors."""
    lanes = simd.lanes_of(source)
    for j in range(0, columns, lanes):
        for i in range(0, rows, lanes):
            simd.transpose(
                source, first + i * row + j, row, rows - i, columns - j,
                target, to + j * step + i, step,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _add_turned(sums, dw):  # type: ignore[no-untyped-def]
    """Add partial sums (shares, groups, C·R·S, filters) up in dw (groups · filters, C, R, S)."""
    shares, groups, rows, filters = sums.shape
    size = groups * rows * filters
    lanes = simd.lanes_of(dw)
    numbers = sums.reshape(shares, -1)
    for share in range(1, shares):
        for i in range(size):
            numbers[0, i] += numbers[share, i]
    square = np.empty((lanes, lanes), dw.dtype)
    for group in range(groups):
        for i in range(0, rows, lanes):
            for k in range(0, filters, lanes):
                simd.transpose(
                    sums, (group * rows + i) * filters + k, filters, rows - i, filters - k,
                    square, 0, lanes,
                )  # fmt: skip
                for j in range(min(lanes, filters - k)):
                    to = (group * filters + k + j) * rows + i
                    simd.store_part(dw, to, simd.load(square, j * lanes), rows - i)


def _few_pixels(dy, x, w_shape, row_taps, column_taps, room, groups):  # type: ignore[no-untyped-def]
    N, K, P, Q = dy.shape
    _, C, R, S = w_shape
    filters, taps = K // groups, R * S
    plane = room.plane(P)
    channel = room.parts_h * room.parts_w * plane
    looks = room.looks(row_taps, column_taps, P)
    work = dy.size // groups * C * taps
    # Whole blocks of the micro-kernel, if they can be had.
    channels = max(1, min(-(-C // 2), NARROW_BYTES // x.itemsize, C * UNIT // work))
    dw = np.empty(w_shape, x.dtype)
    a_rows = np.arange(NARROW_ROWS) * (P * Q)
    a_steps = (np.arange(N)[:, None] * (K * P * Q) + np.arange(P * Q)).reshape(-1)

    def some(block: tuple[int, slice]) -> None:
        group, c = block
        _times_turned_patches(
            x, dy, dw, group, filters, c.start, c.stop, tuple(room), plane, channel, looks,
            a_rows, a_steps,
        )  # fmt: skip

    in_threads(some, list(itertools.product(range(groups), slices(C, channels))))
    return dw


@njit(cache=True, nogil=True)
def _times_turned_patches(  # type: ignore[no-untyped-def]
    x, dy, dw, group, filters, c_start, c_stop, how, plane, channel, looks, a_rows, a_steps
):  # fmt: skip
    """Fill some channels of a group of dw (K, C, R, S)."""
    N, _, P, Q = dy.shape
    C = dw.shape[1]
    lanes = simd.lanes_of(x)
    taps, pitch, pixels = len(looks), how[7], len(a_steps)
    channels = c_stop - c_start
    columns = channels * taps
    width = -(-columns // lanes) * lanes
    room = np.empty(channels * channel + SPARE, x.dtype)
    patches = np.empty(columns * (P * Q + lanes), x.dtype)
    turned = np.empty((pixels + lanes) * width, x.dtype)
    b_steps = np.arange(pixels) * width
    for n in range(N):
        spread(x, n, group * C + c_start, channels, 0, P, how, plane, room, 0)
        for c in range(channels):
            for tap in range(taps):
                source, to = c * channel + looks[tap], (c * taps + tap) * P * Q
                for p in range(P):
                    for q in range(0, Q, lanes):
                        simd.store(patches, to + p * Q + q, simd.load(room, source + p * pitch + q))
        turn(patches, 0, P * Q, columns, P * Q, turned, n * P * Q * width, width)
    block = max(1, NARROW_BYTES // x.itemsize)
    for j in range(0, columns, block):
        for i in range(0, filters, NARROW_ROWS):
            k = group * filters + i
            narrow_at(
                pixels, min(NARROW_ROWS, filters - i), min(block, columns - j),
                dy, k * P * Q, a_rows, a_steps,
                turned, j, b_steps,
                dw, (k * C + c_start) * taps + j, C * taps, False,
            )  # fmt: skip
