"""From 32-bit sums back to bytes, with integers only.

A sum of products of quantised numbers stands for `sum · scale_x · scale_w`; as a byte of the next
layer it should be that divided by `scale_y`. The factor in between is a real number M, about
0.001. It becomes an integer multiplier m and a shift::

    M = m · 2^-31 · 2^-shift           2^30 <= m < 2^31: 31 significant bits
    q = zero point + round(round(sum · m / 2^31) / 2^shift), clamped

The inner rounding takes a half up, the outer one away from zero, so that results are equal to the
last bit to those of gemmlowp and of TensorFlow Lite. A ReLU costs nothing: it is a clamp at the
zero point. Each output channel may have a factor of its own.

References: Jacob et al. (2018), "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", section 2.2; gemmlowp, ``fixedpoint/fixedpoint.h``.
"""

# ruff: noqa: ARG001 (an intrinsic gets types by name, of which some go unused)
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types

from minicnn.kernels import simd
from minicnn.kernels.simd import intrinsic

IntArray = npt.NDArray[np.signedinteger[Any]]
MOST_LEFT, MOST_RIGHT = -30, 31


class Requantization(NamedTuple):
    """What turns sums (N, K, P, Q) into bytes: see `requantization`, which makes it.

    multiplier, shift
        One number for each of the K channels, int32.
    zero_point
        The byte that stands for 0.
    low, high
        Bounds of the result.
    dtype
        np.uint8 or np.int8.
    """

    multiplier: IntArray
    shift: IntArray
    zero_point: int
    low: int
    high: int
    dtype: Any


def requantization(
    factor: npt.ArrayLike,
    channels: int,
    *,
    zero_point: int = 0,
    dtype: Any = np.uint8,
    relu: bool = False,
    low: int | None = None,
    high: int | None = None,
) -> Requantization:
    """Prepare for factors M, a number or one for each channel: ``scale_x · scale_w / scale_y``.

    Parameters
    ----------
    relu
        Clamp at the zero point from below.
    low, high
        Narrower bounds than the dtype's, as for a ReLU6: the byte that stands for 6.

    Raises
    ------
    ValueError
        If a factor is not positive, or above 2³⁰, or the bounds do not fit the dtype.
    """
    factors = np.broadcast_to(np.asarray(factor, np.float64), (channels,))
    if not (np.all(np.isfinite(factors)) and np.all(factors > 0) and np.all(factors < 2.0**30)):
        raise ValueError(
            f"factor has values from {factors.min()} to {factors.max()}; requantization wants "
            "finite ones above 0 and below 2**30. Is it scale_x * scale_w / scale_y?"
        )
    if np.dtype(dtype) not in (np.uint8, np.int8):
        raise ValueError(
            f"dtype is {np.dtype(dtype)}; requantization wants uint8 or int8. "
            "Keep int32 sums with int8.forward."
        )
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    low, high = least if low is None else low, most if high is None else high
    if relu:
        low = max(low, zero_point)
    if not (least <= zero_point <= most and least <= low <= high <= most):
        raise ValueError(
            f"zero_point is {zero_point}, low {low} and high {high}; requantization to "
            f"{np.dtype(dtype)} wants {least} <= low <= high <= {most} and the zero point between "
            "these. Use np.clip when you calibrate."
        )
    fraction, exponent = np.frexp(factors)
    multiplier = np.rint(fraction * 2.0**31).astype(np.int64)
    exponent = exponent + (multiplier == 2**31)  # rounded up to the next power of two
    multiplier[multiplier == 2**31] = 2**30
    # A factor below 2^-32 makes 0 of every sum, as does this.
    multiplier[-exponent > MOST_RIGHT] = 0
    shift = np.minimum(-exponent, MOST_RIGHT)
    return Requantization(
        multiplier.astype(np.int32), shift.astype(np.int32), zero_point, low, high, np.dtype(dtype)
    )


def requantize(sums: npt.NDArray[np.int32], how: Requantization) -> npt.NDArray[Any]:
    """Make bytes of int32 sums (N, K, ...), channel by channel."""
    rows = np.ascontiguousarray(sums).reshape(sums.shape[0], sums.shape[1], -1)
    result = np.empty(rows.shape, how.dtype)
    _requantize(rows, how.multiplier, how.shift, how.zero_point, how.low, how.high, result)
    return result.reshape(sums.shape)


