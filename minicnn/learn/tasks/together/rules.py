"""Two rules on one array: in which order they come, and how they learn together."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- two orders -------------------------------------------------------------------------------
@composite
def _order_cases(draw: DrawFn) -> Case:
    rng = np.random.default_rng(draw_seed(draw))
    n = whole(draw, 1, 8)
    return {
        "w": rng.integers(-16, 17, size=n) / 16,
        "count": whole(draw, 0, n - 1),
        "step": draw(st.sampled_from([0.25, 0.5, 1.0])),
    }


def _pruned(w: np.ndarray, count: int) -> np.ndarray:
    """Take the smallest out one by one; of equals the first."""
    w = w.copy()
    gone: list[int] = []
    for _ in range(count):
        left = [i for i in range(len(w)) if i not in gone]
        gone.append(min(left, key=lambda i: (abs(w[i]), i)))
    w[gone] = 0.0
    return w


def _rounded(w: np.ndarray, step: float) -> np.ndarray:
    return step * np.rint(w / step) + 0.0


def _both(w: np.ndarray, count: int, step: float) -> np.ndarray:
    return np.stack([_rounded(_pruned(w, count), step), _pruned(_rounded(w, step), count)])


both_orders = Task(
    name="together.both_orders",
    title="Prune and round, round and prune",
    cases=_order_cases(),
    oracle=_both,
    mistakes=(
        Mistake(
            "the same twice",
            lambda w, count, step: np.stack([_both(w, count, step)[0]] * 2),
            "The second row is the first one again. After rounding, weights are equal that were "
            "not before: then others may be the smallest.",
        ),
        Mistake(
            "the other order first",
            lambda w, count, step: _both(w, count, step)[::-1].copy(),
            "The rows have changed places: row 0 is pruned first, row 1 rounded first.",
        ),
        Mistake(
            "sign forgotten",
            lambda w, count, step: np.stack(
                [
                    _rounded(np.where(np.argsort(np.argsort(v, kind="stable")) < count, 0, w), step)
                    for v in (w, _rounded(w, step))
                ]
            ),
            "This prunes the most negative weights: the smallest in size should go.",
        ),
        Mistake(
            "cut off",
            lambda w, count, step: np.stack(
                [
                    step * np.trunc(_pruned(w, count) / step),
                    _pruned(step * np.trunc(w / step) + 0.0, count),
                ]
            ),
            "This cuts off what is between the steps, which always makes weights smaller: round "
            "to the nearest step, with np.rint.",
        ),
    ),
    hints=(
        "What if pruning were a function, and rounding another? In which ways can you call them?",
        "np.argsort(np.abs(w), kind='stable')[:count] are the places that go: of equal sizes the "
        "first ones. Rounding: step * np.rint(w / step).",
        "np.stack([rounded(pruned(w)), pruned(rounded(w))]), where pruned copies its argument "
        "before it sets anything to zero.",
    ),
)


# --- one gradient under two rules -------------------------------------------------------------
@composite
def _gradient_cases(draw: DrawFn) -> Case:
    rng = np.random.default_rng(draw_seed(draw))
    n = whole(draw, 1, 8)
    return {
        "grad": rng.integers(-4, 5, size=n).astype(np.float64),
        "keep": rng.random(n) < 0.7,
        "group": rng.integers(-1, 3, size=n),
    }


def _gradient(grad: np.ndarray, keep: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Write the weights as a function of free numbers, and use the chain rule both ways."""
    free = [("alone", i) if group[i] < 0 else ("group", int(group[i])) for i in range(len(grad))]
    of_number: dict[tuple[str, int], float] = {}
    for i in range(len(grad)):
        if keep[i]:
            of_number[free[i]] = of_number.get(free[i], 0.0) + grad[i]
    return np.array([of_number[free[i]] if keep[i] else 0.0 for i in range(len(grad))])


def _summed(grad: np.ndarray, group: np.ndarray) -> np.ndarray:
    tied = group >= 0
    sums = np.bincount(group[tied], weights=grad[tied], minlength=3)
    return np.where(tied, sums[group], grad)


shared_gradient = Task(
    name="together.shared_gradient",
    title="One gradient under two rules",
    cases=_gradient_cases(),
    oracle=_gradient,
    mistakes=(
        Mistake(
            "the pruned vote",
            lambda grad, keep, group: np.where(keep, _summed(grad, group), 0.0),
            "Weights that are pruned have a say in their group's sum here. They are zero for good "
            "and do not move with the group: mask the gradient before you add.",
        ),
        Mistake(
            "the pruned move",
            lambda grad, keep, group: _summed(grad * keep, group),
            "The sums are right, but pruned weights get them as well, and would not stay zero: "
            "mask once more, after adding.",
        ),
        Mistake(
            "mean",
            lambda grad, keep, group: np.where(
                keep,
                np.where(
                    group >= 0,
                    _summed(grad * keep, group) / np.maximum(_summed(1.0 * keep, group), 1),
                    grad,
                ),
                0.0,
            ),
            "This is the mean of a group's gradients. The chain rule says the sum: a value that "
            "stands in ten places moves the loss ten times.",
        ),
        Mistake(
            "the free are a group",
            lambda grad, keep, group: _gradient(grad, keep, group + 1),
            "This treats -1 as a group like any other: such weights are on their own.",
        ),
        Mistake(
            "masked only",
            lambda grad, keep, group: grad * keep,
            "This is the mask alone: weights of a group would part at the first step.",
        ),
    ),
    hints=(
        "Which numbers can still change? One for each group, and one for each weight on its own. "
        "Which weights depend on each?",
        "Mask the gradient, add it up over each group, hand the sums out, mask again.",
        "g = grad * keep; for each k from 0 to group.max(): members = group == k; "
        "g[members] = g[members].sum(); then return g * keep.",
    ),
)
