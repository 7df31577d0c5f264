"""The open task: see far with few weights."""

from __future__ import annotations

from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import st
from minicnn.learn.task import Board, Mistake, Task, Verdict

MOST_LAYERS = 64


def _judge_stack(got: Any, size: int) -> Verdict:
    """Check that a stack sees `size` pixels in a row without a hole; score its weights."""
    if not isinstance(got, list | tuple) or not all(
        isinstance(layer, list | tuple) and len(layer) == 2 and all(map(is_whole, layer))
        for layer in got
    ):
        return Verdict(False, "A stack is a list of pairs (k, dilation) of whole numbers.")
    if len(got) > MOST_LAYERS or any(k < 1 or dilation < 1 for k, dilation in got):
        return Verdict(False, f"At most {MOST_LAYERS} layers, each with k and dilation 1 or more.")
    field = 1 + sum((k - 1) * dilation for k, dilation in got)
    if field != size:
        return Verdict(False, f"The stack spans {field} pixels; {size} were asked for.")
    seen = {0}
    for k, dilation in got:
        seen = {offset + tap * dilation for offset in seen for tap in range(k)}
    missing = sorted(set(range(size)) - seen)
    if missing:
        return Verdict(False, f"The stack has holes: it never looks at pixel {missing[0]}.")
    cost, most = sum(int(k) ** 2 for k, _ in got), _most_weights(size)
    if cost > most:
        return Verdict(False, f"The stack has {cost} weights; at most {most} are allowed.")
    return Verdict(True, score=cost)


def _most_weights(size: int) -> int:
    return max(1, 8 * (size - 1).bit_length())


cheapest_stack = Task(
    name="one_layer.cheapest_stack",
    title="Open: see far with few weights",
    cases=st.builds(lambda room: {"size": 1 + room}, st.integers(0, 39)),
    judge=_judge_stack,
    board=Board(
        cases=tuple({"size": size} for size in range(1, 65)),
        total=sum,
        label="weights in all for sizes 1 to 64 (fewer is better)",
        best=sum(4 * (size - 1).bit_length() for size in range(1, 65)),
    ),
    mistakes=(
        Mistake(
            "one big kernel",
            lambda size: [(size, 1)],
            "One kernel of the full size sees everything, at the highest price.",
        ),
        Mistake(
            "no dilation",
            lambda size: [(2, 1)] * (size - 1),
            "Small kernels without dilation grow the view by one pixel a layer: "
            "correct, but the price still rises in proportion to the size.",
        ),
        Mistake(
            "dilation too fast",
            lambda size: [(2, size - 1)] if size > 1 else [],
            "Two taps far apart span the size but look at nothing in between.",
        ),
    ),
    hints=(
        "Two layers see more than one. If the first sees m pixels in a row, how far apart may the "
        "taps of the second be before a hole opens?",
        "Compare what a layer of k taps costs (k * k) with the factor by which it can widen the "
        "view. Which k gives the most for its price?",
        "Widen the view as fast as holes allow, and let the last layer take a smaller dilation, "
        "so that the span ends exactly at `size`.",
    ),
)
