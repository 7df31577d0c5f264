"""Products of bytes in vectors: four multiplications a lane at a time, summed without rounding.

Four neighbouring channels of a pixel, 0 to 255 each, are one *word* of 32 bits, and a vector of
words is as many pixels. Four weights, -128 to 127, are what a word is multiplied with. How to get
the sum of the four products depends on the processor::

    vpdpbusd   one instruction for all of it (AVX512-VNNI, AVX-VNNI): four times as many products
               as with float32
    pmaddwd    bytes made 16 bits wide, then two instructions with two products each (any x86)
    lanes      bytes made 32 bits wide, then four ordinary multiplications (anywhere)

All three give the same integers. There is also ``vpmaddubsw``, which multiplies bytes as they are,
but it squeezes the sum of two products into 16 bits, and 2 · 255 · 127 does not fit.

The products of "pmaddwd" take channels 0 and 2, then 1 and 3, since that is how bytes of a word
become 16 bits wide with a mask and a shift; the weights are packed to match.
"""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core.registry import cpu_target

from minicnn.kernels import simd

CHANNELS = 4
"""Channels in a word."""
WORDS = {"vpdpbusd": 1, "pmaddwd": 2, "lanes": 4}
"""Words that four weights take in memory, for each way."""
_REGISTERS = {64: "zmm", 32: "ymm", 16: "xmm"}
_PRODUCTS = """define i32 @dot(<{n} x {narrow}> %a, <{n} x {narrow}> %b) {{
    %x = {extend} <{n} x {narrow}> %a to <{n} x i32>
    %y = sext <{n} x {narrow}> %b to <{n} x i32>
    %p = mul <{n} x i32> %x, %y
    %s = call i32 @llvm.vector.reduce.add.v{n}i32(<{n} x i32> %p)
    ret i32 %s
}}
declare i32 @llvm.vector.reduce.add.v{n}i32(<{n} x i32>)"""


def best_way(register_bytes: int = simd.REGISTER_BYTES) -> str:
    """Name the best of `WORDS` on the processor that Numba compiles for.

    As in `simd.register_bytes` we ask the compiler: it is given a sum of products and shows which
    instruction it would take. One that is not there may not be named: the compiler would end the
    whole process.
    """
    register = _REGISTERS.get(register_bytes, "")
    for way, narrow, extend in (("vpdpbusd", "i8", "zext"), ("pmaddwd", "i16", "sext")):
        bits = int(narrow[1:])
        source = _PRODUCTS.format(n=8 * register_bytes // bits, narrow=narrow, extend=extend)
        if register and re.search(f"{way}.*{register}", _assembly(source)):
            return way
    return "lanes"


def _assembly(source: str) -> str:
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    return machine.emit_assembly(llvm.parse_assembly(source))


def pack(w: npt.NDArray[np.int8], way: str) -> npt.NDArray[np.int32]:
    """Make words (..., WORDS[way]) of weights (..., 4)."""
    if way == "vpdpbusd":
        return np.ascontiguousarray(w).view(np.int32)
    if way == "pmaddwd":
        return np.ascontiguousarray(w[..., [0, 2, 1, 3]], np.int16).view(np.int32)
    return w.astype(np.int32)


def widen(builder: ir.IRBuilder, words: ir.Value, way: str) -> list[ir.Value]:
    """Split a vector of words into what `multiply_add` takes, one for each word of weights."""
    vector = words.type
    bits, byte = {"vpdpbusd": (0, -1), "pmaddwd": (8, 0xFF00FF), "lanes": (8, 0xFF)}[way]
    if way == "vpdpbusd":
        return [words]
    mask = ir.Constant(vector, [byte] * vector.count)
    shifts = (ir.Constant(vector, [bits * i] * vector.count) for i in range(WORDS[way]))
    return [builder.and_(builder.lshr(words, shift), mask) for shift in shifts]


def multiply_add(
    builder: ir.IRBuilder, total: ir.Value, x: ir.Value, w: ir.Value, way: str
) -> ir.Value:
    """Add to the 32-bit lanes of `total` the products of x and of w, a word of weights spread."""
    vector = total.type
    size = vector.count * 4
    if way == "vpdpbusd":
        return simd.call(builder, f"llvm.x86.avx512.vpdpbusd.{8 * size}", vector, total, x, w)
    if way == "lanes":
        return builder.add(total, builder.mul(x, w))
    name = {64: "avx512.pmaddw.d.512", 32: "avx2.pmadd.wd", 16: "sse2.pmadd.wd"}[size]
    halves = ir.VectorType(ir.IntType(16), 2 * vector.count)
    x, w = builder.bitcast(x, halves), builder.bitcast(w, halves)
    return builder.add(total, simd.call(builder, f"llvm.x86.{name}", vector, x, w))
