"""The innermost loops of sparse convolution: rows of a picture, each times one weight, added up.

A dense micro-kernel keeps a block of many filters and few pixels in registers, and every vector
that it loads meets all filters. Where nine weights of ten are zero, no two filters want the same
vector. So here a block is one filter and as many pixels as registers hold, and stays there while
the filter's weights come by, only those that are stored::

    for i in range(start, stop):               # the weights of one filter
        spread values[i]
        from = x + distance[columns[i]]        # what the first pixel sees through this weight
        for each vector: load, multiply, add   # 14 loads for 14 multiply-adds

As in `microkernel_int8` the image is read where it is, at a distance for each column. There is a
load for every multiply-add, the most that a processor can do without the one waiting for the
other; and loads that cross from one line of the cache into the next count twice. So the best to
hope for is two thirds of what a dense kernel does in a second, and only from the nearest cache:
from the next one it is a half.

References: Park et al. (2017), "Faster CNNs with direct sparse convolutions and guided pruning";
Elsen, Dukhan, Gale and Simonyan (2020), "Fast sparse convnets", section 3.
"""

# ruff: noqa: ARG001 (an intrinsic gets types by name, of which some go unused)
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils

from minicnn.kernels import simd
from minicnn.kernels.simd import INT, REGISTER_BYTES, intrinsic

VECTORS = 14 if REGISTER_BYTES == 64 else 12
"""Sums in registers; there are 32 with AVX-512 and 16 otherwise, and the processor has to spare."""


def width(itemsize: int) -> int:
    """Pixels in a block, for numbers of that many bytes."""
    return VECTORS * max(1, REGISTER_BYTES // itemsize)


def micro(register_bytes: int, vectors: int) -> tuple[Any, Any]:
    """Make the two micro-kernels for registers of that size: functions for use in Numba code.

    Both take ``(filters, pointers, p_first, values, columns, distance, x, x_first, pixels, y,
    y_row)``. The weights of filter k are the values from ``pointers[p_first + k]`` to that of
    k + 1, each with its column. x is one long row of memory, in which pixel j sees the number
    ``x_first + distance[column] + j``. Filter k's row of y begins at ``k · y_row``.

    multiply
        Add to y what its pixels see times the weights. Up to a whole vector of pixels more is
        worked out, but means nothing.
    products
        Add to ``values[i]`` the sum of y times what its pixels see: the gradient of the weight,
        where y is that of the output.
    """
    if register_bytes == 0:
        return njit(_multiply_loops), njit(_products_loops)
    return _for_each_count(register_bytes, vectors, _multiply), _for_each_count(
        register_bytes, vectors, _products
    )


def _for_each_count(register_bytes: int, vectors: int, write: Any) -> Any:
    """Write the loop once for each number of vectors."""

    @intrinsic
    def kernel(  # type: ignore[no-untyped-def]
        typingctx,
        filters,
        pointers,
        p_first,
        values,
        columns,
        distance,
        x,
        x_first,
        pixels,
        y,
        y_row,
    ):
        n = types.intp
        signature = types.void(n, pointers, n, values, columns, distance, x, n, n, y, n)
        vector = simd.llvm_type(simd.Vector(y.dtype, simd.lanes(y.dtype, register_bytes)))

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            filters, pixels, y_row = args[0], args[8], args[10]
            pointers, values, columns, distance, x, y = (
                simd.pointer(context, builder, signature.args[i], args[i], first)
                for i, first in (
                    (1, args[2]), (3, INT(0)), (4, INT(0)), (5, INT(0)), (6, args[7]), (9, INT(0)),
                )
            )  # fmt: skip
            for some in range(1, vectors + 1):
                left = builder.sub(pixels, INT((some - 1) * vector.count))
                here = builder.and_(
                    builder.icmp_signed(">", left, INT(0)),
                    builder.icmp_signed("<=", left, INT(vector.count)),
                )
                with builder.if_then(here), cgutils.for_range(builder, filters) as loop:
                    k = loop.index
                    start, stop = (
                        builder.load(builder.gep(pointers, [i]))
                        for i in (k, builder.add(k, INT(1)))
                    )
                    row = builder.gep(y, [builder.mul(k, y_row)])
                    data = values, columns, distance, x, row
                    with builder.if_then(builder.icmp_signed("<", start, stop)):
                        write(builder, vector, some, start, stop, *data, left)
            return context.get_dummy_value()

        return signature, codegen

    return kernel


def _multiply(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    vectors: int,
    start: ir.Value,
    stop: ir.Value,
    values: ir.Value,
    columns: ir.Value,
    distance: ir.Value,
    x: ir.Value,
    y: ir.Value,
    left: ir.Value,
) -> None:
    sums = [cgutils.alloca_once(builder, vector) for _ in range(vectors)]
    for j, total in enumerate(sums):
        builder.store(simd.read(builder, _at(builder, y, vector, j), vector), total)
    with cgutils.for_range_slice(builder, start, stop, INT(1), INT) as (i, _):
        weight = simd.splat(builder, builder.load(builder.gep(values, [i])), vector.count)
        row = _seen(builder, columns, i, distance, x)
        for j, total in enumerate(sums):
            pixels = simd.read(builder, _at(builder, row, vector, j), vector)
            builder.store(_fma(builder, weight, pixels, builder.load(total)), total)
    for j, total in enumerate(sums):
        simd.write(builder, _at(builder, y, vector, j), builder.load(total))


def _products(
    builder: ir.IRBuilder,
    vector: ir.VectorType,
    vectors: int,
    start: ir.Value,
    stop: ir.Value,
    values: ir.Value,
    columns: ir.Value,
    distance: ir.Value,
    x: ir.Value,
    y: ir.Value,
    left: ir.Value,
) -> None:
    masks: list[Any] = [None] * vectors
    masks[-1] = simd.lanes_below(builder, left, vector.count)
    gradient = [
        simd.read(builder, _at(builder, y, vector, j), vector, mask) for j, mask in enumerate(masks)
    ]
    with cgutils.for_range_slice(builder, start, stop, INT(1), INT) as (i, _):
        row = _seen(builder, columns, i, distance, x)
        # Two sums, that each multiply-add need not wait for the last.
        sums = [ir.Constant(vector, None), ir.Constant(vector, None)]
        for j, mask in enumerate(masks):
            pixels = simd.read(builder, _at(builder, row, vector, j), vector, mask)
            sums[j % 2] = _fma(builder, gradient[j], pixels, sums[j % 2])
        total = _across(builder, builder.fadd(*sums))
        value = builder.gep(values, [i])
        builder.store(builder.fadd(builder.load(value), total), value)


def _across(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    """Sum the lanes: halves, quarters ..., always in the same order."""
    count = vector.type.count
    while count > 1:
        count //= 2
        low, high = (
            builder.shuffle_vector(
                vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), count), list(lanes))
            )
            for lanes in (range(count), range(count, 2 * count))
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, INT(0))


