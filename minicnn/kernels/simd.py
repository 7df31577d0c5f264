"""Vectors of the processor in Numba code: a few numbers loaded, multiplied, stored at once.

A compiler finds vectors in loops by itself, but not always, and it does not say when it fails.
Here they are named. A vector has as many lanes as one register holds: 16, 8 or 4 float32, half as
many float64, on processors with AVX-512, AVX2 or neither. On others it has a single lane::

    v = simd.load(x, i)                    # x[i : i + lanes], x read as one long row of memory
    simd.store(y, i, simd.fma(v, v, v))    # v * v + v, rounded once where there is such a step

What the functions emit is put together in `lanes`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import overload

from minicnn.kernels.lanes import INT as INT
from minicnn.kernels.lanes import REGISTER_BYTES as REGISTER_BYTES
from minicnn.kernels.lanes import Vector as Vector
from minicnn.kernels.lanes import (
    call,
    lanes_below,
    llvm_type,
    pointer,
    read,
    spelled,
    splat,
    vector_of,
    write,
)
from minicnn.kernels.lanes import intrinsic as intrinsic
from minicnn.kernels.lanes import lanes as lanes
from minicnn.kernels.lanes import lanes_of as lanes_of
from minicnn.kernels.lanes import register_bytes as register_bytes


@intrinsic
def load(typingctx, array, first):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Return array[first : first + lanes]."""
    vector = vector_of(array)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        address = pointer(context, builder, signature.args[0], *args)
        return read(builder, address, llvm_type(vector))

    return vector(array, types.intp), codegen


@intrinsic
def load_part(typingctx, array, first, start, stop):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Load the lanes from `start` up to `stop`; the others are zero, wherever they point."""
    vector = vector_of(array)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data, first, start, stop = args
        address = pointer(context, builder, signature.args[0], data, first)
        before, inside = (lanes_below(builder, end, vector.lanes) for end in (start, stop))
        mask = builder.and_(inside, builder.not_(before))
        return read(builder, address, llvm_type(vector), mask)

    return vector(array, types.intp, types.intp, types.intp), codegen


@intrinsic
def gather(typingctx, array, first, step, start, stop):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Load numbers `step` apart; lanes outside `start` to `stop` are zero."""
    vector = vector_of(array)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data, first, step, start, stop = args
        address = pointer(context, builder, signature.args[0], data, first)
        value, slot = ir.Constant(llvm_type(vector), None), cgutils.alloca_once
        result = slot(builder, llvm_type(vector))
        builder.store(value, result)
        for lane in range(vector.lanes):
            inside = builder.and_(
                builder.icmp_signed("<=", start, INT(lane)),
                builder.icmp_signed("<", INT(lane), stop),
            )
            with builder.if_then(inside):
                number = builder.load(builder.gep(address, [builder.mul(step, INT(lane))]))
                builder.store(
                    builder.insert_element(builder.load(result), number, INT(lane)), result
                )
        return builder.load(result)

    return vector(array, types.intp, types.intp, types.intp, types.intp), codegen


@intrinsic
def store(typingctx, array, first, vector):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Set array[first : first + lanes]."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data, first, value = args
        write(builder, pointer(context, builder, signature.args[0], data, first), value)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), codegen


@intrinsic
def store_part(typingctx, array, first, vector, stop):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Store the lanes before `stop`."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data, first, value, stop = args
        mask = lanes_below(builder, stop, vector.lanes)
        write(builder, pointer(context, builder, signature.args[0], data, first), value, mask)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector, types.intp), codegen


@intrinsic
def spread(typingctx, array, number):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Return a vector, of the kind that `array` is loaded in, with the number in every lane."""
    vector = vector_of(array)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        number = context.cast(builder, args[1], signature.args[1], vector.dtype)
        return splat(builder, number, vector.lanes)

    return vector(array, number), codegen


@intrinsic
def fma(typingctx, a, b, c):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """a * b + c in one step where the processor has it (in two where not)."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return call(builder, f"llvm.fmuladd.{spelled(args[0].type)}", args[0].type, *args)

    return a(a, b, c), codegen


@intrinsic
def relu(typingctx, a):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Set lanes below 0 to 0; NaN stays."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
        zero = ir.Constant(args[0].type, None)
        return builder.select(builder.fcmp_ordered("<", args[0], zero), zero, args[0])

    return a(a), codegen


def _shuffle(pick: Callable[[int], list[int]]) -> Any:
    """Make a function of two vectors that picks lanes from both, numbered one after the other."""

    @intrinsic
    def shuffle(typingctx, a, b):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
            mask = ir.Constant(ir.VectorType(ir.IntType(32), a.lanes), pick(a.lanes))
            return builder.shuffle_vector(*args, mask)

        return a(a, b), codegen

    return shuffle


evens = _shuffle(lambda n: list(range(0, 2 * n, 2)))
"""Lanes 0, 2, 4 ... of two vectors."""
odds = _shuffle(lambda n: list(range(1, 2 * n, 2)))
"""Lanes 1, 3, 5 ... of two vectors."""
zip_low = _shuffle(lambda n: [i // 2 + i % 2 * n for i in range(n)])
"""Two vectors interleaved, a0 b0 a1 b1 ...: the first half of that."""
zip_high = _shuffle(lambda n: [i // 2 + i % 2 * n for i in range(n, 2 * n)])
"""The second half of two vectors interleaved."""


@intrinsic
def transpose(typingctx, source, first, row, rows, columns, target, to, step):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Turn a square of lanes × lanes numbers: row i of the target is column i of the source.

    Rows of the source are `row` numbers apart, those of the target `step`. If the source has fewer
    `rows` or `columns`, copies of its last row and zeros make up the square; all of it is written.
    """
    vector = vector_of(source)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        source, first, row, rows, columns, target, to, step = args
        start = pointer(context, builder, signature.args[0], source, first)
        end = pointer(context, builder, signature.args[5], target, to)
        kind, n = llvm_type(vector), vector.lanes
        mask = lanes_below(builder, columns, n)
        last = builder.sub(rows, INT(1))
        square = []
        for i in range(n):
            here = builder.select(builder.icmp_signed("<", INT(i), last), INT(i), last)
            square.append(read(builder, builder.gep(start, [builder.mul(here, row)]), kind, mask))
        # Dealing two halves into each other, log2(n) times, turns the square.
        size = 1
        while size < n:
            low, high = (
                ir.Constant(ir.VectorType(ir.IntType(32), n), [i // 2 + i % 2 * n for i in part])
                for part in (range(n), range(n, 2 * n))
            )
            pairs = [(square[i], square[i + n // 2]) for i in range(n // 2)]
            square = [builder.shuffle_vector(*p, half) for p in pairs for half in (low, high)]
            size *= 2
        for i in range(n):
            write(builder, builder.gep(end, [builder.mul(INT(i), step)]), square[i])
        return context.get_dummy_value()

    n = types.intp
    return types.void(source, n, n, n, n, target, n, n), codegen


def _lane_by_lane(sign: Callable[..., Any], instruction: str) -> None:
    """Let Python's sign mean the LLVM instruction between two vectors."""

    @intrinsic
    def apply(typingctx, a, b):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
            return getattr(builder, instruction)(*args)

        return a(a, b), codegen

    @overload(sign)
    def between_vectors(a, b):  # type: ignore[no-untyped-def]
        if isinstance(a, Vector) and a == b:
            return lambda a, b: apply(a, b)
        return None


for _sign, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _lane_by_lane(_sign, _instruction)
