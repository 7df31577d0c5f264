"""Narrow pictures, several side by side: runs of output pixels copied into panels.

In a long row (`longrow`) of a picture 8 numbers wide, a third would be border. Here each step of
the depth gets a row of its own, with exactly the output pixels, image after image, and the rows of
a few vectors' width make a panel that is read from one end to the other.

Reference: Goto and van de Geijn (2008), "Anatomy of high-performance matrix multiplication".
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minicnn.kernels import simd
from minicnn.kernels.longrow import SPARE, spread
from minicnn.kernels.microkernel import NARROW_BYTES, NARROW_ROWS, narrow_at
from minicnn.kernels.pieces import DEPTH
from minicnn.kernels.store import store


@njit(cache=True, nogil=True)
def multiply_panels(  # type: ignore[no-untyped-def]
    x, w, w_first, w_row, y, bias, relu, up, how, C, plane, a_steps, b_steps, bounds,
    group, n_start, n_stop, p_start, p_stop, k_start, k_stop, groups,
):  # fmt: skip
    """Do the same by way of panels."""
    _, K, P, Q = y.shape
    pitch, parts = how[7], how[4] * how[5]
    Q_part, across = -(-Q // up[1]), min(up[1], Q)
    rows, images, filters = p_stop - p_start, n_stop - n_start, k_stop - k_start
    width = max(1, NARROW_BYTES // x.itemsize)
    image = C * parts * plane
    room = np.empty(images * image + SPARE, x.dtype)
    for n in range(images):
        spread(x, n_start + n, group * C, C, p_start, rows, how, plane, room, n * image)
    columns = images * rows * Q_part
    size = -(-columns // width) * width
    sums = np.empty(filters * across * size + SPARE, x.dtype)
    panels = np.empty(DEPTH * size + SPARE, x.dtype)
    runs = _runs(images, image, rows, pitch, Q_part, width)
    a_rows, panel_steps = np.arange(NARROW_ROWS) * w_row, np.arange(DEPTH) * width
    for down in range(min(up[0], P)):
        for part in range(across):
            first, last = bounds[down * across + part], bounds[down * across + part + 1]
            for step in range(first, max(last, first + 1), DEPTH):  # once at least, for zeros
                depth = min(DEPTH, last - step)
                here = slice(step, step + depth)
                _fill(room, b_steps[here], runs, panels, width)
                for k in range(0, filters, NARROW_ROWS):
                    for j in range(0, columns, width):
                        narrow_at(
                            depth, min(NARROW_ROWS, filters - k), min(width, columns - j),
                            w, w_first + (k_start + k) * w_row, a_rows, a_steps[here],
                            panels, j * depth, panel_steps[:depth],
                            sums, (k * across + part) * size + j, across * size, step > first,
                        )  # fmt: skip
        here = min(p_stop, -(-(P - down) // up[0])) - p_start
        for k in range(filters):
            channel = group * (K // groups) + k_start + k
            add = bias[channel] if len(bias) else x.dtype.type(0)
            for n in range(images):
                to = (((n_start + n) * K + channel) * P + p_start * up[0] + down) * Q
                store(
                    sums, k * across * size + n * rows * Q_part, size, across, Q_part,
                    y, to, up[0] * Q, here, Q, add, relu,
                )  # fmt: skip


@njit(cache=True, nogil=True)
def _runs(images, image, rows, pitch, Q, width):  # type: ignore[no-untyped-def]
    """List the runs of output pixels: (panel, lane, place in the room, length)."""
    runs = np.empty((images * rows * (2 + Q // width), 4), np.intp)
    count = column = 0
    for n in range(images):
        for p in range(rows):
            q = 0
            while q < Q:
                lane = column % width
                length = min(Q - q, width - lane)
                runs[count] = column // width, lane, n * image + p * pitch + q, length
                q += length
                column += length
                count += 1
    return runs[:count]


@njit(cache=True, nogil=True)
def _fill(room, steps, runs, panels, width):  # type: ignore[no-untyped-def]
    """Copy what each step sees. Vectors are whole: their ends are written over by the next."""
    lanes = simd.lanes_of(room)
    depth = len(steps)
    first = 0
    while first < len(runs):
        last = first
        while last < len(runs) and runs[last, 0] == runs[first, 0]:
            last += 1
        panel = runs[first, 0] * depth * width
        for k in range(depth):
            for run in range(first, last):
                to, source = panel + k * width + runs[run, 1], runs[run, 2] + steps[k]
                for j in range(0, runs[run, 3], lanes):
                    simd.store(panels, to + j, simd.load(room, source + j))
        first = last
