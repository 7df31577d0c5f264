"""Blocks in an arena without overlap, and where to cut a network that recomputes."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import combinations, permutations
from math import isqrt
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Case, Mistake, Task, Verdict


# --- offsets ----------------------------------------------------------------------------------
@composite
def _block_cases(draw: DrawFn) -> Case:
    """Draw two lives that touch, four blocks that lead every simple rule astray, or anything.

    Among the four, the second and the fourth fit under the bound only if the first and the third,
    which meet, lie at the two ends.
    """
    kind = whole(draw, 0, 5)
    if kind == 0:
        lives = [(whole(draw, 1, 3), 0, 1), (whole(draw, 1, 3), 1, 2)]
    elif kind <= 2:
        small = whole(draw, 1, 3)
        large, start = small + whole(draw, 1, 3), whole(draw, 0, 2)
        lives = [(small, 0, 2), (large, 1, 1), (small, 2, 3), (large, 3, 3)]
        lives = [(size, start + birth, start + death) for size, birth, death in lives]
        if draw(st.booleans()):
            lives.insert(whole(draw, 0, 4), (whole(draw, 1, 2), start + 4, start + 4))
    else:
        births = [whole(draw, 0, 4) for _ in range(whole(draw, 1, 5))]
        lives = [(whole(draw, 1, 5), birth, birth + whole(draw, 0, 3)) for birth in births]
    sizes, births, deaths = (list(column) for column in zip(*lives, strict=True))
    return {"sizes": sizes, "births": births, "deaths": deaths}


def _stack(
    order: Sequence[int],
    sizes: Sequence[int],
    births: Sequence[int],
    deaths: Sequence[int],
    *,
    touching: bool = True,
) -> list[int]:
    """Put each block at the lowest address that is free in every step of its life."""
    taken: set[tuple[int, int]] = set()  # (step, address)
    offsets = [0] * len(sizes)
    for i in order:
        steps = range(births[i], deaths[i] + 1 if touching else max(deaths[i], births[i] + 1))
        while any((t, offsets[i] + j) in taken for t in steps for j in range(sizes[i])):
            offsets[i] += 1
        taken |= {(t, offsets[i] + j) for t in steps for j in range(sizes[i])}
    return offsets


@lru_cache(maxsize=1024)
def _lowest(sizes: tuple[int, ...], births: tuple[int, ...], deaths: tuple[int, ...]) -> int:
    """The height of the best plan: some order of putting blocks down is always perfect."""
    plans = (_stack(order, sizes, births, deaths) for order in permutations(range(len(sizes))))
    return min(max(o + s for o, s in zip(plan, sizes, strict=True)) for plan in plans)


def _judge_plan(got: Any, sizes: list[int], births: list[int], deaths: list[int]) -> Verdict:
    if not isinstance(got, list | tuple) or not all(is_whole(offset) for offset in got):
        return Verdict(False, "A plan is a list of offsets, one whole number for each block.")
    if len(got) != len(sizes):
        return Verdict(False, f"There are {len(sizes)} blocks, and {len(got)} offsets were given.")
    if min(got) < 0:
        return Verdict(False, f"Offset {min(got)} lies below the arena, which begins at 0.")
    for j in range(len(sizes)):
        for i in range(j):
            meet = births[i] <= deaths[j] and births[j] <= deaths[i]
            if meet and got[i] < got[j] + sizes[j] and got[j] < got[i] + sizes[i]:
                step, byte = max(births[i], births[j]), max(got[i], got[j])
                what = f"Blocks {i} and {j} overlap: in step {step} both hold address {byte}."
                return Verdict(False, what)
    height = max(offset + size for offset, size in zip(got, sizes, strict=True))
    lowest = _lowest(tuple(sizes), tuple(births), tuple(deaths))
    if height > lowest:
        what = f"No two blocks overlap, but the arena has {height} bytes where {lowest} would do."
        return Verdict(False, what)
    return Verdict(True)


def _by(key: Callable[[int, int, int], Any]) -> Callable[..., list[int]]:
    """A rule: the order in which blocks are put down, from (size, birth, death)."""

    def rule(sizes: list[int], births: list[int], deaths: list[int]) -> list[int]:
        lives = list(zip(sizes, births, deaths, strict=True))
        order = sorted(range(len(sizes)), key=lambda i: key(*lives[i]))
        return _stack(order, sizes, births, deaths)

    return rule


place = Task(
    name="activation_memory.place",
    title="Where may a block lie?",
    cases=_block_cases(),
    judge=_judge_plan,
    mistakes=(
        Mistake(
            "all at the bottom",
            lambda sizes, births, deaths: [0] * len(sizes),
            "With every offset 0, blocks that live at the same time overlap.",
        ),
        Mistake(
            "side by side",
            lambda sizes, births, deaths: [sum(sizes[:i]) for i in range(len(sizes))],
            "Side by side nothing overlaps, and nothing is shared: "
            "blocks that never meet may have the same place.",
        ),
        Mistake(
            "touching lives share",
            lambda sizes, births, deaths: _stack(
                range(len(sizes)), sizes, births, deaths, touching=False
            ),
            "A block that dies in step t and one that is born in step t meet: while a layer works, "
            "its input and its output are both there.",
        ),
        Mistake(
            "in the order given",
            lambda sizes, births, deaths: _stack(range(len(sizes)), sizes, births, deaths),
            "Putting the blocks down in the order given, each as low as it goes, is sound, but "
            "another order can be better.",
        ),
        Mistake(
            "oldest first",
            _by(lambda size, birth, death: birth),
            "Oldest first, each as low as it goes, is sound, but it can cut the free room in two.",
        ),
        Mistake(
            "largest first",
            _by(lambda size, birth, death: -size),
            "Largest first, each as low as it goes, is a good rule for networks, but not perfect.",
        ),
    ),
    hints=(
        "Two blocks: when must they not share an address? Which two comparisons say so?",
        "Write a function that puts the blocks down in a given order, each as low as it goes "
        "without overlapping those that it meets. Then think about orders.",
        "There are at most five blocks, so at most 120 orders (itertools.permutations). Put the "
        "blocks down in each, and keep the offsets whose highest end is lowest.",
    ),
)


# --- recomputation ----------------------------------------------------------------------------
@composite
def _chain_cases(draw: DrawFn) -> Case:
    return {"sizes": [whole(draw, 1, 9) for _ in range(whole(draw, 1, 8))]}


def _kept(sizes: Sequence[int], starts: Sequence[int]) -> int:
    """Walk backwards through the segments, and return the most that is kept."""
    held = sum(sizes[start] for start in starts)
    worst, end = 0, len(sizes)
    for start in reversed(starts):
        worst = max(worst, held + sum(sizes[start + 1 : end]))
        held, end = held - sizes[start], start
    return worst


def _choices(count: int) -> list[list[int]]:
    return [[0, *rest] for number in range(count) for rest in combinations(range(1, count), number)]


@lru_cache(maxsize=1024)
def _least_kept(sizes: tuple[int, ...]) -> int:
    return min(_kept(sizes, starts) for starts in _choices(len(sizes)))


def _judge_starts(got: Any, sizes: list[int]) -> Verdict:
    if not isinstance(got, list | tuple) or not all(is_whole(start) for start in got):
        return Verdict(False, "An answer is a list of whole numbers: where each segment starts.")
    if not got or got[0] != 0:
        return Verdict(False, "The first segment starts at layer 0.")
    if list(got) != sorted(set(got)) or got[-1] >= len(sizes):
        what = f"The starts must rise, and lie below {len(sizes)}, the number of layers."
        return Verdict(False, what)
    kept, least = _kept(sizes, got), _least_kept(tuple(sizes))
    if kept > least:
        return Verdict(False, f"At the worst moment {kept} bytes are kept; {least} would do.")
    return Verdict(True)


def _every_root(sizes: list[int]) -> list[int]:
    return list(range(0, len(sizes), max(1, isqrt(len(sizes)))))


def _all_starts_held(sizes: list[int]) -> list[int]:
    """Choose as if every start were held until the end."""

    def kept(starts: list[int]) -> int:
        ends = [*starts[1:], len(sizes)]
        inside = max(sum(sizes[s + 1 : e]) for s, e in zip(starts, ends, strict=True))
        return sum(sizes[start] for start in starts) + inside

    return min(_choices(len(sizes)), key=kept)


segment_starts = Task(
    name="activation_memory.segment_starts",
    title="Where to cut for recomputation",
    cases=_chain_cases(),
    judge=_judge_starts,
    mistakes=(
        Mistake(
            "nothing forgotten",
            lambda sizes: list(range(len(sizes))),
            "With a segment for each layer every activation is a start, and all are kept.",
        ),
        Mistake(
            "one segment",
            lambda sizes: [0],
            "One segment is the whole network: its way back keeps everything at once.",
        ),
        Mistake(
            "equal segments",
            _every_root,
            "Segments of the root of L are best where all layers keep the same. Here they do not: "
            "start where the activation is small.",
        ),
        Mistake(
            "all starts held",
            _all_starts_held,
            "This choice is best if every start were held to the end. "
            "But a start behind the segment at work has been used up.",
        ),
    ),
    hints=(
        "On the way back through segment j, which starts are still needed?",
        "Write a small function first: what one choice of starts keeps at the worst moment. "
        "One pass over its segments is enough.",
        "With at most eight layers there are at most 128 choices: 0, and any of the others. "
        "itertools.combinations lists them; keep the best.",
    ),
)
