"""The innermost loop of integer convolution: `microkernel` for bytes, and without columns.

The block of sums stays in registers as it does there, but one step does four channels at once, and
the image is read where it is, not from columns. Output pixels that are neighbours see neighbours
in the image, for every tap of the filter; so a step needs nothing but the distance from the first
pixel to what its tap sees, and those distances are a table::

    for k in range(depth):                      # 4 channels and one tap of the filter
        load `vectors` vectors of words, from first + distance[k]
        for each row:
            spread one word of weights
            multiply four bytes, add            # one instruction where there is "vpdpbusd"

The table makes it one loop for every size, stride and dilation of the filter. Dukhan (2019), "The
indirect convolution algorithm", goes by a table in the same way.
"""

# ruff: noqa: ARG001 (an intrinsic gets types by name, of which some go unused)
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils

from minicnn.kernels import simd, simd_int
from minicnn.kernels.simd import INT, REGISTER_BYTES, intrinsic

ROWS, VECTORS = (8, 3) if REGISTER_BYTES == 64 else (4, 2)
LANES = max(1, REGISTER_BYTES // 4)
WIDTH = VECTORS * LANES
"""Pixels in a block."""
WAY = simd_int.best_way()
WORD = ir.IntType(32)


def micro(way: str, register_bytes: int, rows: int, vectors: int) -> Any:
    """Make the micro-kernel for registers of that size: a function for use in Numba code.

    ``product(depth, rows, pixels, w, w_first, x, x_first, distance, c)`` sets ``c[i, j]``, an
    int32 array (rows, vectors · lanes), to the sum over k of the products of the four bytes of
    ``x[x_first + distance[k] + j]``, unsigned, and the four of ``w[k, i]``, signed.

    w
        Words as of `simd_int.pack`, (depth, rows, WORDS[way]) from number `w_first` on.
    x
        Words of the image as one long row of memory.
    rows
        A power of two, or the most there are.
    pixels
        At most a block. Some more, up to a whole vector, are worked out but mean nothing; their
        words must be there to read.
    """
    if register_bytes == 0:
        return njit(_loops)
    vector = ir.VectorType(WORD, register_bytes // 4)

    @intrinsic
    def product(  # type: ignore[no-untyped-def]
        typingctx, depth, rows_here, pixels, w, w_first, x, x_first, distance, c
    ):
        n = types.intp
        signature = types.void(n, n, n, w, n, x, n, distance, c)

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            depth, rows_here, pixels = args[:3]
            w, x, distance, c = (
                simd.pointer(context, builder, signature.args[i], args[i], first)
                for i, first in ((3, args[4]), (5, args[6]), (7, INT(0)), (8, INT(0)))
            )
            some_rows = rows
            while some_rows:
                with builder.if_then(builder.icmp_signed("==", rows_here, INT(some_rows))):
                    for some in range(1, vectors + 1):
                        edge = INT(some * vector.count)
                        fits = builder.icmp_signed("<=", pixels, edge)
                        over = builder.icmp_signed(">", pixels, INT((some - 1) * vector.count))
                        with builder.if_then(builder.and_(fits, over)):
                            data = depth, w, x, distance, c, vectors * vector.count
                            _block(builder, way, vector, some_rows, some, *data)
                some_rows //= 2
            return context.get_dummy_value()

        return signature, codegen

    return product


def _block(
    builder: ir.IRBuilder,
    way: str,
    vector: ir.VectorType,
    rows: int,
    vectors: int,
    depth: ir.Value,
    w: ir.Value,
    x: ir.Value,
    distance: ir.Value,
    c: ir.Value,
    c_row: int,
) -> None:
    """Write the loop for that many rows and vectors."""
    words = simd_int.WORDS[way]
    sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in range(rows)]
    for row in sums:
        for total in row:
            builder.store(ir.Constant(vector, None), total)
    with cgutils.for_range(builder, depth) as loop:
        here = builder.gep(x, [builder.load(builder.gep(distance, [loop.index]))])
        pixels = [
            simd_int.widen(builder, _read(builder, here, j, vector), way) for j in range(vectors)
        ]
        weights = builder.gep(w, [builder.mul(loop.index, INT(rows * words))])
        for i in range(rows):
            for word in range(words):
                number = builder.load(builder.gep(weights, [INT(i * words + word)]))
                factor = simd.splat(builder, number, vector.count)
                for j in range(vectors):
                    total = builder.load(sums[i][j])
                    total = simd_int.multiply_add(builder, total, pixels[j][word], factor, way)
                    builder.store(total, sums[i][j])
    for i in range(rows):
        for j in range(vectors):
            to = builder.gep(c, [INT(i * c_row + j * vector.count)])
            to = builder.bitcast(to, vector.as_pointer())
            builder.store(builder.load(sums[i][j]), to).align = 4


def _read(builder: ir.IRBuilder, address: ir.Value, j: int, vector: ir.VectorType) -> ir.Value:
    """Load vector number j."""
    here = builder.bitcast(builder.gep(address, [INT(j * vector.count)]), vector.as_pointer())
    loaded = builder.load(here)
    loaded.align = 4
    return loaded


def _loops(depth, rows, pixels, w, w_first, x, x_first, distance, c):  # type: ignore[no-untyped-def]
    """Do the same one number at a time, for processors that we do not know (way "lanes")."""
    w, x = w.reshape(-1), x.reshape(-1)
    for i in range(rows):
        for j in range(pixels):
            total = 0
            for k in range(depth):
                word = x[x_first + distance[k] + j]
                for channel in range(4):
                    byte = (word >> 8 * channel) & 255
                    total += byte * w[w_first + (k * rows + i) * 4 + channel]
            c[i, j] = total


product = micro(WAY, REGISTER_BYTES, ROWS, VECTORS)