@njit(cache=True, nogil=True, inline="always")
def scaled(number, multiplier, shift):  # type: ignore[no-untyped-def]
    """Round `number` · multiplier / 2^31 / 2^shift, in two steps; a shift below 0 is to the left.

    Nothing overflows: a sum of 31 bits and a sign times 31 bits has 62 and a sign.
    """
    left, right = max(0, -shift), max(0, shift)
    wide = np.int64(number) * np.int64(multiplier)
    wide = (wide + (np.int64(1) << (30 - left))) >> (31 - left)
    mask = (np.int64(1) << right) - 1
    more = (wide & mask) > (mask >> 1) + (wide < 0)
    return (wide >> right) + more


@intrinsic
def store_bytes(  # type: ignore[no-untyped-def]
    typingctx, sums, first, count, constant, multiplier, shift, zero, low, high, y, to
):
    """Do the same to a vector of sums plus a constant; store the first `count` bytes in y.

    ``sums[first : first + lanes]`` must be there to read, whatever the count. If y is int32, all
    but adding the constant is left out.
    """
    n = types.intp
    signature = types.void(sums, n, n, n, n, n, n, n, n, y, n)
    lanes = max(1, simd.REGISTER_BYTES // 4)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        sums, first, count, constant, multiplier, shift, zero, low, high, y, to = args
        numbers = ir.VectorType(ir.IntType(32), lanes)
        address = simd.pointer(context, builder, signature.args[0], sums, first)
        loaded = builder.load(builder.bitcast(address, numbers.as_pointer()))
        loaded.align = 4
        constant = builder.trunc(constant, numbers.element)
        result = builder.add(loaded, simd.splat(builder, constant, lanes))
        if signature.args[9].dtype != types.int32:
            wide = [simd.splat(builder, a, lanes) for a in (multiplier, shift, zero, low, high)]
            result = _bytes_of(builder, result, *wide)
        address = simd.pointer(context, builder, signature.args[9], y, to)
        address = builder.bitcast(address, result.type.as_pointer())
        whole = builder.icmp_signed(">=", count, simd.INT(lanes))
        with builder.if_else(whole) as (then, otherwise):
            with then:
                builder.store(result, address).align = 1
            with otherwise:
                name = f"llvm.masked.store.v{lanes}i{result.type.element.width}.p0"
                mask = simd.lanes_below(builder, count, lanes)
                one = ir.IntType(32)(1)
                simd.call(builder, name, ir.VoidType(), result, address, one, mask)
        return context.get_dummy_value()

    return signature, codegen


def _bytes_of(
    builder: ir.IRBuilder,
    sums: ir.Value,
    multiplier: ir.Value,
    shift: ir.Value,
    zero: ir.Value,
    low: ir.Value,
    high: ir.Value,
) -> ir.Value:
    """Write `scaled` and the clamp for vectors, lane by lane in 64 bits."""
    vector = ir.VectorType(simd.INT, sums.type.count)

    def number(value: int) -> ir.Constant:
        return ir.Constant(vector, [value] * vector.count)

    def largest(a: ir.Value, b: ir.Value) -> ir.Value:
        return builder.select(builder.icmp_signed(">", a, b), a, b)

    left = largest(number(0), builder.sub(number(0), shift))
    right = largest(number(0), shift)
    wide = builder.mul(builder.sext(sums, vector), multiplier)
    half = builder.shl(number(1), builder.sub(number(30), left))
    wide = builder.ashr(builder.add(wide, half), builder.sub(number(31), left))
    mask = builder.sub(builder.shl(number(1), right), number(1))
    negative = builder.zext(builder.icmp_signed("<", wide, number(0)), vector)
    above = builder.add(builder.lshr(mask, number(1)), negative)
    more = builder.icmp_signed(">", builder.and_(wide, mask), above)
    byte = builder.add(builder.ashr(wide, right), builder.zext(more, vector))
    byte = largest(low, builder.add(zero, byte))
    byte = builder.select(builder.icmp_signed("<", byte, high), byte, high)
    return builder.trunc(byte, ir.VectorType(ir.IntType(8), vector.count))


@njit(cache=True, nogil=True)
def _requantize(sums, multiplier, shift, zero, low, high, result):  # type: ignore[no-untyped-def]
    for n in range(sums.shape[0]):
        for k in range(sums.shape[1]):
            for i in range(sums.shape[2]):
                byte = zero + scaled(sums[n, k, i], multiplier[k], shift[k])
                result[n, k, i] = min(high, max(low, byte))
