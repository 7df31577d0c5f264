"""The vectors of the processor: how many lanes they have, and LLVM's words for them.

What `simd` offers for use in Numba code is built from these functions. They write LLVM's language,
in which vectors are an ordinary type (LLVM Language Reference, "Vector Type"); LLVM then picks the
processor's own instructions.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.core.registry import cpu_target
from numba.extending import register_jitable

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


def vector_of(array: Any) -> Vector:
    """Return the type of a vector loaded from an array of that type."""
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
