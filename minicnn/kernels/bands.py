"""Bands of an image, copied with their border so that every tap of a filter sees neighbours.

In memory a band is (channels, phases of rows, phases of columns, rows, columns): see `phases`. If
the output is counted as wide as the band is, pixels that are neighbours in it see neighbours here,
from one row to the next. The sums in between mean nothing, and are dropped in the end.
"""

from __future__ import annotations

from numba import njit

from minicnn.kernels import simd


@njit(cache=True, nogil=True)
def copy_band(target, x, n, channel, channels, corner, row_phases, column_phases, size, stride):  # type: ignore[no-untyped-def]
    """Copy a band of image n of x (N, C, H, W), and up to a vector more that means nothing.

    `corner` is the row and column of the image where the band begins, which may be outside;
    `size` the rows and columns of a phase.
    """
    C, H, W = x.shape[1:]
    rows, columns = size
    lanes, step = simd.lanes_of(x), stride[1]
    at = 0
    for c in range(channel, channel + channels):
        for row_phase in row_phases:
            for column_phase in column_phases:
                left = corner[1] + column_phase
                start, stop = -(left // step), -((left - W) // step)  # columns in the image
                for row in range(rows):
                    h = corner[0] + row * stride[0] + row_phase
                    source = ((n * C + c) * H + h) * W + left
                    end = stop if 0 <= h < H else start
                    for i in range(0, columns, lanes):
                        if step == 1 and start <= i and i + lanes <= end:
                            numbers = simd.load(x, source + i)
                        elif step == 1:
                            numbers = simd.load_part(x, source + i, start - i, end - i)
                        else:
                            numbers = simd.gather(x, source + i * step, step, start - i, end - i)
                        simd.store(target, at + i, numbers)
                    at += columns


@njit(cache=True, nogil=True)
def drop_between(sums, sums_first, first, count, columns, y, relu):  # type: ignore[no-untyped-def]
    """Copy sums to where they belong in y (rows, Q), any view.

    They are `count` sums from ``sums[sums_first]`` on, for the pixels from `first` on, counted as
    wide as the band, `columns`. With `relu`, those below zero become zero.
    """
    Q = y.shape[1]
    done = 0
    while done < count:
        p, q = divmod(first + done, columns)
        run = min(Q - q, count - done)
        if run > 0:
            source = sums[sums_first + done : sums_first + done + run]
            target = y[p, q : q + run]
            if relu:
                _copy_above_zero(source, target)
            else:
                _copy(source, target)
        done += columns - q


@njit(cache=True, nogil=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(len(source)):
        target[i] = source[i]


@njit(cache=True, nogil=True)
def _copy_above_zero(source, target):  # type: ignore[no-untyped-def]
    zero = source.dtype.type(0)
    for i in range(len(source)):
        target[i] = zero if source[i] < zero else source[i]


@njit(cache=True, nogil=True)
def zero_between(y, first, count, columns, target):  # type: ignore[no-untyped-def]
    """The other way round: read pixels of y (rows, Q), with zeros in between."""
    Q = y.shape[1]
    target[:count] = 0
    done = 0
    while done < count:
        p, q = divmod(first + done, columns)
        run = min(Q - q, count - done)
        if run > 0:
            target[done : done + run] = y[p, q : q + run]
        done += columns - q
