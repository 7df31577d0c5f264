"""Vectors of the processor in Numba code: a few numbers loaded, multiplied, stored at once.

A compiler finds vectors in loops by itself, but not always, and it does not say when it fails.
Here they are named. A vector has as many lanes as one register holds: 16, 8 or 4 float32, half as
many float64, on processors with AVX-512, AVX2 or neither. On others it has a single lane::

    v = simd.load(x, i)                    # x[i : i + lanes], x read as one long row of memory
    simd.store(y, i, simd.fma(v, v, v))    # v * v + v, rounded once where there is such a step

What the functions emit is LLVM's language, in which vectors are an ordinary type (LLVM Language
Reference, "Vector Type"); LLVM then picks the processor's own instructions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.core.registry import cpu_target
from numba.extending import overload, register_jitable

_ADD = """define <16 x float> @add(<16 x float> %a, <16 x float> %b) {
    %c = fadd <16 x float> %a, %b
    ret <16 x float> %c
}"""
_WIDTHS = {"zmm": 64, "ymm": 32, "xmm": 16, ".4s": 16}
INT = ir.IntType(64)
intrinsic: Any = extending.intrinsic  # mypy would ask callers for the typing context


def register_bytes() -> int:
    """Bytes in the widest register that Numba's compiler uses here; 0 if it has no vectors.

    We ask the compiler to add 16 numbers and look which registers it takes. That honours
    NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, which are also what Numba's cache on disk is sorted by:
    code for other vectors is never taken from there.
    """
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    module = llvm.parse_assembly(_ADD)
    assembly = machine.emit_assembly(module)
    return next((width for name, width in _WIDTHS.items() if name in assembly), 0)


REGISTER_BYTES = register_bytes()


class Vector(types.Type):
    """Numba's type of a vector: so many lanes of float32 or float64."""

    def __init__(self, dtype: types.Float, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype} x {lanes})")


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):
    """In LLVM it is what it is."""

    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, llvm_type(fe_type))


def llvm_type(vector: Vector) -> ir.VectorType:
    """Return LLVM's type of it."""
    number = ir.FloatType() if vector.dtype == types.float32 else ir.DoubleType()
    return ir.VectorType(number, vector.lanes)


def lanes(dtype: types.Float, register: int = REGISTER_BYTES) -> int:
    """Count the numbers of that type in a register."""
    return max(1, register * 8 // dtype.bitwidth)


@register_jitable
def lanes_of(array):  # type: ignore[no-untyped-def]
    """Count the lanes of a vector loaded from that array, in Numba code."""
    return max(1, REGISTER_BYTES // array.itemsize)


def _vector_of(array: Any) -> Vector:
    return Vector(array.dtype, lanes(array.dtype))


def call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    """Call one of LLVM's own functions."""
    function = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), arguments)


def spelled(vector: ir.VectorType) -> str:
    """Write the type as LLVM's function names do, v16f32."""
    return f"v{vector.count}f{32 if isinstance(vector.element, ir.FloatType) else 64}"


def pointer(context: Any, builder: ir.IRBuilder, array: types.Array, value: Any, first: Any) -> Any:
    """Address of number `first` of a C-contiguous array."""
    return builder.gep(context.make_array(array)(context, builder, value).data, [first])


def splat(builder: ir.IRBuilder, number: ir.Value, count: int) -> ir.Value:
    """Repeat a number in every lane."""
    vector = ir.VectorType(number.type, count)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, INT(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), None)
    return builder.shuffle_vector(one, one, zeros)


def lanes_below(builder: ir.IRBuilder, end: ir.Value, count: int) -> ir.Value:
    """Mask of the lanes whose number is less than `end`."""
    short = ir.IntType(32)
    numbers = ir.Constant(ir.VectorType(short, count), list(range(count)))
    return builder.icmp_signed("<", numbers, splat(builder, builder.trunc(end, short), count))


def read(builder: ir.IRBuilder, address: ir.Value, vector: ir.VectorType, mask: Any = None) -> Any:
    """Load a vector; lanes not in the mask are zero and their memory is not touched."""
    address, size = builder.bitcast(address, vector.as_pointer()), _size(vector)
    if mask is None:
        loaded = builder.load(address)
        loaded.align = size  # no more is promised than that single numbers are aligned
        return loaded
    name = f"llvm.masked.load.{spelled(vector)}.p0"
    return call(
        builder, name, vector, address, ir.IntType(32)(size), mask, ir.Constant(vector, None)
    )


def write(builder: ir.IRBuilder, address: ir.Value, value: ir.Value, mask: Any = None) -> None:
    """Store a vector, or the lanes in the mask."""
    address, size = builder.bitcast(address, value.type.as_pointer()), _size(value.type)
    if mask is None:
        builder.store(value, address).align = size
    else:
        name = f"llvm.masked.store.{spelled(value.type)}.p0"
        call(builder, name, ir.VoidType(), value, address, ir.IntType(32)(size), mask)


def _size(vector: ir.VectorType) -> int:
    return 4 if isinstance(vector.element, ir.FloatType) else 8


@intrinsic
def load(typingctx, array, first):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Return array[first : first + lanes]."""
    vector = _vector_of(array)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        address = pointer(context, builder, signature.args[0], *args)
        return read(builder, address, llvm_type(vector))

    return vector(array, types.intp), codegen


@intrinsic
def load_part(typingctx, array, first, start, stop):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Load the lanes from `start` up to `stop`; the others are zero, wherever they point."""
    vector = _vector_of(array)

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
    vector = _vector_of(array)

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
    vector = _vector_of(array)

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
