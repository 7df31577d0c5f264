"""The gradient of a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _step_cases(draw: DrawFn) -> Case:
    size, number = whole(draw, 1, 5), draw_seed(draw)
    high = draw(st.sampled_from([1, 3]))
    return {
        "dy": fill((size,), number, salt=1),
        "x": 0.6 * fill((size,), number, salt=2),
        "step": draw(st.sampled_from([0.5, 1.0, 0.25])),
        "high": high,
    }


def _step_gradient(dy: np.ndarray, x: np.ndarray, step: float, high: int) -> np.ndarray:
    total = 0.0
    for grad, value in zip(dy, x, strict=True):
        steps = value / step
        q = round(steps)
        if q < -high or q > high:
            total += grad * (high if q > 0 else -high)
        else:
            total += grad * (q - steps)
    return np.array([total])


def _without_rounding_error(dy: Any, x: Any, step: float, high: int) -> Any:
    return np.array([(dy * np.clip(np.rint(x / step), -high, high)).sum()])


def _inside_only(dy: Any, x: Any, step: float, high: int) -> Any:
    q = np.rint(x / step)
    return np.array([(dy * (q - x / step) * (np.abs(q) <= high)).sum()])


def _wrong_sign(dy: Any, x: Any, step: float, high: int) -> Any:
    q = np.rint(x / step)
    inside = np.abs(q) <= high
    per = np.where(inside, x / step - q, np.clip(q, -high, high))
    return np.array([(dy * per).sum()])


def _one_side(dy: Any, x: Any, step: float, high: int) -> Any:
    q = np.rint(x / step)
    per = np.where(np.abs(q) <= high, q - x / step, high)
    return np.array([(dy * per).sum()])


step_gradient = Task(
    name="quantisation.step_gradient",
    title="How a step learns",
    cases=_step_cases(),
    oracle=_step_gradient,
    mistakes=(
        Mistake(
            "rounding as a constant",
            _without_rounding_error,
            "This is what you get when q counts as a constant everywhere. Within the grid x / step "
            "moves with the step, and the straight-through estimator sees that: subtract it.",
        ),
        Mistake(
            "within the grid only",
            _inside_only,
            "This is what you get when numbers beyond the ends are left out: they sit on the last "
            "value, high times step, and it moves with the step.",
        ),
        Mistake(
            "wrong sign",
            _wrong_sign,
            "This is what you get when the rounding error is taken the wrong way round: it is "
            "q - x / step.",
        ),
        Mistake(
            "the upper end twice",
            _one_side,
            "This is what you get when numbers below the grid count as those above: the lower end "
            "is -high.",
        ),
    ),
    hints=(
        "y = step · q. Beyond the ends q does not depend on the step. What is dy/dstep there?",
        "Within the grid y = step · round(x / step). Differentiate it as if round were not there, "
        "but keep round where it is not differentiated.",
        "The product rule: round(x / step) + step · d(x / step)/dstep.",
    ),
)
