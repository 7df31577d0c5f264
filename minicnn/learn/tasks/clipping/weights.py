"""What a limit costs: weights that are cut off, and weights that are rounded."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _cases(draw: DrawFn) -> Case:
    return {
        "w": fill((whole(draw, 1, 9),), draw_seed(draw)),
        "limit": draw(st.sampled_from([1.0, 2.0, 3.0, 5.0, 12.0])),
        "bits": whole(draw, 2, 4),
    }


def _error(w: np.ndarray, limit: float, bits: int) -> np.ndarray:
    """Look for the nearest of all values."""
    levels = 2 ** (bits - 1) - 1
    values = [limit * level / levels for level in range(-levels, levels + 1)]
    squares = [min((float(each) - value) ** 2 for value in values) for each in w]
    return np.asarray(sum(squares) / len(squares))


def _to(w: np.ndarray, limit: float, levels: float, rounding: str = "near") -> np.ndarray:
    step = limit / levels
    q = np.trunc(w / step) if rounding == "down" else np.round(w / step)
    clipped: np.ndarray = np.clip(q, -levels, levels) * step
    return clipped


def _mean_square(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.mean((a - b) ** 2))


def _levels(bits: int) -> int:
    return 2 ** (bits - 1) - 1


grid_error = Task(
    name="clipping.grid_error",
    title="What a limit costs",
    cases=_cases(),
    oracle=_error,
    mistakes=(
        Mistake(
            "nothing cut off",
            lambda w, limit, bits: _mean_square(
                w, np.round(w / (limit / _levels(bits))) * (limit / _levels(bits))
            ),
            "This goes on beyond the limit with the same steps: there are no values out there, all "
            "of that becomes the limit.",
        ),
        Mistake(
            "cut off for free",
            lambda w, limit, bits: _mean_square(
                np.clip(w, -limit, limit), _to(w, limit, _levels(bits))
            ),
            "This compares with the weights after they were cut: what was cut off is part of the "
            "error.",
        ),
        Mistake(
            "twice the values",
            lambda w, limit, bits: _mean_square(w, _to(w, limit, 2**bits - 1)),
            "This has 2**bits - 1 values on each side of 0: that is how many there are in all, 0 "
            "among them.",
        ),
        Mistake(
            "towards zero",
            lambda w, limit, bits: _mean_square(w, _to(w, limit, _levels(bits), "down")),
            "This rounds towards zero: take the nearest value.",
        ),
        Mistake(
            "absolute",
            lambda w, limit, bits: np.asarray(np.mean(np.abs(w - _to(w, limit, _levels(bits))))),
            "This is the mean distance; asked is the mean of its square.",
        ),
        Mistake(
            "the sum",
            lambda w, limit, bits: np.asarray(np.sum((w - _to(w, limit, _levels(bits))) ** 2)),
            "This is the sum of the squares; asked is their mean.",
        ),
    ),
    hints=(
        "How many values lie on each side of 0, and how far apart are they?",
        "2**(bits - 1) - 1 on each side, limit / that apart. A weight takes the nearest; beyond "
        "the limit that is the limit.",
        "q = np.clip(np.round(w / step), -levels, levels) * step; then the mean of (w - q)**2.",
    ),
)