def _seen(
    builder: ir.IRBuilder, columns: ir.Value, i: ir.Value, distance: ir.Value, x: ir.Value
) -> ir.Value:
    column = builder.zext(builder.load(builder.gep(columns, [i])), INT)
    return builder.gep(x, [builder.load(builder.gep(distance, [column]))])


def _at(builder: ir.IRBuilder, start: ir.Value, vector: ir.VectorType, j: int) -> ir.Value:
    return builder.gep(start, [INT(j * vector.count)])


def _fma(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    return simd.call(builder, f"llvm.fmuladd.{simd.spelled(a.type)}", a.type, a, b, c)


def _multiply_loops(  # type: ignore[no-untyped-def]
    filters, pointers, p_first, values, columns, distance, x, x_first, pixels, y, y_row
):
    """Do the same one number at a time, for processors that we do not know."""
    pointers, y = pointers.reshape(-1), y.reshape(-1)
    for k in range(filters):
        for i in range(pointers[p_first + k], pointers[p_first + k + 1]):
            seen = x_first + distance[columns[i]]
            for j in range(pixels):
                y[k * y_row + j] += values[i] * x[seen + j]


def _products_loops(  # type: ignore[no-untyped-def]
    filters, pointers, p_first, values, columns, distance, x, x_first, pixels, y, y_row
):
    pointers, y = pointers.reshape(-1), y.reshape(-1)
    for k in range(filters):
        for i in range(pointers[p_first + k], pointers[p_first + k + 1]):
            seen = x_first + distance[columns[i]]
            total = values.dtype.type(0)
            for j in range(pixels):
                total += y[k * y_row + j] * x[seen + j]
            values[i] += total


multiply, products = micro(REGISTER_BYTES, VECTORS)
