"""Timing all algorithms on one convolution, without wasting much time on the slow ones."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from minicnn import ops
from minicnn.cost.timer import compare
from minicnn.tuning.memory import Measured
from minicnn.tuning.problem import Problem

BEHIND = 2.0
"""Who takes so many times as long as the quickest at the first try does not run again."""
MARGIN = 0.03
"""By how much a challenger must beat the rule's choice: less than that is noise."""
TOLERANCE = {"float32": 1e-3, "float64": 1e-8}
"""Largest difference from the rule's choice, as a share of the range, that is still rounding."""


def measure(
    problem: Problem, algorithms: Iterable[str] | None = None, *, repeat: int = 7
) -> Measured:
    """Time algorithms on one convolution of random numbers; by default all that support it.

    Who gives another answer than the rule's choice, or cannot do it after all, is refused.
    """
    names = list(problem.supporting if algorithms is None else algorithms)
    calls = {name: _call(problem, name) for name in names}
    expected = _call(problem, problem.rule)()[0]
    refused = {}
    for name in names:
        reason = _refusal(calls[name], expected)
        if reason:
            refused[name] = reason
            del calls[name]
    return Measured(race(calls, repeat=repeat, keep=problem.rule, warm=True), refused)


def race(
    functions: Mapping[str, Callable[[], object]],
    *,
    repeat: int = 7,
    keep: str = "",
    warm: bool = False,
) -> dict[str, float]:
    """Return seconds a call: medians, except of those that were far behind at the first try.

    The first try is a few calls (one, if it is slow), after one that does not count unless they
    are `warm`. Those not far behind (`BEHIND`), and `keep`, then take turns, `repeat` rounds long.
    """
    if not warm:
        for function in functions.values():
            function()
    first = {name: _first_try(function) for name, function in functions.items()}
    limit = BEHIND * min(first.values(), default=math.inf)
    ahead = {n: f for n, f in functions.items() if first[n] <= limit or n == keep}
    if len(ahead) < 2:
        return first
    return first | compare(ahead, repeat=repeat).medians


def _first_try(function: Callable[[], object]) -> float:
    """Return the quickest of some calls: other programs can only slow one down."""
    times: list[float] = []
    while len(times) < 5 and sum(times) < 0.01:
        start = time.perf_counter()
        function()
        times.append(max(time.perf_counter() - start, 1e-9))
    return min(times)


def pick(seconds: Mapping[str, float], rule: str, *, margin: float = MARGIN) -> str:
    """Name the quickest; the rule's choice stays unless it is beaten by more than the margin."""
    best = min(seconds, key=lambda name: seconds[name])
    if rule in seconds and seconds[rule] <= (1 + margin) * seconds[best]:
        return rule
    return best


def _call(problem: Problem, algorithm: str) -> Callable[[], tuple[np.ndarray, ...]]:
    """Return a function that convolves random numbers, in training with both gradients."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(problem.x_shape).astype(problem.dtype)
    w = rng.standard_normal(problem.w_shape).astype(problem.dtype)
    w /= math.sqrt(math.prod(problem.w_shape[1:]))
    how: dict[str, Any] = {**problem.window, "algorithm": algorithm}

    def forward() -> tuple[np.ndarray, ...]:
        return (ops.conv2d(x, w, **how),)

    def step() -> tuple[np.ndarray, ...]:
        y = ops.conv2d(x, w, **how)
        return y, *ops.conv2d_backward(y, x, w, **how)

    return step if problem.training else forward


def _refusal(call: Callable[[], tuple[np.ndarray, ...]], expected: np.ndarray) -> str:
    try:
        y = call()[0]
    except (ImportError, TypeError, ValueError) as error:  # some need packages of their own
        return str(error)
    off = float(np.abs(y - expected).max() / (np.abs(expected).max() or 1))
    if not off <= TOLERANCE[expected.dtype.name]:
        return f"its answer differs by {off:.1g} of the range"
    return ""
