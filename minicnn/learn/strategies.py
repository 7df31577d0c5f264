"""Generated cases: sizes first, then small whole numbers, so that the smallest one is readable.

An array is drawn as a kind and a seed, not entry by entry: then hypothesis can shrink the shapes
without disturbing the contents, and a case costs a handful of draws.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

if "hypothesis" not in sys.modules:
    # Its cache would otherwise appear as a folder .hypothesis beside the learner's notebook.
    cache = os.path.join(tempfile.gettempdir(), "minicnn-hypothesis")
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", cache)

from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from minicnn.learn.task import Case

__all__ = ["DrawFn", "SearchStrategy", "composite", "draw_cases", "draw_seed", "fill", "smallest"]
__all__ += ["st", "whole"]


def whole(draw: DrawFn, low: int, high: int) -> int:
    """Draw an integer from low to high, which shrinks to low."""
    return low + draw(st.integers(0, high - low))


def draw_seed(draw: DrawFn) -> int:
    """Draw what `fill` needs; 0 shrinks to the arrays that are easiest to read."""
    return draw(st.integers(0, 60))


def fill(
    shape: tuple[int, ...], number: int, *, salt: int = 0, dtype: type = np.float64
) -> np.ndarray:
    """Make an array of small whole numbers: 1, 2, 3, ... for number 0, ones for 1, else random.

    Odd numbers give -4 to 9, even ones -1 to 2, where ties are common. Whole numbers keep sums
    exact in any order, so a right answer is right to the last bit.
    """
    if number == 0:
        return np.arange(1, 1 + int(np.prod(shape)), dtype=dtype).reshape(shape)
    if number == 1:
        return np.ones(shape, dtype=dtype)
    rng = np.random.default_rng([number, salt])
    low, high = (-4, 10) if number % 2 else (-1, 3)
    return rng.integers(low, high, size=shape).astype(dtype)


def _settings(count: int, *phases: Phase) -> settings:
    return settings(
        max_examples=count,
        phases=phases,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def draw_cases(cases: SearchStrategy[Case], count: int, number: int) -> list[Case]:
    """Draw `count` cases; the same number gives the same cases."""
    drawn: list[Case] = []

    @seed(number)
    @_settings(count, Phase.generate)
    @given(cases)
    def collect(case: Case) -> None:
        drawn.append(case)

    collect()
    return drawn


def smallest(cases: SearchStrategy[Case], fails: Callable[[Case], bool], fallback: Case) -> Case:
    """Return the smallest case that fails, or `fallback` when none is found again."""
    try:
        found: Any = find(
            cases,
            fails,
            settings=_settings(400, Phase.generate, Phase.shrink),
            random=Random(0),
        )
    except HypothesisException:
        return fallback
    return found
