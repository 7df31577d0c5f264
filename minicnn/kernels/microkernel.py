"""The innermost loop of every fast kernel: a small product whose sums never leave the registers.

A processor can start one or two vector multiply-adds per cycle but fetch only about as many
vectors from its nearest memory, and a loop that loads and stores its sum at every step has three
transfers for one multiply-add. The way out is a block of sums that stays in registers::

    c (rows, columns) += a (rows, depth) @ b (depth, columns)

    for k in range(depth):             # with 8 rows, 3 vectors of 16 columns:
        load `vectors` vectors of b    #   3 loads
        for each row:
            spread one number of a     #   8 loads
            multiply, add              #  24 multiply-adds into 24 registers

Neither Python's nor C's loops can say "this array lives in registers", so the block is written in
LLVM's language, from Python. Goto and van de Geijn (2008), "Anatomy of high-performance matrix
multiplication", calls it the inner kernel; Van Zee and van de Geijn (2015), "BLIS", the
micro-kernel.
"""

# ruff: noqa: ARG001 (an intrinsic gets types by name, of which some go unused)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils

from minicnn.kernels import simd
from minicnn.kernels.simd import INT, REGISTER_BYTES, intrinsic

# Rows x vectors sums, `vectors` numbers of b and one of a must fit into the registers, which are
# 32 with AVX-512 and 16 otherwise.
ROWS, VECTORS = (8, 3) if REGISTER_BYTES == 64 else (6, 2)
PANEL_BYTES = VECTORS * max(REGISTER_BYTES, 1)
NARROW_ROWS, NARROW_VECTORS = (4, 6) if REGISTER_BYTES == 64 else (4, 3)
NARROW_BYTES = NARROW_VECTORS * max(REGISTER_BYTES, 1)
_Where = Callable[[ir.Value], ir.Value]


def micro(register_bytes: int, rows: int, vectors: int) -> Any:
    """Make the micro-kernel for registers of that size: a function for use in Numba code.

    ``product(depth, rows, columns, a, a_first, a_row, a_step, b, b_first, b_row, c, c_first,
    c_row, accumulate)`` sets, or with `accumulate` adds to, ``c[i, j]`` the sum over k of
    ``a[i, k] * b[k, j]``, for i below `rows` and j below `columns`, at most a block. The arrays
    are read as one long row of memory each::

        a[i, k] is number  a_first + i a_row + k a_step
        b[k, j] is number  b_first + k b_row + j
        c[i, j] is number  c_first + i c_row + j

    The dtype, float32 or float64, is that of the arrays. Without vector registers
    (``register_bytes=0``) it is three plain loops.
    """
    if register_bytes == 0:
        return njit(_loops)

    @intrinsic
    def product(  # type: ignore[no-untyped-def]
        typingctx, depth, rows_here, columns, a, a_first, a_row, a_step,
        b, b_first, b_row, c, c_first, c_row, accumulate,
    ):  # fmt: skip
        n = types.intp
        signature = types.void(n, n, n, a, n, n, n, b, n, n, c, n, n, types.boolean)
        vector = simd.llvm_type(simd.Vector(c.dtype, simd.lanes(c.dtype, register_bytes)))

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            data = {
                name: simd.pointer(context, builder, signature.args[i], args[i], args[i + 1])
                for name, i in (("a", 3), ("b", 7), ("c", 10))
            }
            names = ("depth", "rows", "columns", None, None, "a_row", "a_step", None, None, "b_row")
            number = dict(zip((*names, None, None, "c_row", "accumulate"), args, strict=True))

            def times(name: str) -> _Where:
                return lambda i: builder.mul(i, number[name])

            where = {name: times(name) for name in ("a_row", "a_step", "b_row")}
            _in_registers(builder, vector, rows, vectors, data, number, where)
            return context.get_dummy_value()

        return signature, codegen

    return product


def micro_at(register_bytes: int, rows: int, vectors: int) -> Any:
    """Make the micro-kernel for factors that lie about in memory.

    ``product(depth, rows, columns, a, a_first, a_rows, a_steps, b, b_first, b_steps, c, c_first,
    c_row, accumulate)`` does the same with whole numbers read from arrays::

        a[i, k] is number  a_first + a_rows[i] + a_steps[k]
        b[k, j] is number  b_first + b_steps[k] + j
    """
    if register_bytes == 0:
        return njit(_loops_at)

    @intrinsic
    def product(  # type: ignore[no-untyped-def]
        typingctx, depth, rows_here, columns, a, a_first, a_rows, a_steps,
        b, b_first, b_steps, c, c_first, c_row, accumulate,
    ):  # fmt: skip
        n = types.intp
        signature = types.void(
            n, n, n, a, n, a_rows, a_steps, b, n, b_steps, c, n, n, types.boolean
        )
        vector = simd.llvm_type(simd.Vector(c.dtype, simd.lanes(c.dtype, register_bytes)))

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            data = {
                name: simd.pointer(context, builder, signature.args[i], args[i], args[i + 1])
                for name, i in (("a", 3), ("b", 7), ("c", 10))
            }
            number = {
                name: args[i]
                for name, i in (
                    ("depth", 0), ("rows", 1), ("columns", 2), ("c_row", 12), ("accumulate", 13),
                )
            }  # fmt: skip

            def entry(i: int) -> _Where:
                table = simd.pointer(context, builder, signature.args[i], args[i], INT(0))
                return lambda at: builder.load(builder.gep(table, [at]))

            where = {"a_row": entry(5), "a_step": entry(6), "b_row": entry(9)}
            _in_registers(builder, vector, rows, vectors, data, number, where)
            return context.get_dummy_value()

        return signature, codegen

    return product


