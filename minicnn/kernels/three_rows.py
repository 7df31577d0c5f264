"""Depthwise 3×3 loops that read each row of the image once, for strides of 1 and 2.

A vector of columns goes down the image. Each row of the image is loaded three times, shifted for
the three columns of the filter, and meets the three rows of the filter for three rows of the
output, whose sums wait in registers; so do the nine weights. Nothing is copied or padded: beyond
the left and right edge lanes are masked, and rows beyond the top and bottom are left out.

With a stride of 2 the even and the odd columns are dealt out first, and the last row that one row
of the output sees is the first that the next one does.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels.simd import (
    evens,
    fma,
    lanes_of,
    load,
    load_part,
    odds,
    spread,
    store,
    store_part,
)
from minicnn.kernels.simd import relu as clip


@njit(forceinline=True)
def _look(x, row, at, gap, W, stride):  # type: ignore[no-untyped-def]
    """What the three columns of a filter see of a row: from column `at`, and `gap` further on.

    With a stride of 2, gap is 1.
    """
    if stride == 1:
        a = load_part(x, row + at, -at, W - at)
        at += gap
        b = load_part(x, row + at, -at, W - at)
        at += gap
        return a, b, load_part(x, row + at, -at, W - at)
    n = lanes_of(x)
    a, b = load_part(x, row + at, -at, W - at), load_part(x, row + at + n, -at - n, W - at - n)
    at += 2
    c, d = load_part(x, row + at, -at, W - at), load_part(x, row + at + n, -at - n, W - at - n)
    return evens(a, b), odds(a, b), evens(c, d)


@njit(forceinline=True)
def _add(three, weights, total):  # type: ignore[no-untyped-def]
    """Add to the total what a row of the filter makes of a row of the image.

    The total comes last: the next row waits for one addition only.
    """
    return total + fma(weights[2], three[2], fma(weights[1], three[1], weights[0] * three[0]))


@njit(forceinline=True)
def _three(x, weights, first):  # type: ignore[no-untyped-def]
    a, b = spread(x, weights[first]), spread(x, weights[first + 1])
    return a, b, spread(x, weights[first + 2])


@njit(forceinline=True)
def _put(y, at, total, count, more, relu):  # type: ignore[no-untyped-def]
    """Store a vector of outputs, or with `more` add it to what is there."""
    if more:
        total = total + load_part(y, at, 0, count)
    if relu:
        total = clip(total)
    store_part(y, at, total, count)


@njit(cache=True, nogil=True)
def slide(x, source, w, y, target, top, left, gap, stride, start, more, relu):  # type: ignore[no-untyped-def]
    """Fill a plane of y, at `target`, from a plane of x, at `source`, with 9 weights.

    top, left
        Row and column of x that the first weight sees for the first output.
    start
        The bias: what the sums start with.
    """
    (H, W), (P, Q) = x.shape[2:], y.shape[2:]
    lanes = lanes_of(x)
    upper, middle, lower = _three(x, w, 0), _three(x, w, 3), _three(x, w, 6)
    bias = spread(x, start)
    for q in range(0, Q, lanes):
        at, count = left + stride * q, Q - q
        if stride == 1:
            last = this = bias  # sums for the rows of y that one and two rows more will fill
            for h in range(top, top + P + 2):
                total, last, this = last, this, bias
                if 0 <= h < H:
                    three = _look(x, source + h * W, at, gap, W, 1)
                    total = _add(three, lower, total)
                    last = _add(three, middle, last)
                    this = _add(three, upper, this)
                if h >= top + 2:
                    _put(y, target + (h - top - 2) * Q + q, total, count, more, relu)
        else:
            this = bias
            if 0 <= top < H:
                this = _add(_look(x, source + top * W, at, gap, W, 2), upper, bias)
            for p in range(P):
                h = top + 2 * p + 1
                total, this = this, bias
                if 0 <= h < H:
                    total = _add(_look(x, source + h * W, at, gap, W, 2), middle, total)
                h += 1
                if 0 <= h < H:
                    three = _look(x, source + h * W, at, gap, W, 2)
                    total, this = _add(three, lower, total), _add(three, upper, bias)
                _put(y, target + p * Q + q, total, count, more, relu)


@njit(forceinline=True)
def _meet(three, dy, sums):  # type: ignore[no-untyped-def]
    """Add to three sums the products of three shifted vectors with one of dy."""
    a, b = fma(three[0], dy, sums[0]), fma(three[1], dy, sums[1])
    return a, b, fma(three[2], dy, sums[2])


@njit(cache=True, nogil=True)
def correlate(x, source, dy, target, sums, top, left, gap, stride):  # type: ignore[no-untyped-def]
    """Add to `sums` (9, lanes) the products of a plane of dy with the planes that 9 weights see."""
    (H, W), (P, Q) = x.shape[2:], dy.shape[2:]
    n = lanes_of(x)
    zero = spread(x, 0)
    upper = load(sums, 0), load(sums, n), load(sums, 2 * n)
    middle = load(sums, 3 * n), load(sums, 4 * n), load(sums, 5 * n)
    lower = load(sums, 6 * n), load(sums, 7 * n), load(sums, 8 * n)
    for q in range(0, Q, n):
        at, count = left + stride * q, Q - q
        if stride == 1:
            before = earlier = zero  # the rows of dy one and two above
            for h in range(top, top + P + 2):
                p = h - top
                now = load_part(dy, target + p * Q + q, 0, count if p < P else 0)
                if 0 <= h < H:
                    three = _look(x, source + h * W, at, gap, W, 1)
                    upper = _meet(three, now, upper)
                    middle = _meet(three, before, middle)
                    lower = _meet(three, earlier, lower)
                before, earlier = now, before
        else:
            before = zero
            for p in range(P + 1):
                now = load_part(dy, target + p * Q + q, 0, count if p < P else 0)
                h = top + 2 * p
                if 0 <= h < H:
                    three = _look(x, source + h * W, at, gap, W, 2)
                    upper, lower = _meet(three, now, upper), _meet(three, before, lower)
                if 0 <= h + 1 < H:
                    three = _look(x, source + (h + 1) * W, at, gap, W, 2)
                    middle = _meet(three, now, middle)
                before = now
    for i, row in enumerate((upper, middle, lower)):
        store(sums, 3 * i * n, row[0])
        store(sums, (3 * i + 1) * n, row[1])
        store(sums, (3 * i + 2) * n, row[2])


def fits(row_taps: np.ndarray, column_taps: np.ndarray, stride: tuple[int, int]) -> bool:
    """Say whether a window is one of these: 3×3, its rows and, with a stride, columns together."""
    if len(row_taps) != 3 or len(column_taps) != 3 or stride not in ((1, 1), (2, 2)):
        return False
    (a, b, _), (c, d, _) = row_taps, column_taps
    return bool(b - a == 1 and (d - c == 1 or (stride == (1, 1) and d > c)))
