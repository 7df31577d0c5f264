"""Put blocks of memory that live for a while into one arena, as small as possible.

Think of rectangles that are as wide as a block's life and as high as its size. Each may slide up
and down but not sideways, and no two may overlap. The most that is alive at one moment is a lower
bound for the height of the pile. Finding the lowest pile is NP-hard in general (it is "dynamic
storage allocation", problem SR2 in Garey and Johnson 1979), but networks are easy cases: a short
search that never piles higher than the bound finds a perfect plan for most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ALIGNMENT = 64
"""Bytes: the width of a cache line, and of the widest vector register."""
TRIES = 20_000
"""How many positions the search may try before it settles for a good plan."""


class Block(NamedTuple):
    """Bytes that are needed from step `birth` to step `death`, both included."""

    bytes: int
    birth: int
    death: int


def aligned(size: int) -> int:
    """Round up to a multiple of ALIGNMENT."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def live_bytes(blocks: Sequence[Block], steps: int) -> tuple[int, ...]:
    """How many bytes are alive during each step."""
    return tuple(
        sum(block.bytes for block in blocks if block.birth <= step <= block.death)
        for step in range(steps)
    )


def place(blocks: Sequence[Block]) -> list[int]:
    """Return an offset for each block, so that no two that live at the same time overlap.

    A plan of exactly the lower bound's size if the search finds one, else a greedy one.
    """
    bound = max(live_bytes(blocks, max(block.death for block in blocks) + 1))
    by_size = sorted(range(len(blocks)), key=lambda i: (-blocks[i].bytes, blocks[i].birth))
    by_birth = sorted(range(len(blocks)), key=lambda i: (blocks[i].birth, -blocks[i].bytes))
    for order in (by_size, by_birth):
        if offsets := _search(blocks, order, bound):
            return offsets
    plans = [_greedy(blocks, order) for order in (by_size, by_birth)]
    return min(plans, key=lambda plan: _height(blocks, plan))


def _search(blocks: Sequence[Block], order: Sequence[int], bound: int) -> list[int] | None:
    """Place block after block below the bound; where one finds no room, move the one before."""
    offsets: dict[int, int] = {}
    choices = [_gaps(blocks, offsets, order[0], bound)]
    for _ in range(TRIES):
        if not choices[-1]:  # a dead end: take back the last block
            choices.pop()
            if not choices:
                return None
            del offsets[order[len(choices) - 1]]
            continue
        offsets[order[len(choices) - 1]] = choices[-1].pop(0)
        if len(offsets) == len(blocks):
            return [offsets[i] for i in range(len(blocks))]
        choices.append(_gaps(blocks, offsets, order[len(choices)], bound))
    return None


def _greedy(blocks: Sequence[Block], order: Sequence[int]) -> list[int]:
    """Place each block as low as it goes."""
    offsets: dict[int, int] = {}
    unlimited = sum(block.bytes for block in blocks)
    for i in order:
        offsets[i] = min(_gaps(blocks, offsets, i, unlimited))
    return [offsets[i] for i in range(len(blocks))]


def _gaps(blocks: Sequence[Block], offsets: dict[int, int], i: int, limit: int) -> list[int]:
    """Offsets where block i fits against the end of a gap, those in the tightest gaps first."""
    block = blocks[i]
    taken = sorted(
        (offset, offset + blocks[j].bytes)
        for j, offset in offsets.items()
        if blocks[j].birth <= block.death and block.birth <= blocks[j].death
    )
    gaps = []
    low = 0
    for start, stop in [*taken, (limit, limit)]:
        if start - low >= block.bytes:
            gaps.append((start - low, low, start - block.bytes))
        low = max(low, stop)
    both_ends = [end for _, bottom, top in sorted(gaps) for end in (bottom, top)]
    return list(dict.fromkeys(both_ends))


def _height(blocks: Sequence[Block], offsets: Sequence[int]) -> int:
    return max(offset + block.bytes for offset, block in zip(offsets, blocks, strict=True))
