"""The open task: see a whole image with as few numbers as possible."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG001

from __future__ import annotations

from functools import cache
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

Layers = list[tuple[int, int]]
ROOM = 1.25  # the budget, in units of the fewest parameters possible


def _price(layers: Any, width: int, units: int) -> int:
    total, channels = 0, 1
    for i, (k, _) in enumerate(layers):
        filters = units if i == len(layers) - 1 else width
        total += filters * (channels * k * k + 1)
        channels = filters
    return total


@cache
def _cheapest(size: int, width: int, units: int, channels: int = 1) -> tuple[int, Layers]:
    """Fewest parameters from a map of this size to 1 x 1, and the layers that need them."""
    best = (units * (channels * size**2 + 1), [(size, 1)])
    for k in range(2, size):
        here = width * (channels * k * k + 1)
        for stride in range(1, k + 1):
            if (size - k) % stride == 0:
                rest, layers = _cheapest((size - k) // stride + 1, width, units, width)
                best = min(best, (here + rest, [(k, stride), *layers]), key=lambda pair: pair[0])
    return best


def _case(size: int, width: int, units: int) -> Case:
    budget = int(ROOM * _cheapest(size, width, units)[0])
    return {"size": size, "width": width, "units": units, "budget": budget}


@composite
def _cases(draw: DrawFn) -> Case:
    return _case(
        whole(draw, 2, 32), draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from([4, 10, 32]))
    )


def _judge(got: Any, size: int, width: int, units: int, budget: int) -> Verdict:
    """Follow the side of the maps to 1 and compare the parameters with the budget."""
    if not isinstance(got, list | tuple) or not got:
        return Verdict(False, "A network is a list of layers (k, stride), one or more.")
    side = size
    for i, layer in enumerate(got):
        if not isinstance(layer, list | tuple) or len(layer) != 2 or not all(map(is_whole, layer)):
            return Verdict(False, f"Layer {i} is {layer!r}; a layer is (k, stride), two ints.")
        k, stride = layer
        if not 1 <= k <= side:
            return Verdict(False, f"Layer {i} has a window of {k}, and its map is {side} wide.")
        if not 1 <= stride <= k:
            what = f"Layer {i} has the stride {stride} and a window of {k}: it skips pixels."
            return Verdict(False, what if stride > 0 else f"Layer {i} has the stride {stride}.")
        if left := (side - k) % stride:
            what = f"Layer {i}: windows of {k} with stride {stride} on a side of {side}"
            return Verdict(False, f"{what} leave {left} unseen at the end.")
        side = (side - k) // stride + 1
    if side != 1:
        return Verdict(False, f"The last map has a side of {side}; each output must see it all: 1.")
    price = _price(got, width, units)
    if price > budget:
        return Verdict(False, f"It has {price:,} parameters; the budget is {budget:,}.")
    return Verdict(True, score=_cheapest(size, width, units)[0] / price)


def _dense(size: int, width: int, units: int, budget: int) -> Layers:
    return [(size, 1)]


def _threes(size: int, width: int, units: int, budget: int) -> Layers:
    """Windows of 3 with stride 1, as long as they fit."""
    layers = []
    while size > 3:
        layers.append((3, 1))
        size -= 2
    return [*layers, (size, 1)]


def _halves(size: int, width: int, units: int, budget: int) -> Layers:
    """Windows of 2 with stride 2 down to a single number, odd sides or not."""
    layers = []
    while size > 1:
        layers.append((2, 2))
        size //= 2
    return layers


def _greedy(size: int, width: int, units: int, budget: int) -> Layers:
    """Take the smallest window that leaves nothing unseen at its largest stride."""
    layers = []
    while size > 1:
        k = next(k for k in range(2, size + 1) if size % k == 0)
        layers.append((k, k))
        size //= k
    return layers


cheapest_network = Task(
    name="weight_sharing.cheapest_network",
    title="Open: the cheapest network that sees it all",
    cases=_cases(),
    judge=_judge,
    board=Board(
        cases=tuple(
            _case(size, width, units)
            for size in (9, 17, 28, 31)
            for width in (2, 8)
            for units in (10, 64)
        ),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent: the fewest parameters possible over yours, on average over 16 networks",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "dense",
            _dense,
            "A window as large as the image has one position: it is a dense layer, and shares "
            "nothing.",
        ),
        Mistake(
            "stride 1",
            _threes,
            "Windows of 3 with stride 1 share well, but each layer only takes 2 off the side: "
            "many layers, and each is paid for.",
        ),
        Mistake(
            "halving blindly",
            _halves,
            "Halving an odd side leaves its last row and column unseen.",
        ),
        Mistake(
            "no overlap",
            _greedy,
            "Windows that tile the map exactly need a divisor of its side, and a prime side has "
            "only itself. Windows may overlap.",
        ),
    ),
    hints=(
        "After one layer (k, stride), what is left? Is it not the same question for a smaller map?",
        "Write a function of the side and the channels that returns the price and the layers, and "
        "let it call itself.",
        "Try every k and every stride that leaves nothing unseen; the last layer is k = side. "
        "functools.cache remembers what was solved.",
    ),
)
