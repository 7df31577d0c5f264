"""The open task: shrink as late as the memory allows."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from itertools import product
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict
from minicnn.learn.tasks import _reference as ref


def _walk(size: int, widths: list[int], strides: Any) -> tuple[int, int]:
    """Return the peak bytes (float32) of a schedule and the output pixels of all its layers."""
    side, peak, pixels = size, 0, 0
    for i, stride in enumerate(strides):
        after = ref.windows_that_fit(side, 3, stride, 1, 1)
        peak = max(peak, 4 * (widths[i] * side**2 + widths[i + 1] * after**2))
        side, pixels = after, pixels + after**2
    return peak, pixels


def _schedules(layers: int) -> list[tuple[int, ...]]:
    return list(product((1, 2), repeat=layers))


def _most_pixels(size: int, widths: list[int], budget: int) -> int:
    walks = (_walk(size, widths, strides) for strides in _schedules(len(widths) - 1))
    return max(pixels for peak, pixels in walks if peak <= budget)


def _schedule_case(size: int, widths: list[int], room: float) -> Case:
    peaks = [_walk(size, widths, strides)[0] for strides in _schedules(len(widths) - 1)]
    budget = min(peaks) + int(room * (max(peaks) - min(peaks)))
    return {"size": size, "widths": widths, "budget": budget}


@composite
def _schedule_cases(draw: DrawFn) -> Case:
    layers, size, first = whole(draw, 2, 5), whole(draw, 4, 32), whole(draw, 1, 8)
    widths = [3]
    for _ in range(layers):
        widths.append((widths[-1] if len(widths) > 1 else first) * draw(st.sampled_from([1, 2, 4])))
    return _schedule_case(size, widths, whole(draw, 0, 10) / 20)


ENOUGH = 0.9


def _judge_schedule(got: Any, size: int, widths: list[int], budget: int) -> Verdict:
    """Check that a schedule fits its budget and keeps ENOUGH of the best schedule's pixels."""
    layers = len(widths) - 1
    if not isinstance(got, list | tuple) or not all(is_whole(s) and s in (1, 2) for s in got):
        return Verdict(False, "A schedule is a list of strides, each 1 or 2.")
    if len(got) != layers:
        return Verdict(False, f"There are {layers} layers, and {len(got)} strides were given.")
    peak, pixels = _walk(size, widths, got)
    if peak > budget:
        return Verdict(False, f"The peak is {peak:,} bytes; the budget is {budget:,}.")
    share = pixels / _most_pixels(size, widths, budget)
    if share < ENOUGH:
        what = f"It fits, but keeps only {share:.0%} of the pixels that the best schedule keeps."
        return Verdict(False, what)
    return Verdict(True, score=share)


def _greedy(size: int, widths: list[int], budget: int) -> list[int]:
    """Stride 1 while this layer fits, without a thought for the next."""
    strides: list[int] = []
    for _ in widths[1:]:
        fits = _walk(size, widths, [*strides, 1])[0] <= budget
        strides.append(1 if fits else 2)
    return strides


def _input_forgotten(size: int, widths: list[int], budget: int) -> list[int]:
    side, strides = size, []
    for width in widths[1:]:
        strides.append(1 if 4 * width * side**2 <= budget else 2)
        side = ref.windows_that_fit(side, 3, strides[-1], 1, 1)
    return strides


choose_strides = Task(
    name="spatial_compression.choose_strides",
    title="Open: shrink as late as the memory allows",
    cases=_schedule_cases(),
    judge=_judge_schedule,
    board=Board(
        cases=tuple(
            _schedule_case(size, widths, room / 8)
            for size in (15, 32)
            for widths in ([3, 8, 16, 16, 32], [3, 16, 16, 16, 16, 16], [3, 4, 8, 8, 64, 64])
            for room in range(0, 9, 2)
        ),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent of the best schedule's pixels, on average over 30 networks",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "always shrinking",
            lambda size, widths, budget: [2] * (len(widths) - 1),
            "Halving at every layer always fits, and throws away detail that there was room for.",
        ),
        Mistake(
            "never shrinking",
            lambda size, widths, budget: [1] * (len(widths) - 1),
            "Stride 1 everywhere keeps every pixel and ignores the budget.",
        ),
        Mistake(
            "no look ahead",
            _greedy,
            "Taking stride 1 whenever this layer fits can leave the next layer an input that is "
            "already too large: look ahead before you choose.",
        ),
        Mistake(
            "input forgotten",
            _input_forgotten,
            "The budget must hold a layer's input and its output at the same time.",
        ),
    ),
    hints=(
        "How many schedules are there for five layers? Is that too many to try?",
        "Write a small function first: the peak and the pixels of one given schedule.",
        "Go through the schedules, keep those that fit, and return the best of them.",
    ),
)
