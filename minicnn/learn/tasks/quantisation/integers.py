"""Sums of products of bytes, and back to bytes."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Case, Mistake, Task


# --- a linear layer in integers ---------------------------------------------------------------
@composite
def _sums_cases(draw: DrawFn) -> Case:
    n, inputs, outputs = whole(draw, 1, 2), whole(draw, 1, 4), whole(draw, 1, 3)
    rng = np.random.default_rng(draw_seed(draw))
    return {
        "x": rng.integers(0, 256, (n, inputs), dtype=np.uint8),
        "w": rng.integers(-127, 128, (outputs, inputs)).astype(np.int8),
        "zero": whole(draw, 0, 200),
        "bias": rng.integers(-1000, 1001, outputs).astype(np.int32),
    }


def _integer_sums(x: np.ndarray, w: np.ndarray, zero: int, bias: np.ndarray) -> np.ndarray:
    y = np.empty((len(x), len(w)), np.int32)
    for n in range(len(x)):
        for k in range(len(w)):
            products = [(int(a) - zero) * int(b) for a, b in zip(x[n], w[k], strict=True)]
            y[n, k] = sum(products) + int(bias[k])
    return y


def _wrapped(x: np.ndarray, w: np.ndarray, zero: int, bias: np.ndarray) -> Any:
    moved = (x.astype(np.int64) - zero).astype(np.uint8)
    return (moved.astype(np.int64) @ w.T.astype(np.int64) + bias).astype(np.int32)


def _narrow(x: np.ndarray, w: np.ndarray, zero: int, bias: np.ndarray) -> Any:
    sums = _integer_sums(x, w, zero, 0 * bias)
    return sums.astype(np.int16).astype(np.int32) + bias


integer_sums = Task(
    name="quantisation.integer_sums",
    title="A linear layer of bytes",
    cases=_sums_cases(),
    oracle=_integer_sums,
    mistakes=(
        Mistake(
            "zero point forgotten",
            lambda x, w, zero, bias: _integer_sums(x, w, 0, bias),
            "This is what you get without the zero point: the byte x stands for x - zero steps.",
        ),
        Mistake(
            "subtracted in bytes",
            _wrapped,
            "This is what you get when the zero point is subtracted in uint8: there is no -1 in a "
            "byte, it becomes 255. Convert to int32 first.",
        ),
        Mistake(
            "16 bits",
            _narrow,
            "This is what you get when the sums have 16 bits: two products of bytes may already "
            "be too much for that.",
        ),
        Mistake(
            "zero point of the weights",
            lambda x, w, zero, bias: (
                x.astype(np.int32) @ (w.astype(np.int32) - zero).T + bias
            ).astype(np.int32),
            "This is what you get when the zero point is subtracted from the weights: they have "
            "none, it is that of x.",
        ),
    ),
    hints=(
        "What is np.uint8(3) - np.uint8(5)?",
        "`x.astype(np.int32)` has room for negative numbers and for the sums.",
        "Subtract the zero point, multiply by the transposed weights, add the bias.",
    ),
)


# --- requantisation ---------------------------------------------------------------------------
@composite
def _requantise_cases(draw: DrawFn) -> Case:
    rng = np.random.default_rng(draw_seed(draw))
    shift = whole(draw, 12, 24)
    factor = rng.uniform(0.002, 0.05)
    size = whole(draw, 1, 6)
    return {
        "sums": rng.integers(-2000, 20000, size).astype(np.int32),
        "multiplier": int(factor * 2**shift) + 1,
        "shift": shift,
        "zero": whole(draw, 0, 40),
    }


def _requantise(sums: np.ndarray, multiplier: int, shift: int, zero: int) -> np.ndarray:
    q = np.empty(sums.shape, np.uint8)
    for i, total in np.ndenumerate(sums):
        exact = Fraction(int(total) * multiplier, 2**shift)
        nearest = (exact + Fraction(1, 2)).__floor__()  # a half goes up
        q[i] = min(max(nearest + zero, 0), 255)
    return q


def _in_floats(sums: np.ndarray, multiplier: int, shift: int, zero: int) -> Any:
    wide = sums.astype(np.int64) * multiplier
    return np.clip((wide >> shift) + zero, 0, 255).astype(np.uint8)


def _overflown(sums: np.ndarray, multiplier: int, shift: int, zero: int) -> Any:
    wide = (sums.astype(np.int64) * multiplier + (1 << (shift - 1))).astype(np.int32)
    return np.clip((wide.astype(np.int64) >> shift) + zero, 0, 255).astype(np.uint8)


def _not_bounded(sums: np.ndarray, multiplier: int, shift: int, zero: int) -> Any:
    wide = sums.astype(np.int64) * multiplier + (1 << (shift - 1))
    return ((wide >> shift) + zero).astype(np.uint8)


def _zero_first(sums: np.ndarray, multiplier: int, shift: int, zero: int) -> Any:
    wide = (sums.astype(np.int64) + zero) * multiplier + (1 << (shift - 1))
    return np.clip(wide >> shift, 0, 255).astype(np.uint8)


requantise = Task(
    name="quantisation.requantise",
    title="Back to bytes, with integers only",
    cases=_requantise_cases(),
    oracle=_requantise,
    mistakes=(
        Mistake(
            "rounded down",
            _in_floats,
            "This is what you get when the shift throws the rest away: add half of what it divides "
            "by before, and it rounds to the nearest.",
        ),
        Mistake(
            "32 bits",
            _overflown,
            "This is what you get when sum times multiplier is kept in 32 bits: it needs up to 62. "
            "Convert to int64 first.",
        ),
        Mistake(
            "not cut off",
            _not_bounded,
            "This is what you get when the result is not cut off at 0 and 255 before it becomes a "
            "byte.",
        ),
        Mistake(
            "zero point too early",
            _zero_first,
            "This is what you get when the zero point is added to the sum: it counts in steps of "
            "the output, so it is added after the shift.",
        ),
    ),
    hints=(
        "`a >> 3` divides by 8 and rounds down. What must be added to a to round to the nearest?",
        "Product in int64, plus 2^(shift - 1), shifted right by shift.",
        "Then the zero point, then the bounds 0 and 255, then uint8.",
    ),
)
