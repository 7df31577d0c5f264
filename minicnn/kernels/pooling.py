"""Pooling with vectors of neighbouring windows.

A window of R·S pixels is R·S shifted pictures, as if windows were one pixel each. For as many
windows of a row as a vector has lanes, these *taps* are loaded one after the other and compared.
With a stride of 2 the lanes are every second number of two vectors; wider strides are left to
plain loops.

Arrays are (planes, rows, columns): x (planes, H, W) and y (planes, P, Q). A window is given by
(rows, columns), stride and corner, the number of rows and columns of border before the picture.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types

from minicnn.kernels import simd
from minicnn.kernels.simd import intrinsic

STRIDE = 2
"""The widest stride along a row that `maximum` and `maximum_backward` take."""


@njit(cache=True, nogil=True)
def maximum(x, y, kernel, stride, corner, start, stop):  # type: ignore[no-untyped-def]
    """Largest number of each window of some planes; the border is -inf, and a NaN wins."""
    (P, Q), lanes = y.shape[1:], simd.lanes_of(x)
    for plane in range(start, stop):
        for p in range(P):
            for q in range(0, Q, lanes):
                best, _ = _largest(x, plane, p, q, kernel, stride, corner)
                simd.store_part(y, (plane * P + p) * Q + q, best, Q - q)


@njit(cache=True, nogil=True)
def maximum_backward(dy, x, dx, kernel, stride, corner, start, stop):  # type: ignore[no-untyped-def]
    """Add each dy to its window's maximum in dx."""
    (P, Q), lanes, size = dy.shape[1:], simd.lanes_of(x), x.shape[1] * x.shape[2]
    winners, numbers = np.empty(lanes, x.dtype), dx.reshape(-1)
    for plane in range(start, stop):
        for p in range(P):
            for q in range(0, Q, lanes):
                _, winner = _largest(x, plane, p, q, kernel, stride, corner)
                simd.store(winners, 0, winner)
                for lane in range(min(lanes, Q - q)):
                    place = _place(winners[lane], p, q + lane, x.shape[2], stride, corner)
                    numbers[plane * size + place] += dy[plane, p, q + lane]


@njit(cache=True, nogil=True)
def halves_backward(dy, x, dx, start, stop):  # type: ignore[no-untyped-def]
    """`maximum_backward` for windows of 2×2 side by side: whole rows of dx are written."""
    (P, Q), (H, W), lanes = dy.shape[1:], x.shape[1:], simd.lanes_of(x)
    zero, none = simd.spread(x, 0), simd.spread(x, -1)
    for plane in range(start, stop):
        for p in range(P):
            for q in range(0, Q, lanes):
                _, winner = _largest(x, plane, p, q, (2, 2), (2, 2), (0, 0))
                winner = if_equal(winner, none, zero, winner)
                arriving = simd.load_part(dy, (plane * P + p) * Q + q, 0, Q - q)
                for r in range(min(2, H - 2 * p)):
                    left = if_equal(winner, simd.spread(x, r * W), arriving, zero)
                    right = if_equal(winner, simd.spread(x, r * W + 1), arriving, zero)
                    at = (plane * H + 2 * p + r) * W + 2 * q
                    simd.store_part(dx, at, simd.zip_low(left, right), W - 2 * q)
                    simd.store_part(dx, at + lanes, simd.zip_high(left, right), W - 2 * q - lanes)


@njit(cache=True, nogil=True)
def places(x, found, kernel, stride, corner, start, stop):  # type: ignore[no-untyped-def]
    """Where in its plane the maximum of each window is; plain loops, for any stride."""
    (H, W), (P, Q) = x.shape[1:], found.shape[1:]
    for plane in range(start, stop):
        for p in range(P):
            top = p * stride[0] - corner[0]
            for q in range(Q):
                left = q * stride[1] - corner[1]
                where = max(top, 0) * W + max(left, 0)
                best = x[plane, max(top, 0), max(left, 0)]
                for h in range(max(0, top), min(H, top + kernel[0])):
                    for w in range(max(0, left), min(W, left + kernel[1])):
                        value = x[plane, h, w]
                        larger = (value > best) | (value != value)
                        best = value if larger else best
                        where = h * W + w if larger else where
                found[plane, p, q] = where


