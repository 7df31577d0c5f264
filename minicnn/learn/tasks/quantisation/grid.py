"""Numbers to whole numbers, and where zero lies."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- to the grid ------------------------------------------------------------------------------
@composite
def _grid_cases(draw: DrawFn) -> Case:
    bits = whole(draw, 2, 4)
    return {
        "x": fill((whole(draw, 1, 2), whole(draw, 1, 4)), draw_seed(draw)),
        "step": draw(st.sampled_from([0.5, 1.25, 2.0])),
        "zero": whole(draw, 0, 2**bits - 1),
        "bits": bits,
    }


def _to_grid(x: np.ndarray, step: float, zero: int, bits: int) -> np.ndarray:
    q = np.empty(x.shape, np.uint8)
    for place, value in np.ndenumerate(x):
        nearest = round(Fraction(value) / Fraction(step))  # Python rounds a half to even too
        q[place] = min(max(nearest + zero, 0), 2**bits - 1)
    return q


to_grid = Task(
    name="quantisation.to_grid",
    title="Round to a grid",
    cases=_grid_cases(),
    oracle=_to_grid,
    mistakes=(
        Mistake(
            "rounded down",
            lambda x, step, zero, bits: np.clip(np.floor(x / step) + zero, 0, 2**bits - 1).astype(
                np.uint8
            ),
            "This is what you get when everything is rounded down: the nearest whole number may "
            "be the one above.",
        ),
        Mistake(
            "cut off before the zero point",
            lambda x, step, zero, bits: (np.clip(np.rint(x / step), 0, 2**bits - 1) + zero).astype(
                np.uint8
            ),
            "This is what you get when the numbers are cut off first and moved by the zero point "
            "afterwards: the ends of the grid are those of q, the zero point included.",
        ),
        Mistake(
            "one value too many",
            lambda x, step, zero, bits: np.clip(np.rint(x / step) + zero, 0, 2**bits).astype(
                np.uint8
            ),
            "This is what you get when the largest whole number is 2^bits: counting starts at 0, "
            "so it is one less.",
        ),
        Mistake(
            "not cut off",
            lambda x, step, zero, bits: (
                (np.rint(x / step) + zero).astype(np.int64).astype(np.uint8)
            ),
            "This is what you get when nothing is cut off: a byte counts on from 255 at 0 again.",
        ),
        Mistake(
            "zero point with the wrong sign",
            lambda x, step, zero, bits: np.clip(np.rint(x / step) - zero, 0, 2**bits - 1).astype(
                np.uint8
            ),
            "This is what you get when the zero point is subtracted: q = x / step + zero, as "
            "x = step (q - zero).",
        ),
    ),
    hints=(
        "The number 0 should become the whole number `zero`. And the number `step`?",
        "`np.rint` rounds to the nearest; `np.clip` cuts off; `.astype(np.uint8)` comes last.",
        "Divide, round, move, cut off, convert: in this order.",
    ),
)


# --- where zero lies --------------------------------------------------------------------------
@composite
def _zero_cases(draw: DrawFn) -> Case:
    low, bits = whole(draw, -20, 12), whole(draw, 2, 8)
    high = low + whole(draw, 1, 30)
    while _is_a_tie(low, high, bits):  # either whole number would be right
        high += 1
    return {"low": float(low), "high": float(high), "bits": bits}


def _is_a_tie(low: int, high: int, bits: int) -> bool:
    position = Fraction(-min(low, 0) * (2**bits - 1), max(high, 0) - min(low, 0))
    return position.denominator == 2


def _choose_zero(low: float, high: float, bits: int) -> np.ndarray:
    most = 2**bits - 1
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / most
    return np.array([step, math.floor(-low / step + 0.5)])


def _plain(low: float, high: float, bits: int) -> np.ndarray:
    step = (high - low) / (2**bits - 1)
    return np.array([step, np.rint(-low / step)])


def _too_many(low: float, high: float, bits: int) -> np.ndarray:
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 2**bits
    return np.array([step, np.rint(-low / step)])


def _middle(low: float, high: float, bits: int) -> np.ndarray:
    middle = 2 ** (bits - 1)
    return np.array([max(abs(low), abs(high)) / (middle - 1), middle])


choose_zero = Task(
    name="quantisation.choose_zero",
    title="Where zero lies",
    cases=_zero_cases(),
    oracle=_choose_zero,
    tolerance=1e-9,
    mistakes=(
        Mistake(
            "zero not on the grid",
            _plain,
            "This is what you get when the range is taken as it is. It has to contain 0, or no "
            "byte stands for it: stretch it first.",
        ),
        Mistake(
            "one step too many",
            _too_many,
            "This is what you get when the range is divided by 2^bits: between 2^bits values lie "
            "2^bits - 1 steps.",
        ),
        Mistake(
            "symmetric",
            _middle,
            "This is what you get when zero is put in the middle. After a ReLU that leaves half "
            "of the grid empty.",
        ),
        Mistake(
            "zero point not whole",
            lambda low, high, bits: np.array(
                [
                    (max(high, 0.0) - min(low, 0.0)) / (2**bits - 1),
                    -min(low, 0.0) * (2**bits - 1) / (max(high, 0.0) - min(low, 0.0)),
                ]
            ),
            "This is what you get when the zero point is not rounded: it is a byte as well.",
        ),
    ),
    hints=(
        "All numbers lie between 2 and 6. Which byte would stand for 0, say in a padding?",
        "Stretch the range until it contains 0. How many steps are there between 2^bits values?",
        "The zero point is the whole number q for which step (0 - q) is nearest to `low`.",
    ),
)
