"""Comparing an answer with the expected one, and saying how they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.learn.report import Status


@dataclass(frozen=True)
class Mismatch:
    """Why an answer is not the expected one; `wrong` marks the differing entries."""

    status: Status
    message: str
    wrong: np.ndarray | None = None


def is_whole(value: Any) -> bool:
    """Whether `value` is an integer of Python or NumPy (True and False are not)."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def describe(value: Any) -> str:
    """The type of an answer in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, {value.dtype}"
    if value is None:
        return "None (is a `return` missing?)"
    article = "an" if type(value).__name__[0] in "aeio" else "a"
    text = repr(value)
    return f"{article} {type(value).__name__}" + (f", {text}" if len(text) <= 40 else "")


def mismatch(expected: Any, got: Any, tolerance: float) -> Mismatch | None:
    """Return None when `got` is right, else the first thing that is wrong with it."""
    if isinstance(expected, np.ndarray):
        return _array_mismatch(expected, got, tolerance)
    if isinstance(expected, tuple):
        return _tuple_mismatch(expected, got)
    if not is_whole(got):
        what = f"Expected a whole number (int); got {describe(got)}."
        if isinstance(got, float | np.floating) and got == expected:
            what += " Integer division is `//`."
        return Mismatch(Status.WRONG_TYPE, what)
    if got != expected:
        return Mismatch(Status.WRONG_VALUES, f"Expected {expected}, got {got}.")
    return None


def _array_mismatch(expected: np.ndarray, got: Any, tolerance: float) -> Mismatch | None:
    if isinstance(got, np.generic | int | float):
        got = np.asarray(got)
    if not isinstance(got, np.ndarray):
        what = f"Expected an array of shape {expected.shape}; got {describe(got)}."
        return Mismatch(Status.WRONG_TYPE, what)
    if got.shape != expected.shape:
        return Mismatch(Status.WRONG_SHAPE, f"Expected shape {expected.shape}, got {got.shape}.")
    if got.dtype != expected.dtype:
        what = f"Expected dtype {expected.dtype} (that of the input), got {got.dtype}."
        return Mismatch(Status.WRONG_DTYPE, what)
    wrong = ~np.isclose(got, expected, rtol=tolerance, atol=tolerance)
    if not wrong.any():
        return None
    count = np.count_nonzero(wrong)
    what = f"{count} of {wrong.size} entries differ." if wrong.size > 1 else "The entry differs."
    return Mismatch(Status.WRONG_VALUES, what, wrong)


def _tuple_mismatch(expected: tuple[int, ...], got: Any) -> Mismatch | None:
    if not isinstance(got, tuple | list) or len(got) != len(expected):
        what = f"Expected {len(expected)} whole numbers (a tuple); got {describe(got)}."
        return Mismatch(Status.WRONG_TYPE, what)
    for position, (want, have) in enumerate(zip(expected, got, strict=True)):
        if not is_whole(have):
            what = f"Entry {position} is {describe(have)}; a whole number (int) was expected."
            return Mismatch(Status.WRONG_TYPE, what)
        if want != have:
            what = f"Entry {position}: expected {want}, got {have}."
            return Mismatch(Status.WRONG_VALUES, what)
    return None


def same_answer(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two answers agree in shape and values, whatever their dtype or container."""
    try:
        left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    if left.shape != right.shape:
        return False
    return bool(np.allclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True))


def relation(pairs: list[tuple[Any, Any]]) -> str:
    """Say what a right answer became, if one rule explains every (expected, got) pair."""
    try:
        both = [(np.asarray(e, np.float64), np.asarray(g, np.float64)) for e, g in pairs]
    except (TypeError, ValueError):
        return ""
    if not both or any(e.shape != g.shape for e, g in both):
        return ""
    want = np.concatenate([e.ravel() for e, _ in both])
    have = np.concatenate([g.ravel() for _, g in both])
    if len(want) < 4 or not np.isfinite(have).all():
        return ""
    if np.allclose(have - want, have[0] - want[0]):
        by = have[0] - want[0]
        return f"Every wrong answer is {abs(by):g} too {'large' if by > 0 else 'small'}."
    nonzero = np.flatnonzero(want)
    if len(nonzero) >= 4:
        ratio = have[nonzero[0]] / want[nonzero[0]]
        if ratio != 0 and np.allclose(have, ratio * want):
            return f"Every wrong answer is {ratio:.4g} times what it should be."
    if all(e.ndim >= 2 and same_answer(g, e[..., ::-1, ::-1], 1e-6) for e, g in both):
        return "Right numbers, wrong places: the last two axes come out flipped."
    if all(e.ndim >= 2 and same_answer(g, np.swapaxes(e, -1, -2), 1e-6) for e, g in both):
        return "Right numbers, wrong places: the last two axes are swapped."
    return ""
