"""A convolution cut into pieces of work, each of which fits a core's cache.

Work is cut by size, never by the number of threads, so that the result does not depend on it. A
band of output rows is one piece: what it sees of the image is laid out once (`longrow`) and meets
all filters. Large bands copy fewer rows twice; small ones can be shared by more cores.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from minicnn.kernels import simd
from minicnn.kernels.longrow import room_for
from minicnn.kernels.microkernel import NARROW_BYTES, NARROW_ROWS
from minicnn.kernels.shapes import Pair, Shape4
from minicnn.kernels.threads import slices

UNIT = 2**24
"""Multiply-adds in a piece of work, if there are enough for many."""
LEAST = 2**21
"""Multiply-adds in a piece of work, at least: Python takes as long as a tenth of that."""
PIECES = 16
"""Pieces that are enough; beyond, only the cache makes more."""
BAND_BYTES = 2**19
"""What the image may take in a band: it shares the second level of cache with the filters."""
DEPTH = 512
"""Steps of the depth in a panel."""
PANEL_BYTES = 2**19
"""What panels may take."""
FILL = 20
"""Time to copy a number into a panel, in multiply-adds."""


class Picture(NamedTuple):
    """Every so many-th row and column of the output, and the taps that make it."""

    row_taps: np.ndarray  # where they look, counted from output pixel · stride
    column_taps: np.ndarray
    weights: np.ndarray  # (channels, taps): where they are, counted from the filter's first


class Work(NamedTuple):
    """What is to be done, for arrays of known shapes."""

    room: tuple[int, ...]
    groups: int
    channels: int  # of a group
    plane: int
    packed: bool
    a_steps: np.ndarray  # for each step of the depth, where the weight is in its filter
    b_steps: np.ndarray  # and where its tap looks
    bounds: np.ndarray  # where the steps of each picture begin
    blocks: list[tuple[slice, int, slice, slice]]  # images, group, rows, filters
    bytes: int  # that a thread needs


def plan_work(
    pictures: list[Picture],
    x_shape: Shape4,
    y_shape: Shape4,
    stride: Pair,
    up: Pair,
    groups: int,
    itemsize: int,
) -> Work:
    """Cut the work into pieces, by size, never by the number of threads."""
    (N, K, P, Q), C = y_shape, x_shape[1] // groups
    P, Q, filters = -(-P // up[0]), -(-Q // up[1]), K // groups
    rows, columns = (np.concatenate([p[i] for p in pictures]) for i in (0, 1))
    if not len(rows) or not len(columns):
        rows = columns = np.zeros(1, np.intp)
    room = room_for(rows, columns, stride, x_shape[3], Q)
    depth = sum(p.weights.size for p in pictures)
    lanes = max(1, simd.REGISTER_BYTES // itemsize)
    work = max(1, N * K * P * Q * depth)

    def vectors(rows: int) -> int:
        whole, rest = divmod(P, rows)
        ends = [((n - 1) * room.pitch + Q, times) for n, times in ((rows, whole), (rest, 1)) if n]
        return N * sum(times * -(-end // lanes) for end, times in ends)

    exact = N * P * Q / lanes if N > 1 else -(-P * Q // lanes)
    packed = room.pitch > Q and exact * (1 + FILL / filters) < vectors(P)
    row_bytes = C * room.parts_h * room.parts_w * room.pitch * itemsize
    most = max(1, min(P, BAND_BYTES // row_bytes - room.more_rows))
    # Bands: as many as the cache asks for, then more while pieces are few and large.
    bands = -(-P // most)
    panel = NARROW_BYTES // itemsize
    while (
        P * room.pitch > 4 * panel * bands
        and N * groups * bands < 16
        and work > UNIT * N * groups * bands
    ):
        bands = min(P, 2 * bands)
    height = -(-P // bands)
    bands = -(-P // height)
    pieces = N * groups * bands
    # Images of little work go together.
    images = max(1, min(N, LEAST * pieces // work, N * groups * bands // 16))
    if packed:
        enough = max(1, 2 * PANEL_BYTES // (P * Q * min(depth, DEPTH) * itemsize))
        images = min(N, max(images, min(enough, -(-N // 16))))
    pieces = -(-N // images) * groups * bands
    # If there are still few, each does some of the filters.
    parts = max(1, min(16 // pieces, work // pieces // UNIT, filters // 64)) if pieces < 8 else 1
    share = -(-filters // parts)
    share = -(-share // NARROW_ROWS) * NARROW_ROWS
    # Filters of 1×1 without a border or stride read x as it is.
    as_it_is = not packed and room == (0, 0, 1, 1, 1, 1, 0, x_shape[3], 0) and x_shape[2] == P
    plane = x_shape[2] * x_shape[3] if as_it_is else room.plane(height)
    channel = room.parts_h * room.parts_w * plane
    starts = np.arange(C)[:, None] * channel
    looks = [(starts + room.looks(p.row_taps, p.column_taps, height)).reshape(-1) for p in pictures]
    blocks = itertools.product(
        slices(N, images), range(groups), slices(P, height), slices(filters, share)
    )
    numbers = (0 if as_it_is else images if packed else 1) * C * channel
    numbers += NARROW_ROWS * up[1] * (height * room.pitch + lanes)
    if packed:
        pixels = images * height * Q + NARROW_BYTES // itemsize
        numbers += (min(depth, DEPTH) + share * up[1]) * pixels
    return Work(
        tuple(room), groups, C, 0 if as_it_is else plane, packed,
        np.concatenate([p.weights.reshape(-1) for p in pictures]),
        np.concatenate(looks), np.cumsum([0, *map(len, looks)]), list(blocks), numbers * itemsize,
    )  # fmt: skip
