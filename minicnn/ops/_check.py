"""Checks at the edge of every operation.

A message has three parts: what was given, what was expected, how to mend it.
"""

from __future__ import annotations

import operator
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_size

Size = int | tuple[int, int]
"""An int for both axes, or (rows, columns)."""
PaddingArg = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str
"""An int, (rows, columns), ((top, bottom), (left, right)), "same" or "valid"."""

_FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}
_HINTS = {
    ("(N, C, H, W)", 3): "One image? Use {name}[None].",
    ("(N, C, H, W)", 2): "One grey image? Use {name}[None, None].",
    ("(N, features)", 1): "One example? Use {name}[None].",
    ("(N, features)", 4): "Images? Flatten them first: ops.flatten({name}).",
    ("(N, classes)", 1): "One example? Use {name}[None].",
    ("(N, classes)", 4): "Maps of one pixel? Flatten them first: ops.flatten({name}).",
}


def floats(array: Any, name: str, op: str, axes: str = "") -> FloatArray:
    """Return the array if it holds float32 or float64, has the named axes and is not empty."""
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"{name} is a {type(array).__name__}; {op} wants a NumPy array. "
            f"Use np.asarray({name}, np.float32)."
        )
    if array.dtype not in _FLOATS:
        raise TypeError(
            f"{name} has dtype {array.dtype}; {op} wants float32 or float64. "
            f"Use {name}.astype(np.float32)."
        )
    wanted = axes.count(",") + 1 - axes.count(",)")
    if axes and array.ndim != wanted:
        hint = _HINTS.get((axes, array.ndim), f"Use {name}.reshape(...) with {wanted} sizes.")
        noun = "axis" if wanted == 1 else "axes"
        raise ValueError(
            f"{name} has shape {array.shape}; {op} wants {wanted} {noun} {axes}. "
            f"{hint.format(name=name)}"
        )
    if array.size == 0:
        raise ValueError(
            f"{name} has shape {array.shape}, which holds no numbers; {op} wants at least one. "
            "Skip empty batches."
        )
    return array


def for_loops(array: FloatArray) -> FloatArray:
    """Return a C-contiguous writeable array: one memory layout, one compiled loop."""
    if array.flags.carray:
        return array
    return np.require(array, requirements=("C", "W"))


def images(array: Any, name: str, op: str) -> FloatArray:
    """Check for (N, C, H, W) and make it fit for loops."""
    return for_loops(floats(array, name, op, "(N, C, H, W)"))


def same_dtype(op: str, **arrays: npt.NDArray[Any] | None) -> None:
    """Refuse to mix float32 and float64."""
    given = {name: a.dtype for name, a in arrays.items() if a is not None}
    first, *others = given
    for name in others:
        if given[name] != given[first]:
            raise TypeError(
                f"{first} is {given[first]} but {name} is {given[name]}; {op} wants one dtype. "
                f"Use {name}.astype({first}.dtype)."
            )


def same_shape(
    array: npt.NDArray[Any], name: str, op: str, shape: tuple[int, ...], origin: str
) -> None:
    """Check that the array has exactly this shape; `origin` says where the shape comes from."""
    if array.shape != shape:
        raise ValueError(
            f"{name} has shape {array.shape}; {op} wants {shape}, {origin}. "
            "Were both made with the same arguments?"
        )


def output(
    out: Any, op: str, shape: tuple[int, ...], x: FloatArray, in_place: bool = False
) -> FloatArray:
    """Return the array to write the result into: `out`, checked, or a new one for None."""
    if out is None:
        return np.empty(shape, x.dtype)
    floats(out, "out", op)
    same_shape(out, "out", op, shape, "the shape of the result")
    same_dtype(op, x=x, out=out)
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(
            f"out is not a C-contiguous array that may be written; {op} wants one. "
            "Use np.empty(shape, dtype), or a reshaped slice of such an array."
        )
    if not in_place and np.may_share_memory(x, out):
        raise ValueError(
            f"out overlaps x in memory; {op} reads x while it writes, and wants them apart. "
            "Use another array for out."
        )
    return out


