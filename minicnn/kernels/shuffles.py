"""Numbers moved between vectors: rows dealt out to columns and back, blocks transposed.

Filters, images and their gradients lie in memory in one order, and the products want them in
another. A copy that moves single numbers takes as long as the arithmetic it prepares; these move
a register at a time.
"""

# ruff: noqa: ARG001 (an intrinsic gets types by name, of which some go unused)
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types

from minicnn.kernels import lanes, simd
from minicnn.kernels.lanes import INT, intrinsic


@njit(forceinline=True)
def deal_2(array, at):  # type: ignore[no-untyped-def]
    """Columns of 2-wide tiles that overlap by 2: numbers 2 t + j in lane t of vector j < 4."""
    n = simd.lanes_of(array)
    a, b = simd.load(array, at), simd.load(array, at + n)
    first, second = simd.evens(a, b), simd.odds(a, b)
    after = simd.load(array, at + 2 * n)
    return first, second, follow(first, after), follow(second, _second(array, at + 2 * n, after))


@njit(forceinline=True)
def deal_4(array, at):  # type: ignore[no-untyped-def]
    """Columns of 4-wide tiles that overlap by 2: numbers 4 t + j in lane t of vector j < 6."""
    n = simd.lanes_of(array)
    a, b = simd.load(array, at), simd.load(array, at + n)
    c, d = simd.load(array, at + 2 * n), simd.load(array, at + 3 * n)
    even, more_even = simd.evens(a, b), simd.evens(c, d)
    odd, more_odd = simd.odds(a, b), simd.odds(c, d)
    first, second = simd.evens(even, more_even), simd.evens(odd, more_odd)
    after = simd.load(array, at + 4 * n)
    return (
        first,
        second,
        simd.odds(even, more_even),
        simd.odds(odd, more_odd),
        follow(first, after),
        follow(second, _second(array, at + 4 * n, after)),
    )


@njit(forceinline=True)
def _second(array, at, after):  # type: ignore[no-untyped-def]
    """Number at + 1 in lane 0; `after` is loaded from `at`."""
    return simd.load(array, at + 1) if simd.lanes_of(array) == 1 else simd.odds(after, after)


@njit(forceinline=True)
def join_2(a, b, array, at):  # type: ignore[no-untyped-def]
    """Deal back: lane t of vector j becomes number 2 t + j from `at` on."""
    n = simd.lanes_of(array)
    simd.store(array, at, simd.zip_low(a, b))
    simd.store(array, at + n, simd.zip_high(a, b))


@njit(forceinline=True)
def join_4(a, b, c, d, array, at):  # type: ignore[no-untyped-def]
    """Deal back: lane t of vector j becomes number 4 t + j from `at` on."""
    n = simd.lanes_of(array)
    even, odd = simd.zip_low(a, c), simd.zip_low(b, d)
    join_2(even, odd, array, at)
    even, odd = simd.zip_high(a, c), simd.zip_high(b, d)
    join_2(even, odd, array, at + 2 * n)


@njit(forceinline=True)
def put_3(target, to, step, vectors):  # type: ignore[no-untyped-def]
    """Store 3 vectors, `step` apart."""
    simd.store(target, to, vectors[0])
    simd.store(target, to + step, vectors[1])
    simd.store(target, to + 2 * step, vectors[2])


@njit(forceinline=True)
def put_4(target, to, step, vectors, count):  # type: ignore[no-untyped-def]
    """Store the first `count` lanes of 4 vectors, `step` apart."""
    simd.store_part(target, to, vectors[0], count)
    simd.store_part(target, to + step, vectors[1], count)
    simd.store_part(target, to + 2 * step, vectors[2], count)
    simd.store_part(target, to + 3 * step, vectors[3], count)


@njit(forceinline=True)
def put_6(target, to, step, vectors, count):  # type: ignore[no-untyped-def]
    """Store the first `count` lanes of 6 vectors, `step` apart."""
    put_4(target, to, step, vectors[:4], count)
    simd.store_part(target, to + 4 * step, vectors[4], count)
    simd.store_part(target, to + 5 * step, vectors[5], count)


@intrinsic
def follow(typingctx, a, b):  # type: ignore[no-untyped-def]
    """Lanes 1, 2 ... of a, and lane 0 of b after them."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        mask = ir.Constant(ir.VectorType(ir.IntType(32), a.lanes), list(range(1, a.lanes + 1)))
        return builder.shuffle_vector(*args, mask)

    return a(a, b), codegen


@intrinsic
def transpose_9(  # type: ignore[no-untyped-def]
    typingctx, source, first, row, rows, columns, target, to, target_row
):  # fmt: skip
    """Do as `simd.transpose`, but for 9 columns at most, the weights of 3x3 filters.

    The steps that only the others need fall away.
    """
    vector = lanes.llvm_type(lanes.vector_of(source))
    n, int_ = vector.count, types.intp

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data, first, row, rows, columns, target, to, target_row = args
        start = lanes.pointer(context, builder, signature.args[0], data, first)
        end = lanes.pointer(context, builder, signature.args[5], target, to)
        mask = lanes.lanes_below(builder, columns, n)
        last = builder.sub(rows, INT(1))
        vectors = []
        for i in range(n):
            here = builder.select(builder.icmp_signed("<", INT(i), last), INT(i), last)
            address = builder.gep(start, [builder.mul(here, row)])
            vectors.append(lanes.read(builder, address, vector, mask))
        for _ in range(n.bit_length() - 1):
            vectors = _interleave(builder, vectors)
        for i, value in enumerate(vectors[:9]):
            lanes.write(builder, builder.gep(end, [builder.mul(target_row, INT(i))]), value)
        return context.get_dummy_value()

    return types.void(source, int_, int_, int_, int_, target, int_, int_), codegen


def _interleave(builder: ir.IRBuilder, vectors: list[Any]) -> list[Any]:
    """Zip the first half of the vectors with the second: a transposition is log₂ n such steps."""
    n = len(vectors)
    zipped = []
    for a, b in zip(vectors[: n // 2], vectors[n // 2 :], strict=True):
        for half in (range(n // 2), range(n // 2, n)):
            pick = [number for i in half for number in (i, n + i)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), n), pick)
            zipped.append(builder.shuffle_vector(a, b, mask))
    return zipped
