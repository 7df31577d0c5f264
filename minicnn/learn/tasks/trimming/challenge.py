"""The open task: how wide should each layer be, for a given amount of work?"""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

ENOUGH = 0.95


def _network(number: int, layers: int, widest: int) -> Case:
    """Make up what the channels of each layer are worth, best first, and a budget."""
    rng = Random(number)
    worth = []
    for _ in range(layers):
        top, kind = rng.randint(5, 30), rng.random()
        values = [rng.randint(1, top) if kind < 0.7 else top for _ in range(rng.randint(1, widest))]
        worth.append(sorted(values, reverse=True))
    pixels = [rng.choice([1, 4, 16]) for _ in range(layers + 1)]
    case = {"worth": worth, "pixels": pixels, "budget": 0}
    low = _work([1] * layers, pixels)
    high = _work([len(values) for values in worth], pixels)
    case["budget"] = low + int((high - low) * rng.choice([0.15, 0.3, 0.5]))
    return case


# Networks on which one channel after the other, by worth for work, loses too much.
_TRAPS = ((18, 2, 2), (24, 2, 3), (96, 2, 3), (129, 2, 4), (141, 2, 4), (150, 2, 4))


@composite
def _networks(draw: DrawFn) -> Case:
    if draw(st.booleans()):
        return _network(*draw(st.sampled_from(_TRAPS)))
    layers, widest = 1 + draw(st.integers(0, 3)), 1 + draw(st.integers(0, 5))
    return _network(draw(st.integers(0, 300)), layers, widest)


def _work(kept: list[int], pixels: list[int]) -> int:
    """Multiply-adds of 1x1 convolutions: one channel in, `kept` in between, one out."""
    ends = [1, *kept, 1]
    return sum(a * b * p for a, b, p in zip(ends, ends[1:], pixels, strict=False))


def _value(kept: list[int], worth: list[list[int]]) -> int:
    return sum(sum(values[:k]) for k, values in zip(kept, worth, strict=True))


@lru_cache(maxsize=1024)
def _most(worth: tuple[tuple[int, ...], ...], pixels: tuple[int, ...], budget: int) -> int:
    """Layer by layer: for each width of the last one, the pairs (work, worth) none of which loses
    to another in both."""
    reached = {1: [(0, 0)]}
    for values, area in zip(worth, pixels, strict=False):
        sums = [sum(values[:k]) for k in range(len(values) + 1)]
        new = {}
        for width in range(1, len(values) + 1):
            options = [
                (work + before * width * area, total + sums[width])
                for before, pairs in reached.items()
                for work, total in pairs
            ]
            new[width] = _front(options, budget)
        reached = new
    return max(
        total
        for width, pairs in reached.items()
        for work, total in pairs
        if work + width * pixels[-1] <= budget
    )


def _front(options: list[tuple[int, int]], budget: int) -> list[tuple[int, int]]:
    front: list[tuple[int, int]] = []
    for work, total in sorted(options, key=lambda o: (o[0], -o[1])):
        if work <= budget and (not front or total > front[-1][1]):
            front.append((work, total))
    return front


def _best(worth: list[list[int]], pixels: list[int], budget: int) -> int:
    return _most(tuple(map(tuple, worth)), tuple(pixels), budget)


def _judge(got: Any, worth: list[list[int]], pixels: list[int], budget: int) -> Verdict:
    """Check that the widths are allowed, that the work fits, and that little is lost."""
    if not isinstance(got, list | tuple) or not all(is_whole(k) for k in got):
        return Verdict(False, "An answer is a list with the width of each layer, whole numbers.")
    if len(got) != len(worth):
        return Verdict(False, f"There are {len(worth)} layers, and {len(got)} widths.")
    for layer, (k, values) in enumerate(zip(got, worth, strict=True)):
        if not 1 <= k <= len(values):
            what = f"Layer {layer} gets the width {k}; it can have 1 to {len(values)}."
            return Verdict(False, what)
    kept = [int(k) for k in got]
    work, total, best = _work(kept, pixels), _value(kept, worth), _best(worth, pixels, budget)
    if work > budget:
        return Verdict(False, f"That is {work} multiply-adds; the budget is {budget}.")
    if total < ENOUGH * best:
        what = f"The channels that stay are worth {total}; {best} would fit into the budget."
        return Verdict(False, what)
    return Verdict(True, score=total / best)


def _same_share(worth: list[list[int]], pixels: list[int], budget: int) -> list[int]:
    """Trim every layer by the same share, the smallest that fits."""
    for tenths in range(10, -1, -1):
        kept = [max(1, len(values) * tenths // 10) for values in worth]
        if _work(kept, pixels) <= budget:
            return kept
    return [1] * len(worth)


def _one_by_one(worth: list[list[int]], pixels: list[int], budget: int) -> list[int]:
    """The channel that is worth least leaves, again and again."""
    kept = [len(values) for values in worth]
    while _work(kept, pixels) > budget:
        free = [i for i, k in enumerate(kept) if k > 1]
        kept[min(free, key=lambda i: worth[i][kept[i] - 1])] -= 1
    return kept


def _by_ratio(worth: list[list[int]], pixels: list[int], budget: int) -> list[int]:
    """The channel that is worth least for the work that it makes leaves, again and again."""
    kept = [len(values) for values in worth]
    while (now := _work(kept, pixels)) > budget:

        def price(i: int, now: int = now) -> float:
            fewer = [k - (j == i) for j, k in enumerate(kept)]
            return worth[i][kept[i] - 1] / (now - _work(fewer, pixels))

        kept[min((i for i, k in enumerate(kept) if k > 1), key=price)] -= 1
    return kept


BOARD = tuple(_network(1000 + i, 3 + i % 3, 10) for i in range(30))

widths = Task(
    name="trimming.widths",
    title="Open: the best widths for a budget",
    cases=_networks(),
    judge=_judge,
    board=Board(
        cases=BOARD,
        total=lambda scores: round(100 * sum(scores) / len(scores), 6),
        label="per cent of the best worth, on average over 30 networks",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "nothing leaves",
            lambda worth, pixels, budget: [len(values) for values in worth],
            "Nothing has left.",
        ),
        Mistake(
            "the same share of each",
            _same_share,
            "The same share of every layer fits the budget and looks neither at what a channel is "
            "worth nor at what it costs.",
        ),
        Mistake(
            "least worth first",
            _one_by_one,
            "The channel that is worth least leaves first: one ranking for all, as in "
            'scope="global". What a channel costs differs from layer to layer.',
        ),
        Mistake(
            "least worth for its work first",
            _by_ratio,
            "Worth for work is the right thing to look at. But one step at a time does not see "
            "that two neighbours together can be had for less, and what left never comes back.",
        ),
    ),
    hints=(
        "Whose work changes when layer i loses a channel? If you knew the width of layer i, would "
        "the layers before it still matter to those behind it?",
        "Go from layer to layer. All that the rest needs to know is the width of the last layer, "
        "the work so far and the worth so far.",
        "For every width keep a list of (work, worth, widths), without those that another one "
        "beats in both. At the end add the work of the output, and take the most that fits.",
    ),
)