def vector(array: Any, name: str, op: str, length: int, of: str) -> FloatArray:
    """Check for one number per channel (or per whatever `of` names)."""
    array = floats(array, name, op, f"({of},)")
    if array.shape != (length,):
        raise ValueError(
            f"{name} has shape {array.shape}; {op} wants one number per {of}, ({length},). "
            f"Give {name} {length} numbers, or change the number of {of}s."
        )
    return array


def pair(value: Any, name: str, op: str, least: int = 1) -> Pair:
    """Turn an int or (rows, columns) into two ints, each at least `least`."""
    values = value if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        _refuse(value, name, op, f"an int or a pair (rows, columns) of at least {least}", least)
    try:
        rows, columns = (operator.index(v) for v in values)
    except TypeError:
        _refuse(value, name, op, f"an int or a pair (rows, columns) of at least {least}", least)
    if min(rows, columns) < least:
        _refuse(value, name, op, f"at least {least} on both axes", least)
    return rows, columns


def padding_pairs(
    value: Any, op: str, size: Pair, kernel: Pair, stride: Pair, dilation: Pair
) -> Padding:
    """Turn any way to write a padding into ((top, bottom), (left, right)).

    "same" keeps ceil(size / stride) outputs; an odd pixel goes to the bottom and to the right
    (SAME_UPPER in ONNX). "valid" is no padding.
    """
    if isinstance(value, str):
        if value == "valid":
            return (0, 0), (0, 0)
        if value == "same":
            top, left = (_same(size[i], kernel[i], stride[i], dilation[i]) for i in (0, 1))
            return top, left
        _refuse(value, "padding", op, '"same", "valid", an int or pairs of ints', 1)
    if isinstance(value, tuple | list) and any(isinstance(v, tuple | list) for v in value):
        if len(value) != 2:
            _refuse(value, "padding", op, "((top, bottom), (left, right))", 1)
        return pair(value[0], "padding", op, least=0), pair(value[1], "padding", op, least=0)
    rows, columns = pair(value, "padding", op, least=0)
    return (rows, rows), (columns, columns)


def fits(op: str, what: str, size: Pair, kernel: Pair, padding: Padding, dilation: Pair) -> None:
    """Check that the window fits into the padded image."""
    if all(out_size(size[i], kernel[i], 1, padding[i], dilation[i]) >= 1 for i in (0, 1)):
        return
    reach = tuple(dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1))
    padded = tuple(size[i] + sum(padding[i]) for i in (0, 1))
    raise ValueError(
        f"{what} reaches over {reach[0]} x {reach[1]} pixels but the padded image has "
        f"{padded[0]} x {padded[1]}; {op} wants it to fit. "
        "Use a smaller kernel or dilation, more padding, or larger images."
    )


def divides(groups: Any, op: str, **channels: int) -> None:
    """Check that groups is an int that divides every number of channels."""
    is_count = isinstance(groups, int | np.integer) and groups >= 1
    if is_count and all(number % groups == 0 for number in channels.values()):
        return
    given = " and ".join(f"{number} {what} channels" for what, number in channels.items())
    raise ValueError(
        f"groups is {groups!r} with {given}; {op} wants an int that divides them. "
        "Use groups=1, or change the channels."
    )


def shape4(shape: Any, name: str, op: str) -> Shape4:
    """Check a shape (N, C, H, W) of positive ints."""
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        sizes = ()
    if len(sizes) != 4 or min(sizes) < 1:
        raise ValueError(
            f"{name} is {shape!r}; {op} wants 4 positive ints, (N, C, H, W). "
            f"Use the .shape of the array."
        )
    return sizes


def fraction(value: float, name: str, op: str) -> float:
    """Check for 0 <= value < 1."""
    if not 0.0 <= value < 1.0:
        raise ValueError(
            f"{name} is {value!r}; {op} wants 0 <= {name} < 1. Is it a percentage? Divide by 100."
        )
    return float(value)


def _same(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def _refuse(value: Any, name: str, op: str, wanted: str, example: int) -> NoReturn:
    raise ValueError(f"{name} is {value!r}; {op} wants {wanted}. For example {name}={example}.")