@njit(cache=True, nogil=True)
def scatter(dy, found, dx, start, stop):  # type: ignore[no-untyped-def]
    """Add each dy to the pixel of dx that `places` has found."""
    (P, Q), size, numbers = dy.shape[1:], dx.shape[1] * dx.shape[2], dx.reshape(-1)
    for plane in range(start, stop):
        for p in range(P):
            for q in range(Q):
                numbers[plane * size + found[plane, p, q]] += dy[plane, p, q]


@njit(inline="always")
def _largest(x, plane, p, q, kernel, stride, corner):  # type: ignore[no-untyped-def]
    """Largest numbers of the windows q, q + 1 ... of row p, and how far each is from its corner.

    The distance is counted along the rows of the picture; it is -1 where all is -inf.
    """
    H, W = x.shape[1:]
    low = x.dtype.type(-np.inf)
    best, winner = simd.spread(x, low), simd.spread(x, -1)
    top = p * stride[0] - corner[0]
    for h in range(max(0, top), min(H, top + kernel[0])):
        for s in range(kernel[1]):
            column = q * stride[1] + s - corner[1]
            value = _tap(x, plane * H + h, W, column, stride[1], low)
            winner = beats(value, best, simd.spread(x, (h - top) * W + s), winner)
            best = beats(value, best, value, best)
    return best, winner


@njit(inline="always")
def _tap(x, row, W, column, stride, outside):  # type: ignore[no-untyped-def]
    """Load x[row, column], x[row, column + stride] ..., and `outside` where is no column."""
    lanes = simd.lanes_of(x)
    at = row * W + column
    a = load_or(x, at, -column, W - column, outside)
    if stride == 1:
        return a
    b = load_or(x, at + lanes, -column - lanes, W - column - lanes, outside)
    return simd.evens(a, b)


@njit(inline="always")
def _place(winner, p, q, W, stride, corner):  # type: ignore[no-untyped-def]
    """Turn what `_largest` says into the number of a pixel in the plane."""
    top, left = p * stride[0] - corner[0], q * stride[1] - corner[1]
    if winner < 0:
        return max(top, 0) * W + max(left, 0)
    return top * W + left + np.int64(winner)


@intrinsic
def beats(typingctx, value, best, yes, no):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Lane by lane: `yes` where value is larger than best, or is NaN; `no` elsewhere."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
        value, best, yes, no = args
        larger = builder.fcmp_ordered(">", value, best)
        is_nan = builder.fcmp_unordered("uno", value, value)
        return builder.select(builder.or_(larger, is_nan), yes, no)

    return value(value, best, yes, no), codegen


@intrinsic
def if_equal(typingctx, a, b, yes, no):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Lane by lane: `yes` where a equals b, `no` elsewhere."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
        a, b, yes, no = args
        return builder.select(builder.fcmp_ordered("==", a, b), yes, no)

    return a(a, b, yes, no), codegen


@intrinsic
def load_or(typingctx, array, first, start, stop, other):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Load the lanes from `start` up to `stop`; in the others is `other`."""
    vector = simd.Vector(array.dtype, simd.lanes(array.dtype))

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data, first, start, stop, other = args
        kind = simd.llvm_type(vector)
        address = simd.pointer(context, builder, signature.args[0], data, first)
        before, inside = (simd.lanes_below(builder, end, vector.lanes) for end in (start, stop))
        mask = builder.and_(inside, builder.not_(before))
        number = context.cast(builder, other, signature.args[4], vector.dtype)
        align = ir.IntType(32)(array.dtype.bitwidth // 8)
        return simd.call(
            builder, f"llvm.masked.load.{simd.spelled(kind)}.p0", kind,
            builder.bitcast(address, kind.as_pointer()), align, mask,
            simd.splat(builder, number, vector.lanes),
        )  # fmt: skip

    return vector(array, types.intp, types.intp, types.intp, other), codegen
