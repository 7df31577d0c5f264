"""The open task: save as much work as exchanging poolings can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

PRICES = {
    "relu": 1,
    "tanh": 8,
    "abs": 1,
    "gelu": 8,
    "negate": 1,
    "scale": 2,
    "norm": 2,
    "pointwise": 30,
    "conv": 200,
    "max": 1,
    "min": 1,
    "avg": 1,
}
"""Operations for each number that goes in."""

POOLS = ("max", "min", "avg")
RISING = ("relu", "tanh")
CONVS = ("conv", "pointwise")
OTHER = {"max": "min", "min": "max", "avg": "avg"}
ENOUGH = 0.9

Layers = tuple[str, ...]
Exchange = Callable[[str, str, str], "tuple[str, str] | None"]


def exchange(before: str, layer: str, pool: str) -> tuple[str, str] | None:
    """Return what `layer`, `pool` become when exchanged; `before` stands in front of them."""
    if pool not in POOLS:
        return None
    if layer == "scale" or (layer in RISING and pool != "avg"):
        return pool, layer
    if layer == "negate":
        return OTHER[pool], layer
    if layer in ("norm", "pointwise") and pool == "avg":
        return pool, layer
    if layer == "norm" and before in CONVS:
        return pool, "scale"
    return None


def steps(layers: Layers, rule: Exchange = exchange) -> Iterator[Layers]:
    """Yield every list that is one exchange away."""
    for i in range(len(layers) - 1):
        pair = rule(layers[i - 1] if i else "", layers[i], layers[i + 1])
        if pair is not None:
            yield (*layers[:i], *pair, *layers[i + 2 :])


def cost(layers: Layers) -> int:
    """Count the operations on a picture that is one number large after the last pooling."""
    numbers, total = 4 ** sum(layer in POOLS for layer in layers), 0
    for layer in layers:
        total += PRICES[layer] * numbers
        if layer in POOLS:
            numbers //= 4
    return total


@lru_cache(maxsize=1024)
def reachable(layers: Layers) -> frozenset[Layers]:
    """Return every list that exchanges can make of this one, itself included."""
    seen, new = {layers}, [layers]
    while new:
        for found in steps(new.pop()):
            if found not in seen:
                seen.add(found)
                new.append(found)
    return frozenset(seen)


@composite
def _layer_cases(draw: DrawFn) -> Case:
    layers = [draw(st.sampled_from(list(PRICES))) for _ in range(whole(draw, 1, 5))]
    layers.append(draw(st.sampled_from(POOLS)))
    return {"layers": layers}


def _judge_layers(got: Any, layers: list[str]) -> Verdict:
    """Check that exchanges lead to the list, and score its share of the best saving."""
    if not isinstance(got, list | tuple) or not all(isinstance(layer, str) for layer in got):
        return Verdict(False, "The answer is a list of names of layers.")
    start, end = tuple(layers), tuple(map(str, got))
    unknown = [layer for layer in end if layer not in PRICES]
    if unknown:
        return Verdict(False, f"There is no layer {unknown[0]!r}.")
    if end not in reachable(start):
        return Verdict(False, "The exchanges of the table do not lead from the one to the other.")
    possible = cost(start) - min(map(cost, reachable(start)))
    if possible == 0:
        return Verdict(True, score=1.0)
    saved = cost(start) - cost(end)
    if saved < ENOUGH * possible:
        what = f"It is right, and saves {saved:,} operations; {possible:,} could be saved."
        return Verdict(False, what)
    return Verdict(True, score=saved / possible)


def _until_nothing_moves(layers: list[str], rule: Exchange) -> list[str]:
    now = tuple(layers)
    while following := next(steps(now, rule), None):
        now = following
    return list(now)


def _one_step_each(layers: list[str]) -> list[str]:
    """Walk once from front to back, and exchange what can be."""
    now = list(layers)
    for i in range(len(now) - 1):
        pair = exchange(now[i - 1] if i else "", now[i], now[i + 1])
        if pair:
            now[i : i + 2] = pair
    return now


def _with(before: str, layer: str, pool: str, *, kind: str) -> tuple[str, str] | None:
    """Exchange by the table but for one mistake."""
    if pool in POOLS:
        if kind == "flip forgotten" and layer == "negate":
            return pool, layer
        if kind == "past the mean" and layer in RISING:
            return pool, layer
        if kind == "signs ignored" and layer == "norm":
            return pool, layer
        if kind == "mixed channels" and layer == "pointwise":
            return pool, layer
    return exchange(before, layer, pool)


def _greedy(kind: str) -> Callable[[list[str]], list[str]]:
    return lambda layers: _until_nothing_moves(layers, partial(_with, kind=kind))


BOARD = (
    "conv relu max",
    "conv norm relu max conv norm relu max pointwise avg",
    "conv norm tanh max conv norm tanh min pointwise negate avg",
    "pointwise norm relu max pointwise norm avg",
    "conv relu avg conv relu avg pointwise avg",
    "conv norm avg max",
    "pointwise norm avg max",
    "pointwise norm avg min tanh max",
    "norm relu max pointwise scale avg",
    "negate relu max negate tanh min",
    "conv negate norm max",
    "conv gelu scale tanh max scale avg",
    "pointwise pointwise avg pointwise negate avg",
    "conv norm negate tanh relu max avg",
    "abs tanh scale negate max abs negate min",
    "conv norm scale max scale scale avg",
)


exchange_pools = Task(
    name="pooling_exchange.exchange_pools",
    title="Open: save what exchanging can save",
    cases=_layer_cases(),
    judge=_judge_layers,
    board=Board(
        cases=tuple({"layers": line.split()} for line in BOARD),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label=f"per cent of what can be saved, on average over {len(BOARD)} networks",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "nothing moved",
            lambda layers: list(layers),
            "This gives the list back as it came. Look for a pooling with a layer in front of it "
            "that it may pass.",
        ),
        Mistake(
            "once through",
            _one_step_each,
            "This walks through the list once. A pooling that has moved may move again, "
            "and another one may have room now: repeat until nothing moves.",
        ),
        Mistake(
            "flip forgotten",
            _greedy("flip forgotten"),
            "A maximum that passes `negate` becomes a minimum, and a minimum a maximum.",
        ),
        Mistake(
            "activation past the mean",
            _greedy("past the mean"),
            "relu and tanh are bent: they pass a maximum or a minimum, and no average.",
        ),
        Mistake(
            "signs ignored",
            _greedy("signs ignored"),
            "A `norm` has scales of both signs. A maximum or minimum passes it only if a "
            "convolution directly in front takes the signs; then the norm is a `scale`.",
        ),
        Mistake(
            "pointwise past the maximum",
            _greedy("mixed channels"),
            "`pointwise` adds up channels: it passes an average, and no maximum.",
        ),
    ),
    hints=(
        "Which two neighbours would you have to exchange first, and what can happen after that?",
        "Write a function for one pair: given the layer and the pooling behind it (and what stands "
        "in front), it returns the exchanged pair, or None.",
        "Loop over the neighbours; exchange a pair if you can and start again; stop when no pair "
        "can be exchanged. Every exchange of the table saves work.",
    ),
)
