"""The loops of depthwise convolution: planes of the image against the weights of a channel."""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels import simd, three_rows

ROWS = 4
"""Rows of the output at a time: a weight is fetched once for all."""


@njit(cache=True, nogil=True)
def slide_planes(  # type: ignore[no-untyped-def]
    x, w, y, row_taps, column_taps, stride, three, bias, relu, start, stop
):  # fmt: skip
    """Fill some planes of y (N, targets, P, Q) with w (targets, members, R, S).

    A target sums over its members, channels of x that follow on each other; or, with one member
    each, several targets share a channel. With `three` the window is one for `three_rows`.
    """
    (C, H, W), (K, P, Q) = x.shape[1:], y.shape[1:]
    lanes = simd.lanes_of(x)
    members = w.shape[1]
    if three:
        nine = w.reshape(-1, 9)
        gap = column_taps[1] - column_taps[0]
        for plane in range(start, stop):
            n, k = divmod(plane, K)
            for member in range(members):
                first = bias[k] if member == 0 else y.dtype.type(0)
                three_rows.slide(
                    x, (n * C + k * C // K + member) * H * W, nine[k * members + member],
                    y, plane * P * Q, row_taps[0], column_taps[0], gap, stride[0],
                    first, member > 0, relu and member == members - 1,
                )  # fmt: skip
        return
    room, looks = _room(x, row_taps, column_taps, stride, P, Q)
    step = stride[0] * room.shape[1] * room.shape[2]  # from one row of the output to the next
    weights = w.reshape(K, members, -1)
    totals = np.empty((ROWS, lanes), x.dtype)
    for plane in range(start, stop):
        n, k = divmod(plane, K)
        for member in range(members):
            source = (n * C + k * C // K + member) * H * W
            _spread_plane(x, source, H, W, row_taps.min(), column_taps.min(), room)
            for p in range(0, P, ROWS):
                for q in range(0, Q, lanes):
                    first = bias[k] if member == 0 else y.dtype.type(0)
                    a = b = c = d = simd.spread(x, first)
                    for tap in range(len(looks)):
                        weight = simd.spread(x, weights[k, member, tap])
                        at = looks[tap] + p * step + q
                        a = simd.fma(weight, simd.load(room, at), a)
                        b = simd.fma(weight, simd.load(room, at + step), b)
                        c = simd.fma(weight, simd.load(room, at + 2 * step), c)
                        d = simd.fma(weight, simd.load(room, at + 3 * step), d)
                    simd.store(totals, 0, a)
                    simd.store(totals, lanes, b)
                    simd.store(totals, 2 * lanes, c)
                    simd.store(totals, 3 * lanes, d)
                    for i in range(min(ROWS, P - p)):
                        at = (plane * P + p + i) * Q + q
                        total = simd.load(totals, i * lanes)
                        if member > 0:
                            total = total + simd.load_part(y, at, 0, Q - q)
                        if relu and member == members - 1:
                            total = simd.relu(total)
                        simd.store_part(y, at, total, Q - q)


@njit(cache=True, nogil=True)
def weight_gradient(  # type: ignore[no-untyped-def]
    dy, x, dw, row_taps, column_taps, stride, three, start, stop
):  # fmt: skip
    """Fill some filters of dw (K, 1, R, S), each a sum over all images and pixels."""
    N, K, P, Q = dy.shape
    C, H, W = x.shape[1:]
    lanes = simd.lanes_of(x)
    if three:
        sums = np.empty((9, lanes), x.dtype)
        nine = dw.reshape(K, 9)
        gap = column_taps[1] - column_taps[0]
        for k in range(start, stop):
            sums[:] = 0
            for n in range(N):
                three_rows.correlate(
                    x, (n * C + k * C // K) * H * W, dy, (n * K + k) * P * Q, sums,
                    row_taps[0], column_taps[0], gap, stride[0],
                )  # fmt: skip
            for tap in range(9):
                nine[k, tap] = sums[tap].sum()
        return
    room, looks = _room(x, row_taps, column_taps, stride, P, Q)
    step = stride[0] * room.shape[1] * room.shape[2]
    gradient = np.zeros((-(-P // ROWS) * ROWS, 1, -(-Q // lanes) * lanes), dy.dtype)
    row = gradient.shape[2]
    totals = np.empty((len(looks), lanes), x.dtype)
    numbers = dw.reshape(K, -1)
    for k in range(start, stop):
        totals[:] = 0
        for n in range(N):
            _spread_plane(
                x, (n * C + k * C // K) * H * W, H, W, row_taps.min(), column_taps.min(), room
            )
            _spread_plane(dy, (n * K + k) * P * Q, P, Q, 0, 0, gradient)
            for tap in range(len(looks)):
                a = b = c = d = simd.spread(x, 0)
                for p in range(0, P, ROWS):
                    for q in range(0, Q, lanes):
                        at, g = looks[tap] + p * step + q, p * row + q
                        a = simd.fma(simd.load(gradient, g), simd.load(room, at), a)
                        b = simd.fma(simd.load(gradient, g + row), simd.load(room, at + step), b)
                        g, at = g + 2 * row, at + 2 * step
                        c = simd.fma(simd.load(gradient, g), simd.load(room, at), c)
                        d = simd.fma(simd.load(gradient, g + row), simd.load(room, at + step), d)
                before = simd.load(totals, tap * lanes)
                simd.store(totals, tap * lanes, before + ((a + b) + (c + d)))
        for tap in range(len(looks)):
            numbers[k, tap] = totals[tap].sum()


@njit(cache=True, nogil=True)
def _room(x, row_taps, column_taps, stride, P, Q):  # type: ignore[no-untyped-def]
    """Make room for a plane with its border, and say where in it each tap looks.

    With a stride, neighbours in the output see every second or third column: these are put
    together, (rows, stride, columns / stride), so that vectors need not jump.
    """
    lanes = simd.lanes_of(x)
    top, left = row_taps.min(), column_taps.min()
    rows = (-(-P // ROWS) * ROWS - 1) * stride[0] + row_taps.max() - top + 1
    columns = -(-Q // lanes) * lanes + (column_taps.max() - left) // stride[1]
    columns = -(-columns // lanes) * lanes
    looks = np.empty(len(row_taps) * len(column_taps), np.intp)
    for i in range(len(row_taps)):
        for j in range(len(column_taps)):
            column = column_taps[j] - left
            at = ((row_taps[i] - top) * stride[1] + column % stride[1]) * columns
            looks[i * len(column_taps) + j] = at + column // stride[1]
    return np.zeros((rows, stride[1], columns), x.dtype), looks


@njit(cache=True, nogil=True)
def _spread_plane(x, source, H, W, top, left, room):  # type: ignore[no-untyped-def]
    """Copy a plane into `room` (rows, stride, columns), from row `top` and column `left` on."""
    rows, stride, columns = room.shape
    lanes = simd.lanes_of(x)
    numbers = x.reshape(-1)
    for i in range(max(0, -top), min(rows, H - top)):
        row = source + (i + top) * W
        to = i * stride * columns
        if stride == 1:
            for j in range(0, columns, lanes):
                at = left + j
                simd.store(room, to + j, simd.load_part(x, row + at, -at, W - at))
        elif stride == 2:
            for j in range(0, columns, lanes):
                at = left + 2 * j
                a = simd.load_part(x, row + at, -at, W - at)
                at += lanes
                b = simd.load_part(x, row + at, -at, W - at)
                simd.store(room, to + j, simd.evens(a, b))
                simd.store(room, to + columns + j, simd.odds(a, b))
        else:
            for column in range(max(0, left), min(W, left + stride * columns)):
                part, j = (column - left) % stride, (column - left) // stride
                room[i, part, j] = numbers[row + column]
