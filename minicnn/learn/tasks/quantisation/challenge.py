"""The open task: bits for each layer, under a budget of bytes."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

CHOICES = (2, 3, 4, 6, 8)
ENOUGH = 0.95


def _case(layers: int, room: float, number: int) -> Case:
    rng = np.random.default_rng(number)
    sizes = (8 * rng.integers(1, 200, layers) ** 2 // 40 + 8).tolist()
    sensitivity = np.exp(rng.normal(0, 1.5, layers))
    losses = [
        {bits: round(float(s * rng.uniform(0.7, 1.3) * 4.0 ** (2 - bits)), 6) for bits in CHOICES}
        for s in sensitivity
    ]
    least, most = (sum(size * bits for size in sizes) for bits in (2, 8))
    return {"sizes": sizes, "losses": losses, "budget": int(least + room * (most - least))}


@composite
def _cases(draw: DrawFn) -> Case:
    return _case(whole(draw, 1, 5), whole(draw, 0, 9) / 10, draw_seed(draw))


def _best(sizes: list[int], losses: list[dict[int, float]], budget: int) -> float:
    """Go through all choices, layer by layer, and keep those that no other beats in both."""
    front = [(0, 0.0)]
    for size, loss in zip(sizes, losses, strict=True):
        longer = sorted((a + size * b, e + loss[b]) for a, e in front for b in CHOICES)
        front, least = [], float("inf")
        for used, error in longer:
            if used <= budget and error < least:
                front.append((used, error))
                least = error
    return front[-1][1]


def _judge(got: Any, sizes: list[int], losses: list[dict[int, float]], budget: int) -> Verdict:
    if not isinstance(got, list | tuple) or not all(is_whole(b) and b in CHOICES for b in got):
        return Verdict(False, f"Give a list of bits, each one of {', '.join(map(str, CHOICES))}.")
    if len(got) != len(sizes):
        return Verdict(False, f"There are {len(sizes)} layers, and {len(got)} numbers were given.")
    used = sum(size * bits for size, bits in zip(sizes, got, strict=True))
    if used > budget:
        return Verdict(False, f"That takes {used:,} bits; the budget is {budget:,}.")
    total = sum(loss[bits] for loss, bits in zip(losses, got, strict=True))
    share = _best(sizes, losses, budget) / total
    if share < ENOUGH:
        return Verdict(
            False, f"It fits, but its loss is {1 / share:.2f} times that of the best choice."
        )
    return Verdict(True, score=share)


def _uniform(sizes: list[int], losses: list[dict[int, float]], budget: int) -> list[int]:
    fits = [bits for bits in CHOICES if bits * sum(sizes) <= budget]
    return [max(fits, default=2)] * len(sizes)


def _first_come(sizes: list[int], losses: list[dict[int, float]], budget: int) -> list[int]:
    chosen, left = [], budget - 2 * sum(sizes)
    for size in sizes:
        bits = max(b for b in CHOICES if (b - 2) * size <= left)
        left -= (bits - 2) * size
        chosen.append(bits)
    return chosen


def _without_sizes(sizes: list[int], losses: list[dict[int, float]], budget: int) -> list[int]:
    """The layer that loses most gets bits first, whatever they cost."""
    chosen, left = [2] * len(sizes), budget - 2 * sum(sizes)
    for i in sorted(range(len(sizes)), key=lambda i: -losses[i][2]):
        bits = max(b for b in CHOICES if (b - 2) * sizes[i] <= left)
        left -= (bits - 2) * sizes[i]
        chosen[i] = bits
    return chosen


assign_bits = Task(
    name="quantisation.assign_bits",
    title="Open: bits where they count",
    cases=_cases(),
    judge=_judge,
    board=Board(
        cases=tuple(
            _case(layers, room / 10, 100 * layers + room)
            for layers in (4, 6, 8)
            for room in range(1, 10, 2)
        ),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent: the least loss over yours, on average over 15 networks",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "the same for all",
            _uniform,
            "Equal bits for all layers leave a part of the budget unused, and spend the rest on "
            "layers that do not need it.",
        ),
        Mistake(
            "first come, first served",
            _first_come,
            "Giving the first layers all the bits that fit leaves nothing for the last ones.",
        ),
        Mistake(
            "sizes forgotten",
            _without_sizes,
            "A bit more costs a large layer more than a small one: weigh what is gained against "
            "what is paid.",
        ),
        Mistake(
            "eight bits",
            lambda sizes, losses, budget: [8] * len(sizes),
            "Eight bits everywhere lose least and ignore the budget.",
        ),
    ),
    hints=(
        "Five choices and eight layers: how many combinations are there? Is that too many to try?",
        "Layer by layer, keep a list of (bits used, loss so far) and drop what is beaten in both.",
        "Or try all with itertools.product, and keep the best that fits.",
    ),
)
