"""Read what the compiler made of a Numba function: which registers, how many loads and stores.

A vector instruction works on as many numbers as its registers hold, and its registers' names say
how many that is::

    zmm   64 bytes, 16 float32     AVX-512
    ymm   32 bytes,  8 float32     AVX
    xmm   16 bytes,  4 float32     SSE; also holds single numbers, in instructions such as vmulss
    v, q  16 bytes,  4 float32     NEON, on Arm processors; single numbers are in s and d

Understood are the assembly languages of x86 (in the AT&T way of writing, target last) and of
64-bit Arm. The meaning of each instruction: Intel (2024), "Intel 64 and IA-32 Architectures
Software Developer's Manual", volume 2; Arm (2024), "Arm Architecture Reference Manual".
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from numba import njit

WIDTHS = {"zmm": 64, "ymm": 32, "xmm": 16, "neon": 16, "scalar": 8}
"""Register and bytes in it, the widest first."""

_NAMES = {
    "zmm": re.compile(r"%zmm"),
    "ymm": re.compile(r"%ymm"),
    "xmm": re.compile(r"%xmm"),
    "neon": re.compile(r"\b(?:v\d+\.\d*[bhsd]|q\d+)\b"),
    "scalar": re.compile(r"\b[sd]\d+\b"),
}
_SINGLE = re.compile(r"v?(?:mul|add|sub|div|mov|ucomi|comi|max|min|sqrt|fn?m\w+\d+)s[sd]$")
_FMA = re.compile(r"vfn?m(?:add|sub)\w*p[sd]$|vfn?m(?:add|sub)\w*s[sd]$|fmla$|fmls$|fn?madd$")
_PRODUCT = re.compile(r"v?mul[ps][sd]$|fn?mul$")
_ARM = re.compile(r"\[(?:x\d+|sp)")
_LABEL = re.compile(r"^([\w.$\"]+):")


@dataclass(frozen=True)
class InstructionCount:
    """How many instructions of each kind.

    Attributes
    ----------
    zmm, ymm, xmm, neon
        Vector instructions, by the widest register in them.
    scalar
        Floating-point instructions on one number.
    fma
        Of all these: fused multiply-adds, vector and scalar.
    products
        Multiplications, fused ones included.
    loads, stores
        Instructions that read, or write, memory, whatever else they do.
    instructions
        All.
    """

    zmm: int = 0
    ymm: int = 0
    xmm: int = 0
    neon: int = 0
    scalar: int = 0
    fma: int = 0
    products: int = 0
    loads: int = 0
    stores: int = 0
    instructions: int = 0

    @property
    def vector(self) -> int:
        """Vector instructions of any width."""
        return self.zmm + self.ymm + self.xmm + self.neon

    def __str__(self) -> str:
        return ", ".join(
            f"{getattr(self, field.name)} {field.name}"
            for field in fields(self)
            if getattr(self, field.name)
        )


def count_instructions(dispatcher: Any, *, loop: bool = False) -> InstructionCount:
    """Count the instructions of a compiled Numba function, in the form compiled last.

    Parameters
    ----------
    dispatcher
        What ``@njit`` returns. It must have been called, so that the types are known.
    loop
        Count one round of its busiest innermost loop only: of the loops that hold no other loop,
        the one that multiplies the most numbers a round.

    Raises
    ------
    TypeError
        If it is no Numba function.
    ValueError
        If it was never called, or has no loop that multiplies.
    """
    text = assembly(dispatcher)
    if not loop:
        return _count([line for function in _functions(text) for line in function])
    loops = [lines for function in _functions(text) for lines in _innermost(function)]
    busiest = max(loops, key=_multiplied, default=[])
    if not _multiplied(busiest):
        raise ValueError(
            f"{dispatcher.__name__} has no loop that multiplies; loop=True counts the busiest one. "
            "Use loop=False."
        )
    return _count(busiest)


def assembly(dispatcher: Any) -> str:
    """Return the text that the compiler wrote, for the types of the last compilation."""
    if not hasattr(dispatcher, "inspect_asm"):
        raise TypeError(
            f"dispatcher is {type(dispatcher).__name__}; assembly wants a function compiled by "
            "Numba. Decorate it with @njit."
        )
    if not dispatcher.signatures:
        raise ValueError(
            f"{dispatcher.__name__} has not been compiled; its types are known from its first "
            "call. Call it once."
        )
    # What came from the cache on disk has no text any more, so we compile it again.
    options = {k: v for k, v in dispatcher.targetoptions.items() if k != "nopython"}
    again = njit(**options)(dispatcher.py_func)
    signature = dispatcher.signatures[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again.compile(signature)
        return str(again.inspect_asm(signature))


def _functions(text: str) -> Iterator[list[str]]:
    """Yield the lines of each function, without those that translate from Python."""
    lines: list[str] = []
    name = ""
    for line in text.splitlines():
        label = _LABEL.match(line)
        if label and not label[1].startswith((".L", "L", "$")):
            if lines and not re.search(r"cpython|cfunc|NRT_", name):
                yield lines
            name, lines = label[1], []
        elif name:
            lines.append(line)
    if lines and not re.search(r"cpython|cfunc|NRT_", name):
        yield lines


def _innermost(lines: list[str]) -> Iterator[list[str]]:
    """Yield the loops, from a label to a jump back to it, that hold no other loop."""
    places = {m[1]: i for i, line in enumerate(lines) if (m := _LABEL.match(line))}
    spans = []
    for end, line in enumerate(lines):
        target = (
            line.split()[-1] if re.match(r"\s+(?:j[a-z]+|b\.?[a-z]*|cbn?z|tbn?z)\s", line) else ""
        )
        if target in places and places[target] < end:
            spans.append((places[target], end))
    for start, end in spans:
        if not any(start <= a and b <= end and (a, b) != (start, end) for a, b in spans):
            yield lines[start : end + 1]


def _count(lines: list[str]) -> InstructionCount:
    counts = {field.name: 0 for field in fields(InstructionCount)}
    for line in lines:
        for kind in _kinds(line):
            counts[kind] += 1
    return InstructionCount(**counts)


def _multiplied(lines: list[str]) -> int:
    """Bytes of numbers that one round multiplies."""
    kinds = [_kinds(line) for line in lines]
    return sum(
        next((width for name, width in WIDTHS.items() if name in some), 0)
        for some in kinds
        if "products" in some
    )


def _kinds(line: str) -> list[str]:
    """Say under what a line of assembly counts; nothing for labels and notes."""
    parts = line.split("#")[0].split(None, 1)
    if not line.startswith((" ", "\t")) or not parts or parts[0].startswith((".", "#", "//", ";")):
        return []
    name, operands = parts[0], parts[1] if len(parts) > 1 else ""
    kinds = ["instructions"]
    width = next((w for w, pattern in _NAMES.items() if pattern.search(operands)), None)
    if width == "xmm" and _SINGLE.match(name):
        width = "scalar"
    if width:
        kinds.append(width)
    if _FMA.match(name):
        kinds += ["fma", "products"]
    elif _PRODUCT.match(name):
        kinds.append("products")
    if _ARM.search(operands):
        kinds.append("stores" if name.startswith("st") else "loads")
    elif "(" in operands and not name.startswith(("lea", "nop", "prefetch", "call", "jmp")):
        compares = name.startswith(("cmp", "test", "ucomi", "vucomi", "comi", "vcomi"))
        kinds.append("stores" if _writes(operands) and not compares else "loads")
    return kinds


def _writes(operands: str) -> bool:
    """Whether the last operand, leaving masks such as {%k1} out, is an address."""
    return re.sub(r"\{[^}]*\}", "", operands).rstrip().endswith(")")
