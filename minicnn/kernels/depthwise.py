"""Depthwise convolution, where each filter sees one channel: no matrix product to be had.

A product of matrices pays when each number is used many times. Here an input meets only the R·S
weights of its own channel, so the plain loops are best, with vectors along a row of the output: a
weight is spread over all lanes and multiplied with a piece of a row of the image, shifted by one
for every column of the filter.

One function does the output and the gradient of the input, which is the same sum with the filter
turned round; with a stride the gradient falls apart as in :mod:`~minicnn.kernels.implicit`.
"""

from __future__ import annotations

import itertools

import numpy as np
from numba import njit

from minicnn.kernels import simd
from minicnn.kernels.implicit import each, phases, taps_of
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import slices

ROWS = 4
"""Rows of the output at a time: a weight is fetched once for all."""
UNIT = 2**21
"""Multiply-adds in a piece of work for one thread, at least."""


def supports(
    x_shape: Shape4,
    w_shape: Shape4,
    *,
    stride: Pair,  # noqa: ARG001 (any window will do)
    padding: Padding,  # noqa: ARG001
    dilation: Pair,  # noqa: ARG001
    groups: int,
) -> bool:
    """Say whether this kernel can do it: as many groups as input channels."""
    return groups == x_shape[1] and w_shape[1] == 1


def forward(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: FloatArray | None = None,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, 1, R, S) into y (N, K, P, Q); K is a multiple of C.

    Raises
    ------
    ValueError
        If a filter sees more than one channel.
    """
    _check(x.shape, w.shape, groups)
    y_shape = out_shape(x.shape, w.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    _slide_all(x, w, y, *taps_of(w.shape, padding, dilation), stride)
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
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q)."""
    _check(x_shape, w.shape, groups)
    (_, C, H, W), (K, _, R, S) = x_shape, w.shape
    filters = w.reshape(C, K // C, R, S)
    dx = np.empty(x_shape, dy.dtype)
    axes = [
        list(phases(size, count, step, pad[0], gap))
        for size, count, step, pad, gap in zip(
            (H, W), (R, S), stride, padding, dilation, strict=True
        )
    ]
    for (rows, r, row_taps), (columns, s, column_taps) in itertools.product(*axes):
        part = dx[:, :, rows, columns]
        target = part if part.flags.c_contiguous else np.empty(part.shape, dx.dtype)
        met = np.ascontiguousarray(filters[:, :, r[:, None], s])
        _slide_all(dy, met, target, row_taps, column_taps, (1, 1))
        if target is not part:
            part[...] = target
    return dx


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
    """Gradient dw (K, 1, R, S) from dy (N, K, P, Q)."""
    _check(x.shape, w_shape, groups)
    dw = np.empty(w_shape, dy.dtype)
    taps = taps_of(w_shape, padding, dilation)

    def filters(block: slice) -> None:
        _weight_gradient(dy, x, dw, *taps, stride, block.start, block.stop)

    each(filters, list(slices(w_shape[0], _share(dy.size // w_shape[0], w_shape))))
    return dw


def workspace_bytes(*_: object, **__: object) -> int:
    """None is needed."""
    return 0


def _check(x_shape: Shape4, w_shape: Shape4, groups: int) -> None:
    if groups != x_shape[1] or w_shape[1] != 1:
        raise ValueError(
            f"groups is {groups} with {x_shape[1]} input channels; a depthwise convolution wants "
            "one group for each channel. Use algorithm='auto'."
        )


def _share(pixels: int, w_shape: Shape4) -> int:
    """How many planes of so many pixels are a piece of work."""
    return max(1, UNIT // (pixels * w_shape[2] * w_shape[3]))


def _slide_all(
    x: FloatArray,
    w: FloatArray,
    y: FloatArray,
    row_taps: np.ndarray,
    column_taps: np.ndarray,
    stride: Pair,
) -> None:
    planes = y.shape[0] * y.shape[1]

    def some(block: slice) -> None:
        _slide(x, w, y, row_taps, column_taps, stride, block.start, block.stop)

    share = _share(y.size // planes * w.shape[1], (1, 1, len(row_taps) or 1, len(column_taps) or 1))
    each(some, list(slices(planes, share)))


@njit(cache=True, nogil=True)
def _slide(x, w, y, row_taps, column_taps, stride, start, stop):  # type: ignore[no-untyped-def]
    """Fill some planes of y (N, targets, P, Q) with w (targets, members, R, S).

    A target sums over its members, channels of x that follow on each other; or, with one member
    each, several targets share a channel.
    """
    (C, H, W), (K, P, Q) = x.shape[1:], y.shape[1:]
    if len(row_taps) == 0 or len(column_taps) == 0:
        y.reshape(-1, P * Q)[start:stop] = 0
        return
    lanes = simd.lanes_of(x)
    members = w.shape[1]
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
                    a = b = c = d = simd.spread(x, 0)
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
                        simd.store_part(y, at, total, Q - q)


@njit(cache=True, nogil=True)
def _weight_gradient(dy, x, dw, row_taps, column_taps, stride, start, stop):  # type: ignore[no-untyped-def]
    """Fill some filters of dw (K, 1, R, S), each a sum over all images and pixels."""
    N, K, P, Q = dy.shape
    C, H, W = x.shape[1:]
    lanes = simd.lanes_of(x)
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
