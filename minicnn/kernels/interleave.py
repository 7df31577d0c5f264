"""Images as words of four channels, in which every tap of a filter sees neighbours.

`microkernel_int8` wants that pixels next to each other in the output look at words next to each
other in memory, for each tap. With a stride of 1 that is so in any padded image, if the output is
counted as wide as the image is: the sums in between are worked out too, and dropped. Other strides
are brought to that by `phases`. In memory a band of rows is::

    (channels / 4, phases of rows, phases of columns, rows, columns) words of four bytes

A filter with few channels would fill a quarter of each word. Where that pays it is *folded*: its S
taps in a row become channels, of images that are shifted by one tap each.
"""

# ruff: noqa: ARG001 (an intrinsic gets types by name, of which some go unused)
from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types

from minicnn.kernels import simd
from minicnn.kernels.microkernel_int8 import LANES
from minicnn.kernels.phases import Indices, axis, distances
from minicnn.kernels.shapes import Pair, Shape4
from minicnn.kernels.simd import intrinsic
from minicnn.kernels.simd_int import CHANNELS


class Words(NamedTuple):
    """How a band of an image lies in memory, and where the taps of a filter find it.

    channel, shift
        What each byte of a pixel's words is: a channel of the group, so many columns on.
    row_phases, column_phases
        Which rows and columns, modulo the stride, any tap sees.
    rows, columns
        Size of the picture of a phase.
    distance
        From an output pixel to its word, in words, for each block of channels and tap.
    """

    channel: Indices
    shift: Indices
    row_phases: Indices
    column_phases: Indices
    rows: int
    columns: int
    distance: Indices

    @property
    def size(self) -> int:
        """Words in a band."""
        phases = len(self.row_phases) * len(self.column_phases)
        return len(self.channel) // CHANNELS * phases * self.rows * self.columns


def folds(C: int, S: int) -> bool:
    """Say whether filters with C channels and S columns take fewer words when folded."""
    return -(-C * S // CHANNELS) < -(-C // CHANNELS) * S


@functools.lru_cache(256)
def words_of(w_shape: Shape4, rows: int, columns: int, stride: Pair, dilation: Pair) -> Words:
    """Lay out what `rows` x `columns` output pixels see through filters (K, C, R, S)."""
    C, R, S = w_shape[1:]
    row_taps, column_taps = np.arange(R) * dilation[0], np.arange(S) * dilation[1]
    shifts = np.zeros(1, np.intp)
    if folds(C, S):
        shifts, column_taps = column_taps, column_taps[:1]
    channel, shift = np.repeat(np.arange(C), len(shifts)), np.tile(shifts, C)
    missing = -len(channel) % CHANNELS  # bytes whose weights are zero
    channel, shift = (np.pad(a, (0, missing)).astype(np.intp) for a in (channel, shift))
    down, across = axis(row_taps, stride[0], rows), axis(column_taps, stride[1], columns)
    distance = distances(len(channel) // CHANNELS, down, across)
    return Words(channel, shift, down.phases, across.phases, down.size, across.size, distance)


def fold(w: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Bring filters (K, C, R, S) into the order of the words: (K, blocks · taps, 4)."""
    K, C, R, S = w.shape
    if folds(C, S):
        w = w.transpose(0, 1, 3, 2).reshape(K, C * S, R, 1)
    w = np.pad(w, ((0, 0), (0, -w.shape[1] % CHANNELS), (0, 0), (0, 0)))
    blocks = w.reshape(K, w.shape[1] // CHANNELS, CHANNELS, -1)
    return np.ascontiguousarray(blocks.swapaxes(2, 3)).reshape(K, -1, CHANNELS)


@njit(cache=True, nogil=True)
def interleave(  # type: ignore[no-untyped-def]
    words, image, first_channel, channel, shift, row_phases, column_phases, rows, columns,
    stride, corner, zero_point,
):  # fmt: skip
    """Write a band of one image (C, H, W) as words; outside the image is the zero point.

    Up to a vector of words more is written, which means nothing.

    `corner` is the row and column of the image at which the band begins, which may be outside.
    """
    H, W = image.shape[1:]
    size = columns * stride[1] + stride[1] + shift.max() + LANES
    lines = np.full((4, size), zero_point, np.uint8)
    left = max(0, -corner[1])
    start = max(0, corner[1])
    count = max(0, min(W - start, size - left))
    at = 0
    for block in range(0, len(channel), 4):
        for row_phase in row_phases:
            for column_phase in column_phases:
                for row in range(rows):
                    h = row * stride[0] + row_phase + corner[0]
                    if 0 <= h < H:
                        for i in range(4):
                            c = first_channel + channel[block + i]
                            _copy(image[c, h, start : start + count], lines[i, left : left + count])
                        at_shifts = shift[block : block + 4] + column_phase
                        _weave(words, at, columns, lines, at_shifts, stride[1])
                    else:
                        words[at : at + columns] = zero_point * 0x01010101
                    at += columns


@njit(cache=True, nogil=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(len(source)):
        target[i] = source[i]


@njit(cache=True, nogil=True)
def _weave(words, at, count, lines, starts, step):  # type: ignore[no-untyped-def]
    """Put four bytes into each word, every `step`-th of four lines from `starts` on."""
    if step == 1:
        pitch = lines.shape[1]
        for j in range(0, count, LANES):  # whole vectors; the next line overwrites the rest
            weave(
                words, at + j, lines, starts[0] + j, pitch + starts[1] + j,
                2 * pitch + starts[2] + j, 3 * pitch + starts[3] + j,
            )  # fmt: skip
    else:
        for j in range(count):
            word = np.uint32(0)
            for i in range(4):
                byte = np.uint32(lines[i, starts[i] + j * step])
                word = np.uint32(word | np.uint32(byte << np.uint32(8 * i)))
            words[at + j] = word


@intrinsic
def weave(typingctx, words, at, lines, a, b, c, d):  # type: ignore[no-untyped-def]
    """Make a vector of words from four vectors of bytes, from numbers a, b, c, d of `lines` on."""
    n = types.intp

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        wide = ir.VectorType(ir.IntType(32), LANES)
        narrow = ir.VectorType(ir.IntType(8), LANES)
        word = ir.Constant(wide, None)
        for i, first in enumerate(args[3:]):
            address = simd.pointer(context, builder, signature.args[2], args[2], first)
            bytes_ = builder.load(builder.bitcast(address, narrow.as_pointer()))
            bytes_.align = 1
            shift = ir.Constant(wide, [8 * i] * LANES)
            word = builder.or_(word, builder.shl(builder.zext(bytes_, wide), shift))
        address = simd.pointer(context, builder, signature.args[0], *args[:2])
        builder.store(word, builder.bitcast(address, wide.as_pointer())).align = 4
        return context.get_dummy_value()

    return types.void(words, n, lines, n, n, n, n), codegen
