"""Plain loops with 4 filters times 4 taps in their body: a block in registers without intrinsics.

A loop over one filter and one tap moves three numbers for one multiply-add: it fetches the pixel
and the sum, and puts the sum back. With 4 times 4 in the body, 16 weights wait in registers, and
12 numbers are moved for 16 multiply-adds. The loop runs along the pixels, so the compiler makes
vectors of all of it. Names say who meets whom: filters a to d, taps 0 to 3.
"""

from __future__ import annotations

from numba import njit

FILTERS = TAPS = 4
"""Filters and taps in the body of a loop."""


@njit(cache=True, nogil=True, fastmath={"contract"})
def multiply_add(sums, run, picture, first, looks, w, k):  # type: ignore[no-untyped-def]
    """Add to sums (4, run): 4 rows of w, from row k, times the picture where each tap looks.

    The pixels are read into locals first: the compiler must read them anew after each sum that it
    stores, for all it knows they are the same memory. `contract` lets it round a product and a sum
    once instead of twice.
    """
    K, depth = w.shape
    a, b = w[k], w[min(k + 1, K - 1)]  # rows beyond the last: the last again, thrown away later
    c, d = w[min(k + 2, K - 1)], w[min(k + 3, K - 1)]
    sum_a, sum_b, sum_c, sum_d = sums[0], sums[1], sums[2], sums[3]
    for t in range(0, depth - 3, TAPS):
        x0, x1 = picture[first + looks[t] :], picture[first + looks[t + 1] :]
        x2, x3 = picture[first + looks[t + 2] :], picture[first + looks[t + 3] :]
        a0, a1, a2, a3 = a[t], a[t + 1], a[t + 2], a[t + 3]
        b0, b1, b2, b3 = b[t], b[t + 1], b[t + 2], b[t + 3]
        c0, c1, c2, c3 = c[t], c[t + 1], c[t + 2], c[t + 3]
        d0, d1, d2, d3 = d[t], d[t + 1], d[t + 2], d[t + 3]
        for i in range(run):
            p0, p1, p2, p3 = x0[i], x1[i], x2[i], x3[i]
            sum_a[i] = sum_a[i] + a0 * p0 + a1 * p1 + a2 * p2 + a3 * p3
            sum_b[i] = sum_b[i] + b0 * p0 + b1 * p1 + b2 * p2 + b3 * p3
            sum_c[i] = sum_c[i] + c0 * p0 + c1 * p1 + c2 * p2 + c3 * p3
            sum_d[i] = sum_d[i] + d0 * p0 + d1 * p1 + d2 * p2 + d3 * p3
    for t in range(depth - depth % TAPS, depth):
        x0 = picture[first + looks[t] :]
        a0, b0, c0, d0 = a[t], b[t], c[t], d[t]
        for i in range(run):
            sum_a[i] += a0 * x0[i]
            sum_b[i] += b0 * x0[i]
            sum_c[i] += c0 * x0[i]
            sum_d[i] += d0 * x0[i]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def dots(sums, run, picture, first, looks, t, lines, k, last):  # type: ignore[no-untyped-def]
    """Set sums (4, 4): 4 lines of dy, from k, times the picture where 4 taps look, from t.

    `reassoc` lets the compiler make 16 vectors of the sums, a part of each in every lane. Such
    a sum errs less than one number after the other, and is the same every time.
    """
    a, b = lines[k, first:], lines[min(k + 1, last), first:]
    c, d = lines[min(k + 2, last), first:], lines[min(k + 3, last), first:]
    end = len(looks) - 1  # taps beyond the last: the last again, thrown away later
    x0, x1 = picture[first + looks[t] :], picture[first + looks[min(t + 1, end)] :]
    x2, x3 = (
        picture[first + looks[min(t + 2, end)] :],
        picture[first + looks[min(t + 3, end)] :],
    )
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = picture.dtype.type(0)
    c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = picture.dtype.type(0)
    for i in range(run):
        a0, a1 = a0 + a[i] * x0[i], a1 + a[i] * x1[i]
        a2, a3 = a2 + a[i] * x2[i], a3 + a[i] * x3[i]
        b0, b1 = b0 + b[i] * x0[i], b1 + b[i] * x1[i]
        b2, b3 = b2 + b[i] * x2[i], b3 + b[i] * x3[i]
        c0, c1 = c0 + c[i] * x0[i], c1 + c[i] * x1[i]
        c2, c3 = c2 + c[i] * x2[i], c3 + c[i] * x3[i]
        d0, d1 = d0 + d[i] * x0[i], d1 + d[i] * x1[i]
        d2, d3 = d2 + d[i] * x2[i], d3 + d[i] * x3[i]
    sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3] = a0, a1, a2, a3
    sums[1, 0], sums[1, 1], sums[1, 2], sums[1, 3] = b0, b1, b2, b3
    sums[2, 0], sums[2, 1], sums[2, 2], sums[2, 3] = c0, c1, c2, c3
    sums[3, 0], sums[3, 1], sums[3, 2], sums[3, 3] = d0, d1, d2, d3
