"""Which weights go, when, and what becomes of the others."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- a mask -----------------------------------------------------------------------------------
@composite
def _mask_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 5), whole(draw, 1, 6))
    return {"w": fill(shape, draw_seed(draw)), "sparsity": draw(_SHARES)}


_SHARES = st.sampled_from([0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])


def _mask(w: np.ndarray, sparsity: float) -> np.ndarray:
    """Take the weights out one by one, the smallest first and of equals the first."""
    sizes = [float(value) for value in np.abs(w).ravel()]
    keep = [True] * len(sizes)
    for _ in range(round(sparsity * len(sizes))):
        left = [i for i in range(len(sizes)) if keep[i]]
        keep[min(left, key=lambda i: (sizes[i], i))] = False
    return np.array(keep).reshape(w.shape)


def _by(order: Callable[[np.ndarray], np.ndarray], w: np.ndarray, count: int) -> np.ndarray:
    keep = np.ones(w.size, bool)
    keep[order(w.ravel())[:count]] = False
    return keep.reshape(w.shape)


def _by_magnitude(flat: np.ndarray) -> np.ndarray:
    return np.argsort(np.abs(flat), kind="stable")


def _per_row(w: np.ndarray, sparsity: float) -> np.ndarray:
    return np.stack([_by(_by_magnitude, row, round(sparsity * row.size)) for row in w])


def _above_threshold(w: np.ndarray, sparsity: float) -> np.ndarray:
    count = round(sparsity * w.size)
    if count == 0:
        return np.ones(w.shape, bool)
    return np.abs(w) > np.sort(np.abs(w).ravel())[count - 1]


magnitude_mask = Task(
    name="pruning.magnitude_mask",
    title="The smallest go",
    cases=_mask_cases(),
    oracle=_mask,
    mistakes=(
        Mistake(
            "sign forgotten",
            lambda w, sparsity: _by(
                lambda flat: np.argsort(flat, kind="stable"), w, round(sparsity * w.size)
            ),
            "This is what you get without the absolute value: the most negative weights go first, "
            "and they are among the largest in size.",
        ),
        Mistake(
            "inside out",
            lambda w, sparsity: ~_mask(w, sparsity),
            "This mask is inside out: True stands where a weight stays.",
        ),
        Mistake(
            "row by row",
            _per_row,
            "This is what you get when every row loses the same share: here the whole array is "
            "ranked together.",
        ),
        Mistake(
            "ties",
            _above_threshold,
            "This is what you get from a threshold: of weights that are exactly as large, all go "
            "or none. Count them instead, and let the first of them go first.",
        ),
        Mistake(
            "rounded down",
            lambda w, sparsity: _by(_by_magnitude, w, int(sparsity * w.size)),
            "This is what you get when the number of weights that go is cut off, not rounded: "
            "use round(sparsity * w.size).",
        ),
    ),
    hints=(
        "How many weights go, and which are they when all are laid out in one line?",
        "np.argsort(values, kind='stable') gives the places from smallest to largest, and leaves "
        "equals in the order they have.",
        "Rank the absolute values of w.ravel(); start from a line of True, set the first "
        "round(sparsity * w.size) places of the ranking to False, and give the line w's shape.",
    ),
)


# --- a schedule -------------------------------------------------------------------------------
@composite
def _schedule_cases(draw: DrawFn) -> Case:
    begin = whole(draw, 0, 20)
    end = begin + whole(draw, 1, 40)
    return {
        "step": whole(draw, 0, 70),
        "begin": begin,
        "end": end,
        "initial": draw(st.sampled_from([0.0, 0.25, 0.5])),
        "final": draw(st.sampled_from([0.75, 0.9, 0.98])),
    }


def _share(step: int, begin: int, end: int, initial: float, final: float) -> np.ndarray:
    """What is left to prune shrinks as a cube does when its side is cut off piece by piece."""
    done = min(max(step, begin), end) - begin
    side = 1.0 - done / (end - begin)
    return np.asarray(final - (final - initial) * side * side * side)


share_after = Task(
    name="pruning.share_after",
    title="A schedule that hurries at first",
    cases=_schedule_cases(),
    oracle=_share,
    mistakes=(
        Mistake(
            "a line",
            lambda step, begin, end, initial, final: (
                initial + (final - initial) * float(np.clip((step - begin) / (end - begin), 0, 1))
            ),
            "This is a straight line. The cubic prunes fast at first, when there is most to spare.",
        ),
        Mistake(
            "slow at first",
            lambda step, begin, end, initial, final: (
                initial
                + (final - initial) * float(np.clip((step - begin) / (end - begin), 0, 1)) ** 3
            ),
            "This cubic is the wrong way round: slow at first, and hasty in the end.",
        ),
        Mistake(
            "not held",
            lambda step, begin, end, initial, final: (
                final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3
            ),
            "This is what you get when the formula goes on outside: before begin the share is "
            "initial, after end it is final.",
        ),
        Mistake(
            "counted from 0",
            lambda step, begin, end, initial, final: (
                final + (initial - final) * (1 - float(np.clip(step / end, 0, 1))) ** 3
            ),
            "This is what you get when the clock starts at step 0: it starts at begin.",
        ),
        Mistake(
            "from nothing",
            lambda step, begin, end, initial, final: (
                final * (1 - (1 - float(np.clip((step - begin) / (end - begin), 0, 1))) ** 3)
            ),
            "This is what you get when the share starts at 0: it starts at initial.",
        ),
    ),
    hints=(
        "What is the share at begin, what at end, and what happens outside?",
        "Let t go from 0 at begin to 1 at end, and hold it there. Then (1 - t)³ goes from 1 to 0.",
        "final + (initial - final) * (1 - t)**3, with t = (step - begin) / (end - begin) held "
        "between 0 and 1.",
    ),
)


# --- a ticket ---------------------------------------------------------------------------------
@composite
def _ticket_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 4), whole(draw, 1, 5))
    rng = np.random.default_rng([draw_seed(draw), *shape])
    order = 1.0 + rng.permutation(shape[0] * shape[1]).reshape(shape)  # no ties
    return {
        "first": fill(shape, draw_seed(draw), salt=1),
        "trained": order * rng.choice([-1.0, 1.0], size=shape),
        "sparsity": draw(_SHARES),
    }


def _ticket(first: np.ndarray, trained: np.ndarray, sparsity: float) -> np.ndarray:
    keep = _mask(trained, sparsity)
    return np.array([w if stays else 0.0 for w, stays in zip(first.flat, keep.flat, strict=True)])


ticket = Task(
    name="pruning.ticket",
    title="A lottery ticket",
    cases=_ticket_cases(),
    oracle=lambda first, trained, sparsity: _ticket(first, trained, sparsity).reshape(first.shape),
    mistakes=(
        Mistake(
            "not rewound",
            lambda first, trained, sparsity: trained * _mask(trained, sparsity),
            "These are the trained values: a ticket has the first ones.",
        ),
        Mistake(
            "chosen too early",
            lambda first, trained, sparsity: first * _mask(first, sparsity),
            "This mask was chosen by the first values. They are random: what training made of a "
            "weight says whether it stays.",
        ),
        Mistake(
            "by movement",
            lambda first, trained, sparsity: first * _mask(trained - first, sparsity),
            "This keeps the weights that moved furthest. It is a rule of its own, but the one "
            "asked for here keeps those that ended up largest.",
        ),
        Mistake(
            "the losers",
            lambda first, trained, sparsity: first * ~_mask(trained, sparsity),
            "These are the weights that lost: the ticket keeps the others.",
        ),
        Mistake(
            "sign forgotten",
            lambda first, trained, sparsity: (
                first
                * _by(
                    lambda flat: np.argsort(flat, kind="stable"),
                    trained,
                    round(sparsity * trained.size),
                )
            ),
            "This mask was chosen without the absolute value.",
        ),
    ),
    hints=(
        "Which of the two arrays says who stays, and which says with what value?",
        "The first task's mask, of one array, times the other array.",
        "Make the mask from trained (rank its absolute values) and return first where it is True, "
        "0 elsewhere.",
    ),
)