def _in_registers(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    rows: int,
    vectors: int,
    data: dict[str, ir.Value],
    number: dict[Any, ir.Value],
    where: dict[str, _Where],
) -> None:
    """Write the loop once for a full block and once for each number of vectors at an edge."""
    full = builder.icmp_signed("==", number["columns"], INT(vectors * vector.count))
    with builder.if_else(full) as (then, otherwise):
        with then:
            _block(builder, vector, rows, vectors, data, number, where, masked=False)
        with otherwise:
            for some in range(1, vectors + 1):
                first = INT((some - 1) * vector.count)
                left = builder.sub(number["columns"], first)
                enough = builder.and_(
                    builder.icmp_signed(">", left, INT(0)),
                    builder.icmp_signed("<=", left, INT(vector.count)),
                )
                with builder.if_then(enough):
                    _block(builder, vector, rows, some, data, number, where, masked=True)


def _block(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    rows: int,
    vectors: int,
    data: dict[str, ir.Value],
    number: dict[Any, ir.Value],
    where: dict[str, _Where],
    masked: bool,
) -> None:
    """Write the loop for that many vectors; if masked, the last vector may reach over the edge."""
    masks: list[Any] = [None] * vectors
    if masked:
        left = builder.sub(number["columns"], INT((vectors - 1) * vector.count))
        masks[-1] = simd.lanes_below(builder, left, vector.count)
    # Rows beyond the last are copies of the last: they do no harm, and no step needs an `if`.
    last = builder.sub(number["rows"], INT(1))
    row = [
        builder.select(builder.icmp_signed("<", INT(i), last), INT(i), last) for i in range(rows)
    ]
    a_rows = [builder.gep(data["a"], [where["a_row"](i)]) for i in row]
    targets = [
        [builder.gep(start, [INT(j * vector.count)]) for j in range(vectors)]
        for start in (builder.gep(data["c"], [builder.mul(i, number["c_row"])]) for i in row)
    ]
    # LLVM turns these into registers, as their addresses go nowhere.
    sums = [[cgutils.alloca_once(builder, vector) for _ in masks] for _ in row]
    with builder.if_else(number["accumulate"]) as (then, otherwise):
        with then:
            for i in range(rows):
                for j, mask in enumerate(masks):
                    builder.store(simd.read(builder, targets[i][j], vector, mask), sums[i][j])
        with otherwise:
            for i in range(rows):
                for j in range(vectors):
                    builder.store(ir.Constant(vector, None), sums[i][j])

    with cgutils.for_range(builder, number["depth"]) as loop:
        b_row = builder.gep(data["b"], [where["b_row"](loop.index)])
        b = [
            simd.read(builder, builder.gep(b_row, [INT(j * vector.count)]), vector, mask)
            for j, mask in enumerate(masks)
        ]
        step = where["a_step"](loop.index)
        for i in range(rows):
            a = simd.splat(builder, builder.load(builder.gep(a_rows[i], [step])), vector.count)
            for j in range(vectors):
                total = builder.load(sums[i][j])
                name = f"llvm.fmuladd.{simd.spelled(vector)}"
                builder.store(simd.call(builder, name, vector, a, b[j], total), sums[i][j])

    for i in range(rows):
        for j, mask in enumerate(masks):
            simd.write(builder, targets[i][j], builder.load(sums[i][j]), mask)


def _loops(  # type: ignore[no-untyped-def]
    depth, rows, columns, a, a_first, a_row, a_step,
    b, b_first, b_row, c, c_first, c_row, accumulate,
):  # fmt: skip
    """Do the same one number at a time, for processors that we do not know."""
    a, b, c = a.reshape(-1), b.reshape(-1), c.reshape(-1)
    for i in range(rows):
        for j in range(columns):
            total = c[c_first + i * c_row + j] if accumulate else c.dtype.type(0)
            for k in range(depth):
                total += a[a_first + i * a_row + k * a_step] * b[b_first + k * b_row + j]
            c[c_first + i * c_row + j] = total


def _loops_at(  # type: ignore[no-untyped-def]
    depth, rows, columns, a, a_first, a_rows, a_steps,
    b, b_first, b_steps, c, c_first, c_row, accumulate,
):  # fmt: skip
    """Do the same for factors that lie about."""
    a, b, c = a.reshape(-1), b.reshape(-1), c.reshape(-1)
    for i in range(rows):
        for j in range(columns):
            total = c[c_first + i * c_row + j] if accumulate else c.dtype.type(0)
            for k in range(depth):
                total += a[a_first + a_rows[i] + a_steps[k]] * b[b_first + b_steps[k] + j]
            c[c_first + i * c_row + j] = total


product = micro(REGISTER_BYTES, ROWS, VECTORS)
narrow_at = micro_at(REGISTER_BYTES, NARROW_ROWS, NARROW_VECTORS)
