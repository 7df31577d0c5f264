"""What commutes with a maximum: minima, functions that never fall, scales of both signs."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task, Verdict
from minicnn.learn.tasks import _reference as ref


# --- the smallest number of each window -------------------------------------------------------
@composite
def _min_pool_cases(draw: DrawFn) -> Case:
    n, c = whole(draw, 1, 2), whole(draw, 1, 2)
    k, stride = whole(draw, 1, 3), whole(draw, 1, 3)
    padding = min(whole(draw, 0, 1), k // 2)
    h = max(1, k - 2 * padding + whole(draw, 0, 3))
    w = max(1, k - 2 * padding + whole(draw, 0, 3))
    x = fill((n, c, h, w), draw_seed(draw))
    return {"x": x, "k": k, "stride": stride, "padding": padding}


def _smallest(x: np.ndarray, k: int, stride: int, padding: int) -> np.ndarray:
    return ref.pool_windows(ref.pad(x, padding, np.inf), k, stride).min(axis=(-2, -1))


min_pool = Task(
    name="pooling_exchange.min_pool",
    title="A minimum out of a maximum",
    cases=_min_pool_cases(),
    oracle=_smallest,
    mistakes=(
        Mistake(
            "turned once, before",
            lambda x, k, stride, padding: ref.max_pool(-x, k, stride, padding),
            "This is what you get when the sign is turned before the maximum and not turned back.",
        ),
        Mistake(
            "turned once, after",
            lambda x, k, stride, padding: -ref.max_pool(x, k, stride, padding),
            "This is what you get when the sign is turned only after the maximum: "
            "the largest number has won all the same.",
        ),
        Mistake(
            "frame of zeros",
            lambda x, k, stride, padding: _smallest(ref.pad(x, padding), k, stride, 0),
            "This is what you get when the frame holds zeros: they win against positive numbers.",
        ),
        Mistake(
            "frame of minus infinity",
            lambda x, k, stride, padding: _smallest(ref.pad(x, padding, -np.inf), k, stride, 0),
            "This is what you get when the frame holds minus infinity. That never wins a maximum, "
            "and it always wins a minimum.",
        ),
        Mistake(
            "largest instead",
            ref.max_pool,
            "This is the largest number of each window; the smallest was asked for.",
        ),
    ),
    hints=(
        "The largest of -3, 1 and 2 is 2. What is the largest of 3, -1 and -2?",
        "What must stand in the frame, so that it never wins a minimum? If you turn all signs "
        "first, it is what you know from max pooling.",
        "Turn the signs, frame, take the maximum of every window, turn the signs of the answers.",
    ),
)


# --- a counterexample -------------------------------------------------------------------------
@composite
def _table_cases(draw: DrawFn) -> Case:
    table = [whole(draw, 0, 5) for _ in range(whole(draw, 2, 6))]
    order = draw(st.sampled_from(["sorted", "as drawn", "one wrong"]))
    if order != "as drawn":
        table.sort()
    if order == "one wrong":
        table.append(whole(draw, 0, table[-1]))
    return {"f": table}


def _judge_counterexample(got: Any, f: list[int]) -> Verdict:
    """Check a window of two numbers for which both orders differ, or () where there is none."""
    if not isinstance(got, tuple | list) or len(got) not in (0, 2) or not all(map(is_whole, got)):
        return Verdict(False, "The answer is a tuple: two whole numbers (a, b), or () for none.")
    wrong = [(a, b) for b in range(len(f)) for a in range(b) if max(f[a], f[b]) != f[b]]
    if not len(got):
        if not wrong:
            return Verdict(True)
        a, b = wrong[0]
        what = f"There is a counterexample: for a = {a}, b = {b} the maximum of f is {f[a]}, but "
        return Verdict(False, f"{what}f of the maximum is f[{b}] = {f[b]}.")
    a, b = (int(value) for value in got)
    if not (0 <= a < len(f) and 0 <= b < len(f)):
        return Verdict(False, f"({a}, {b}) is outside of the table: f has f[0] to f[{len(f) - 1}].")
    both = f"max(f[{a}], f[{b}]) = {max(f[a], f[b])} and f[max({a}, {b})] = {f[max(a, b)]}"
    if max(f[a], f[b]) == f[max(a, b)]:
        return Verdict(False, f"({a}, {b}) is no counterexample: {both}.")
    return Verdict(True)


def _first(f: list[int], found: Callable[[int, int], bool]) -> tuple[int, ...]:
    """Return the first a < b whose values are `found`."""
    pairs = ((a, b) for a in range(len(f)) for b in range(a + 1, len(f)))
    return next((pair for pair in pairs if found(f[pair[0]], f[pair[1]])), ())


counterexample = Task(
    name="pooling_exchange.counterexample",
    title="Does it commute with the maximum?",
    cases=_table_cases(),
    judge=_judge_counterexample,
    mistakes=(
        Mistake(
            "always commutes",
            lambda f: (),
            "Answering () says that the function commutes with the maximum. "
            "Only those that never fall do.",
        ),
        Mistake(
            "flat taken for falling",
            lambda f: _first(f, lambda here, there: here >= there),
            "This takes flat pieces for falling ones. They are harmless: "
            "if f[a] = f[b], it does not matter which of the two wins.",
        ),
        Mistake(
            "rising taken for falling",
            lambda f: _first(f, lambda here, there: here < there),
            "Here the function rises from a to b, and the larger number wins before and after. "
            "Look for places where it falls.",
        ),
        Mistake(
            "ends only",
            lambda f: (0, len(f) - 1) if f[0] > f[-1] else (),
            "This compares only the two ends of the table: "
            "a function can end higher than it starts and fall in between.",
        ),
        Mistake(
            "values, not places",
            lambda f: tuple(f[i] for i in _first(f, lambda here, there: here > there)),
            "These are the values f[a] and f[b]; the numbers a and b themselves were asked for.",
        ),
    ),
    hints=(
        "Take a < b. Which of the two wins the maximum, and what must f[a] and f[b] be like, so "
        "that the other one wins after f?",
        "If f falls anywhere, it falls between two neighbours.",
        "Look at f[i] and f[i + 1] for each i. Where the second is smaller you have your window; "
        "after the loop there is none.",
    ),
)


# --- a scale and a shift behind the maximum ---------------------------------------------------
@composite
def _norm_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 2), whole(draw, 1, 4), 2 * whole(draw, 1, 2), 2 * whole(draw, 1, 2))
    x = fill(shape, draw_seed(draw))
    scale = np.array([whole(draw, -3, 3) for _ in range(shape[1])], dtype=np.float64)
    return {
        "highest": ref.max_pool(x, 2, 2),
        "lowest": _smallest(x, 2, 2, 0),
        "scale": scale,
        "shift": fill((shape[1],), draw_seed(draw), salt=1),
    }


def _wide(vector: np.ndarray) -> np.ndarray:
    return vector[:, None, None]


def _norm_after_pool(
    highest: np.ndarray, lowest: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """A straight line is highest at one of the ends."""
    ends = np.stack([highest, lowest])
    lines = np.einsum("encpq,c->encpq", ends, scale)
    for channel, more in enumerate(shift):
        lines[:, :, channel] += more
    return lines.max(axis=0)


norm_after_pool = Task(
    name="pooling_exchange.norm_after_pool",
    title="Negative gammas",
    cases=_norm_cases(),
    oracle=_norm_after_pool,
    mistakes=(
        Mistake(
            "sign ignored",
            lambda highest, lowest, scale, shift: _wide(scale) * highest + _wide(shift),
            "This is what you get when the maximum is taken for every sign. "
            "Where the scale is negative, the smallest number becomes the largest.",
        ),
        Mistake(
            "minimum everywhere",
            lambda highest, lowest, scale, shift: _wide(scale) * lowest + _wide(shift),
            "This is what you get when the minimum is taken in every channel; "
            "only those with a negative scale need it.",
        ),
        Mistake(
            "size of the scale",
            lambda highest, lowest, scale, shift: np.abs(_wide(scale)) * highest + _wide(shift),
            "This is what you get when the scale's sign is dropped: "
            "the sign was to be moved, not removed.",
        ),
        Mistake(
            "shift scaled too",
            lambda highest, lowest, scale, shift: (
                _wide(scale) * (np.where(_wide(scale) < 0, lowest, highest) + _wide(shift))
            ),
            "This is what you get when the shift is added before the scaling: "
            "it is s x + t, not s (x + t).",
        ),
        Mistake(
            "shift turned too",
            lambda highest, lowest, scale, shift: (
                _wide(scale) * np.where(_wide(scale) < 0, lowest, highest)
                + np.where(_wide(scale) < 0, -1, 1) * _wide(shift)
            ),
            "This is what you get when the shift changes its sign with the scale. "
            "A shift moves all numbers alike: it has no part in who wins.",
        ),
    ),
    hints=(
        "Let a window be 1, 2, 5, and s = -2, t = 0. Which of the three gives the largest s x?",
        "For s >= 0 the winner is the highest, for s < 0 the lowest. Choose for each channel.",
        "Give scale and shift two more axes, [:, None, None]; np.where picks highest or lowest; "
        "then scale and shift what was picked.",
    ),
)
