"""What a layer costs that was pruned and clustered."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import math

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _cases(draw: DrawFn) -> Case:
    n = whole(draw, 1, 2000)
    return {"n": n, "left": whole(draw, 1, n), "bits": whole(draw, 1, 6)}


def _bits(n: int, left: int, bits: int) -> np.ndarray:
    """Add up what every single weight costs, and the codebook."""
    total = 32.0 * 2**bits
    for kind, count in (("stays", left), ("goes", n - left)):
        for _ in range(count):
            total += math.log2(n / count)  # to say which kind it is
            total += bits if kind == "stays" else 0
    return np.array(total)


def _places(n: int, left: int) -> float:
    return sum(count * math.log2(n / count) for count in (left, n - left) if count)


file_bits = Task(
    name="together.file_bits",
    title="The bits of a layer",
    cases=_cases(),
    oracle=_bits,
    mistakes=(
        Mistake(
            "no places",
            lambda n, left, bits: float(left * bits + 32 * 2**bits),
            "This leaves out where the weights are: without that nobody can put them back.",
        ),
        Mistake(
            "no codebook",
            lambda n, left, bits: _places(n, left) + left * bits,
            "This leaves out the codebook: 2^bits values of 32 bits each.",
        ),
        Mistake(
            "codes for zeros",
            lambda n, left, bits: _places(n, left) + n * bits + 32 * 2**bits,
            "This gives the zeros a code, too: once it is known where they are, they need none.",
        ),
        Mistake(
            "natural logarithm",
            lambda n, left, bits: _places(n, left) * math.log(2) + left * bits + 32 * 2**bits,
            "This is what you get with the natural logarithm: bits want the one to base 2.",
        ),
        Mistake(
            "float values",
            lambda n, left, bits: _places(n, left) + left * 32.0,
            "This writes every weight that is left in 32 bits: clustering has made codes of them.",
        ),
    ),
    hints=(
        "Somebody who has the file wants the layer back. Which three things must he find there?",
        "A map of n marks of which a share p is set takes n (-p log2 p - (1 - p) log2(1 - p)) "
        "bits. What if p is 1?",
        "places + left * bits + 32 * 2**bits; with left == n there is one place to choose from, "
        "and the places take 0 bits.",
    ),
)
