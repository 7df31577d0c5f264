"""Who leaves a network where, and what that costs."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import math

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- where to leave ---------------------------------------------------------------------------
@composite
def _logit_cases(draw: DrawFn) -> Case:
    exits, n, classes = whole(draw, 1, 4), whole(draw, 1, 5), whole(draw, 2, 4)
    rng = np.random.default_rng([draw_seed(draw), exits, n, classes])
    logits = rng.integers(-2, 4, (exits, n, classes)).astype(np.float64)
    return {"logits": logits, "threshold": draw(st.sampled_from([0.5, 0.6, 0.8, 0.95]))}


def _leave(logits: np.ndarray, threshold: float) -> np.ndarray:
    """Ask exit after exit, a sample at a time."""
    found = []
    for i in range(logits.shape[1]):
        at = 0
        while at < len(logits) - 1:
            powers = [math.exp(z) for z in logits[at, i]]
            if max(powers) / sum(powers) >= threshold:
                break
            at += 1
        found.append(at)
    return np.array(found)


def _top(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    best: np.ndarray = (powers / powers.sum(axis=-1, keepdims=True)).max(axis=-1)
    return best


def _first(sure: np.ndarray) -> np.ndarray:
    return np.where(sure[:-1].any(axis=0), sure[:-1].argmax(axis=0), len(sure) - 1)


def _first_of(sure: np.ndarray) -> np.ndarray:
    """Like `_first`, for a single exit too."""
    return _first(sure) if len(sure) > 1 else np.zeros(sure.shape[1], np.int64)


leave_at = Task(
    name="cutting.leave_at",
    title="Where each sample leaves",
    cases=_logit_cases(),
    oracle=_leave,
    mistakes=(
        Mistake(
            "logits",
            lambda logits, threshold: _first_of(logits.max(axis=2) >= threshold),
            "This compares the largest logit with the threshold, which is a probability: softmax "
            "first.",
        ),
        Mistake(
            "more than",
            lambda logits, threshold: _first_of(_top(logits) > threshold),
            "This lets a sample leave above the threshold only: at the threshold it leaves, too.",
        ),
        Mistake(
            "the surest",
            lambda logits, threshold: _top(logits).argmax(axis=0),
            "This picks the exit that is surest. To know which that is, one has to run the whole "
            "network; the first that is sure enough ends it.",
        ),
        Mistake(
            "nobody left over",
            lambda logits, threshold: np.where(
                (_top(logits) >= threshold).any(axis=0),
                (_top(logits) >= threshold).argmax(axis=0),
                len(logits),
            ),
            "This sends whoever is never sure past the end: the last exit answers for all that are "
            "left.",
        ),
        Mistake(
            "the last that is sure",
            lambda logits, threshold: (
                len(logits) - 1 - _first_of((_top(logits) >= threshold)[::-1])
                if len(logits) > 1
                else np.zeros(logits.shape[1], np.int64)
            ),
            "This takes the last exit that is sure: the first one ends the run.",
        ),
        Mistake(
            "all together",
            lambda logits, threshold: np.full(
                logits.shape[1], _first_of((_top(logits) >= threshold).all(axis=1)[:, None])[0]
            ),
            "This keeps the batch together until all of it is sure: each sample leaves by itself.",
        ),
    ),
    hints=(
        "For which exits is the question whether they are sure asked at all?",
        "Softmax along the last axis, then its maximum: an array (exits, samples). argmax of "
        "True and False finds the first True; what does it find where there is none?",
        "sure = top >= threshold; sure[-1] = True; then sure.argmax(axis=0).",
    ),
)


# --- what it costs ----------------------------------------------------------------------------
@composite
def _cost_cases(draw: DrawFn) -> Case:
    exits, n = whole(draw, 1, 4), whole(draw, 1, 6)
    return {
        "where": np.array([whole(draw, 0, exits - 1) for _ in range(n)]),
        "stages": [whole(draw, 1, 50) for _ in range(exits)],
        "heads": [whole(draw, 1, 9) for _ in range(exits - 1)],
    }


def _cost(where: np.ndarray, stages: list[int], heads: list[int]) -> np.ndarray:
    """Walk with every sample and pay at each door."""
    paid = 0
    for end in where:
        for at in range(int(end) + 1):
            paid += stages[at]
            if at < len(heads):
                paid += heads[at]
    return np.asarray(paid / len(where))


def _cumulated(stages: list[int], heads: list[int]) -> np.ndarray:
    return np.cumsum(stages) + np.cumsum([*heads, 0])


average_cost = Task(
    name="cutting.average_cost",
    title="What it costs on average",
    cases=_cost_cases(),
    oracle=_cost,
    mistakes=(
        Mistake(
            "heads for free",
            lambda where, stages, heads: np.cumsum(stages)[where].mean(),
            "This forgets the heads: asking costs, too.",
        ),
        Mistake(
            "one head",
            lambda where, stages, heads: (np.cumsum(stages) + np.array([*heads, 0]))[where].mean(),
            "This counts only the head at which a sample leaves: those before it were asked as "
            "well, and said no.",
        ),
        Mistake(
            "one stage",
            lambda where, stages, heads: (np.array(stages) + np.array([*heads, 0]))[where].mean(),
            "This counts only the last stage that a sample went through.",
        ),
        Mistake(
            "mean of the exits",
            lambda where, stages, heads: _cumulated(stages, heads).mean(),
            "This is the mean over the exits; asked is that over the samples, and they do not "
            "spread evenly.",
        ),
        Mistake(
            "the batch's worst",
            lambda where, stages, heads: np.asarray(
                float(_cumulated(stages, heads)[int(where.max())])
            ),
            "This makes all wait for the last: who has left costs nothing any more.",
        ),
    ),
    hints=(
        "A sample that leaves at exit 2: which stages did it go through, and which heads were "
        "asked?",
        "Stages 0 to where, and heads 0 to where; there is no head at the end. Running sums "
        "(np.cumsum) give the cost of each exit.",
        "cost = cumsum(stages) + cumsum(heads and a 0 for the end); then the mean of cost[where].",
    ),
)
