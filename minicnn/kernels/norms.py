"""Batch normalisation in as few passes over memory as it takes.

A channel's statistics must be known before its first number can be normalised, so x is read twice.
Each core takes a few channels at a time, as many as stay in its cache between the two.

Arrays are (N, C, M), the M = H·W pixels of a plane in a row; the statistics are (C,).
"""

from __future__ import annotations

from typing import Any

from numba import njit

REORDER: Any = {"reassoc", "contract", "nsz"}
"""Let the compiler add the numbers of a plane in any order, so that it can use vectors. The order
is fixed when it compiles, and no other of its liberties is taken: NaN and infinity stay."""


@njit(cache=True, nogil=True, fastmath=REORDER)
def moments(x, mean, var, start, stop):  # type: ignore[no-untyped-def]
    """Mean and biased variance of some channels.

    Plane by plane: the mean, then the squares of what is left of it; both are then put together
    in float64 (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance").
    """
    N, _, M = x.shape
    zero = x.dtype.type(0)
    for c in range(start, stop):
        centre, squares = 0.0, 0.0
        for n in range(N):
            total = zero
            for i in range(M):
                total += x[n, c, i]
            near = x.dtype.type(total / M)
            left, square = zero, zero
            for i in range(M):
                d = x[n, c, i] - near
                left += d  # what rounding of the mean has left
                square += d * d
            plane = float(near) + float(left) / M
            step = plane - centre
            centre += step / (n + 1)
            squares += square - float(left) * (float(left) / M) + step * step * M * n / (n + 1)
        mean[c] = centre
        var[c] = max(squares / (N * M), 0.0) if squares == squares else squares


@njit(cache=True, nogil=True, fastmath={"contract"})
def normalise(x, mean, scale, beta, y, relu, start, stop):  # type: ignore[no-untyped-def]
    """y = (x - mean) · scale + beta for some channels, cut off at 0 with `relu`."""
    N, _, M = x.shape
    zero = x.dtype.type(0)
    for c in range(start, stop):
        for n in range(N):
            if relu:
                for i in range(M):
                    value = (x[n, c, i] - mean[c]) * scale[c] + beta[c]
                    y[n, c, i] = zero if value < zero else value
            else:
                for i in range(M):
                    y[n, c, i] = (x[n, c, i] - mean[c]) * scale[c] + beta[c]


@njit(cache=True, nogil=True, fastmath=REORDER)
def differentiate(  # type: ignore[no-untyped-def]
    dy, x, relu, y, gamma, mean, inv_std, dx, dgamma, dbeta, start, stop
):  # fmt: skip
    """Gradients of some channels; with `relu`, dy counts only where y is above 0."""
    N, _, M = x.shape
    zero, one = x.dtype.type(0), x.dtype.type(1)
    arriving = dx if relu else dy
    for c in range(start, stop):
        total, along = 0.0, 0.0
        for n in range(N):
            if relu:
                for i in range(M):
                    dx[n, c, i] = dy[n, c, i] * (one if y[n, c, i] > zero else zero)
            plane_total, plane_along = zero, zero
            for i in range(M):
                plane_total += arriving[n, c, i]
                plane_along += arriving[n, c, i] * (x[n, c, i] - mean[c])
            total += plane_total
            along += plane_along
        dbeta[c] = total
        dgamma[c] = along * inv_std[c]
        scale = gamma[c] * inv_std[c]
        slope = x.dtype.type(along / (N * M) * inv_std[c] * inv_std[c])
        level = x.dtype.type(total / (N * M))
        for n in range(N):
            for i in range(M):
                left = arriving[n, c, i] - level - (x[n, c, i] - mean[c]) * slope
                dx[n, c, i] = left * scale


@njit(cache=True, nogil=True, fastmath=REORDER)
def plane_means(x, means, start, stop):  # type: ignore[no-untyped-def]
    """Mean of some planes of x (planes, M): global average pooling."""
    for plane in range(start, stop):
        total = x.dtype.type(0)
        for i in range(x.shape[1]):
            total += x[plane, i]
        means[plane] = total / x.shape[1]
