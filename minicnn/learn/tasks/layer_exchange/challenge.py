"""The open task: which convolutions of a chain to merge."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

from random import Random
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict
from minicnn.learn.tasks import _reference as ref

ENOUGH = 0.95


def _sides(size: int, kernels: list[int], strides: list[int]) -> list[int]:
    """Sides of the pictures: the input's, then each layer's."""
    sides = [size]
    for k, stride in zip(kernels, strides, strict=True):
        sides.append(ref.windows_that_fit(sides[-1], k, stride, 0, 1))
    return sides


def _seen(kernels: list[int], strides: list[int]) -> int:
    """Side of the kernel of a whole group: the pixels that one output sees, walked backwards."""
    seen = 1
    for k, stride in zip(reversed(kernels), reversed(strides), strict=True):
        seen = (seen - 1) * stride + k
    return seen


def _macs(
    groups: Any, size: int, channels: list[int], kernels: list[int], strides: list[int]
) -> int:
    """Multiply-adds of a chain after merging each group into one convolution."""
    sides, start, total = _sides(size, kernels, strides), 0, 0
    for length in groups:
        end = start + length
        kernel = _seen(kernels[start:end], strides[start:end])
        total += (kernel * sides[end]) ** 2 * channels[start] * channels[end]
        start = end
    return total


def _groupings(n: int) -> list[list[int]]:
    if n == 0:
        return [[]]
    return [[first, *rest] for first in range(1, n + 1) for rest in _groupings(n - first)]


def _least(size: int, channels: list[int], kernels: list[int], strides: list[int]) -> int:
    chain = size, channels, kernels, strides
    return min(_macs(groups, *chain) for groups in _groupings(len(kernels)))


def _chain(channels: list[int], kernels: list[int], strides: list[int], extra: int) -> Case:
    size = _seen(kernels, strides) + extra
    return {"size": size, "channels": channels, "kernels": kernels, "strides": strides}


@composite
def _chains(draw: DrawFn) -> Case:
    n = whole(draw, 2, 5)
    return _chain(
        [draw(st.sampled_from([4, 1, 2, 8, 16, 32])) for _ in range(n + 1)],
        [draw(st.sampled_from([1, 2, 3, 5])) for _ in range(n)],
        [draw(st.sampled_from([1, 1, 2])) for _ in range(n)],
        whole(draw, 0, 20),
    )


def _board_chain(seed: int) -> Case:
    rng = Random(seed)
    n = 4 + seed % 4
    return _chain(
        [rng.choice([1, 2, 4, 8, 16, 32]) for _ in range(n + 1)],
        [rng.choice([1, 2, 3, 5]) for _ in range(n)],
        [rng.choice([1, 1, 2]) for _ in range(n)],
        rng.randrange(40),
    )


# Chains on which merging the best pair, again and again, stops too early.
_TRAPS = (
    _chain([16, 3, 4, 4, 3], [5, 5, 3, 3], [1, 1, 1, 1], 17),
    _chain([1, 4, 4, 3, 2], [5, 4, 1, 5], [2, 1, 1, 1], 22),
    _chain([2, 3, 2, 4, 2], [5, 3, 2, 3], [2, 1, 2, 1], 28),
)


def _judge(
    got: Any, size: int, channels: list[int], kernels: list[int], strides: list[int]
) -> Verdict:
    """Check that a grouping covers the chain and costs hardly more than the cheapest."""
    if not isinstance(got, list | tuple) or not all(is_whole(n) and n >= 1 for n in got):
        return Verdict(False, "A grouping is a list of lengths, whole numbers of 1 or more.")
    if sum(got) != len(kernels):
        what = f"The lengths add up to {sum(got)}; the chain has {len(kernels)} layers."
        return Verdict(False, what)
    chain = size, channels, kernels, strides
    cost, least = _macs(got, *chain), _least(*chain)
    if least < ENOUGH * cost:
        what = f"It costs {cost:,} multiply-adds; the cheapest grouping costs {least:,}."
        return Verdict(False, what)
    return Verdict(True, score=least / cost)


def _front_to_back(
    size: int, channels: list[int], kernels: list[int], strides: list[int]
) -> list[int]:
    """Let each layer join the group before it if that saves anything."""
    chain = size, channels, kernels, strides
    groups = [1]
    while (left := len(kernels) - sum(groups)) > 0:
        rest = [1] * (left - 1)
        joined, apart = [*groups[:-1], groups[-1] + 1], [*groups, 1]
        cheaper = _macs([*joined, *rest], *chain) < _macs([*apart, *rest], *chain)
        groups = joined if cheaper else apart
    return groups


def _strides_forgotten(
    size: int, channels: list[int], kernels: list[int], strides: list[int]
) -> list[int]:
    """Take the cheapest grouping of the chain as it would be if every stride were 1."""
    ones = [1] * len(kernels)
    fits = max(size, _seen(kernels, ones))
    return min(_groupings(len(kernels)), key=lambda g: _macs(g, fits, channels, kernels, ones))


group_convolutions = Task(
    name="layer_exchange.group_convolutions",
    title="Open: the cheapest way to merge a chain",
    cases=_chains(),
    judge=_judge,
    board=Board(
        cases=(*_TRAPS, *(_board_chain(seed) for seed in range(27))),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent: the least possible work over yours, on average over 30 chains",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "nothing merged",
            lambda size, channels, kernels, strides: [1] * len(kernels),
            "Leaving every layer alone is always right, and seldom the cheapest.",
        ),
        Mistake(
            "all merged",
            lambda size, channels, kernels, strides: [len(kernels)],
            "One convolution for the whole chain has the fewest layers, and often a huge kernel.",
        ),
        Mistake(
            "strides forgotten",
            _strides_forgotten,
            "This grouping would be the cheapest if all strides were 1: a stride makes the "
            "pictures behind it smaller, and spreads the taps behind it further apart.",
        ),
        Mistake(
            "front to back",
            _front_to_back,
            "Deciding from front to back, whether a layer joins the group before it, can miss a "
            "better partner that comes later.",
        ),
    ),
    hints=(
        "Between any two layers there is a cut, or there is none. How many groupings has a chain "
        "of five layers?",
        "Write a helper first that gives the multiply-adds of one group: its kernel, its first and "
        "last number of channels, and the side of its last picture.",
        "The cheapest grouping of the first j layers ends in some group i to j: the cheapest "
        "grouping of the first i layers, and that group. (Trying every grouping is quick enough.)",
    ),
)
