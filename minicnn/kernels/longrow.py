"""The image as one long row, in which every tap of a filter is a step to the right.

A product over patches asks for a matrix with a row for each input number that a filter sees. With
its border of zeros written out, a picture of C channels already is that matrix, without a copy:
output pixel j, counted along the padded rows, sees ::

    room[start(c, r, s) + j]     where start(c, r, s) = c · plane + r · pitch + s

for each channel c and each tap (r, s). A row of the matrix starts wherever its tap looks, and the
next one overlaps it. The price is the few j at the end of each row of the picture that are not
output pixels. They are computed and dropped; the border on the right doubles as that on the left
of the next row, so for 3×3 filters it is one column in 57.

With a stride of 2, neighbours in the output see every second column: the even columns and rows are
put together, and the odd ones, so that there are four pictures for each channel and vectors need
not jump.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from minicnn.kernels import simd
from minicnn.kernels.shapes import Pair

SPARE = 128
"""Numbers after the last plane: vectors may read that far beyond what they need."""


class Room(NamedTuple):
    """How the rows of x that a band of output rows sees are laid out."""

    top: int  # the row and the column of x that output pixel (0, 0) sees with its first tap
    left: int
    stride_h: int
    stride_w: int
    parts_h: int  # pictures for each channel
    parts_w: int
    more_rows: int  # rows beyond those of the output
    pitch: int  # numbers from one row to the next
    shared: int  # columns of the right border that are the left border of the next row

    def plane(self, rows: int) -> int:
        """Numbers in a picture for so many output rows: an odd number of cache lines.

        One more than needed: vectors are written whole.
        """
        lines = -(-((rows + self.more_rows) * self.pitch + self.shared) // 16) + 1
        return (lines | 1) * 16

    def looks(self, row_taps: np.ndarray, column_taps: np.ndarray, rows: int) -> np.ndarray:
        """Say where each tap looks from output pixel (0, 0), in the pictures of one channel."""
        r, s = row_taps[:, None] - self.top, column_taps - self.left
        picture = r % self.stride_h * self.parts_w + s % self.stride_w
        place = r // self.stride_h * self.pitch + s // self.stride_w
        return (picture * self.plane(rows) + place).reshape(-1)

    def numbers(self, channels: int, rows: int) -> int:
        """Numbers in the whole room."""
        return channels * self.parts_h * self.parts_w * self.plane(rows) + SPARE


def room_for(
    row_taps: np.ndarray, column_taps: np.ndarray, stride: Pair, width: int, columns: int
) -> Room:
    """Plan the room for rows of x of that width and rows of the output of so many columns."""
    top, left = int(row_taps.min()), int(column_taps.min())
    reach_h, reach_w = int(row_taps.max()) - top, int(column_taps.max()) - left
    pitch = columns + reach_w // stride[1]
    before = max(0, -left) // stride[1]
    after = max(0, pitch + (left - width) // stride[1])
    shared = min(before, after)
    return Room(
        top, left, *stride, min(stride[0], reach_h + 1), min(stride[1], reach_w + 1),
        reach_h // stride[0], pitch - shared, shared,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def spread(x, image, channel, channels, first, rows, how, plane, room, to):  # type: ignore[no-untyped-def]
    """Copy what output rows `first` to `first + rows` see into room[to:]."""
    top, left, stride_h, stride_w, parts_h, parts_w, more_rows, pitch, shared = how
    C, H, W = x.shape[1:]
    for part in range(parts_h):
        h = top + first * stride_h + part
        source = (image * C + channel) * H * W
        target = to + part * parts_w * plane
        for _ in range(channels):
            if stride_w == 1:
                _rows(x, source, h, stride_h, left, room, target, pitch, rows + more_rows)
            elif stride_w == 2:
                other = plane if parts_w == 2 else 0
                _rows_in_two(
                    x, source, h, stride_h, left, room, target, other, pitch, rows + more_rows
                )
            else:
                _rows_in_many(
                    x, source, h, stride_h, left, stride_w,
                    room, target, plane, parts_w, pitch, rows + more_rows,
                )  # fmt: skip
            for part_w in range(parts_w):
                end = target + part_w * plane + (rows + more_rows) * pitch
                for j in range(0, shared, simd.lanes_of(x)):
                    simd.store(room, end + j, simd.spread(x, 0))
            source += H * W
            target += parts_h * parts_w * plane


@njit(cache=True, nogil=True)
def _rows(x, source, h, step, left, room, to, pitch, rows):  # type: ignore[no-untyped-def]
    """Copy rows h, h + step ... of a picture; outside it there are zeros.

    Vectors are stored whole: what they write beyond the row's end is written over by the next.
    """
    H, W = x.shape[2:]
    lanes = simd.lanes_of(x)
    for row in range(rows):
        at = h + row * step
        width = W if 0 <= at < H else 0
        first = source + at * W
        for j in range(0, pitch, lanes):
            k = left + j
            simd.store(room, to + row * pitch + j, simd.load_part(x, first + k, -k, width - k))


@njit(cache=True, nogil=True)
def _rows_in_two(x, source, h, step, left, room, to, other, pitch, rows):  # type: ignore[no-untyped-def]
    """Copy every second column to one picture and those between to the other."""
    H, W = x.shape[2:]
    lanes = simd.lanes_of(x)
    for row in range(rows):
        at = h + row * step
        width = W if 0 <= at < H else 0
        first = source + at * W
        for j in range(0, pitch, lanes):
            k = left + 2 * j
            a = simd.load_part(x, first + k, -k, width - k)
            k += lanes
            b = simd.load_part(x, first + k, -k, width - k)
            simd.store(room, to + row * pitch + j, simd.evens(a, b))
            if other > 0:
                simd.store(room, to + other + row * pitch + j, simd.odds(a, b))


@njit(cache=True, nogil=True)
def _rows_in_many(x, source, h, step, left, stride, room, to, plane, parts, pitch, rows):  # type: ignore[no-untyped-def]
    """Copy every third column, or fewer, to a picture, and their neighbours to others."""
    H, W = x.shape[2:]
    numbers = x.reshape(-1)
    for row in range(rows):
        at = h + row * step
        for part in range(parts):
            target = to + part * plane + row * pitch
            for j in range(pitch):
                k = left + part + j * stride
                inside = 0 <= at < H and 0 <= k < W
                room[target + j] = numbers[source + at * W + k] if inside else 0
