import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn.cost import placement
from minicnn.cost.placement import Block, aligned, live_bytes, place

BLOCKS = st.lists(
    st.builds(
        lambda size, birth, life: Block(64 * size, birth, birth + life),
        st.integers(1, 20),
        st.integers(0, 8),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=12,
)


def height_without_overlaps(blocks, offsets):
    """Paint each block into a grid of bytes by steps; a cell painted twice is an overlap."""
    height = max(o + b.bytes for b, o in zip(blocks, offsets, strict=True)) // 64
    grid = np.zeros((height, max(b.death for b in blocks) + 1), int)
    for block, offset in zip(blocks, offsets, strict=True):
        assert offset >= 0
        assert offset % 64 == 0
        low, high = offset // 64, (offset + block.bytes) // 64
        grid[low:high, block.birth : block.death + 1] += 1
    assert grid.max() == 1
    return 64 * height


@given(blocks=BLOCKS)
def test_nothing_overlaps_and_nothing_beats_the_bound(blocks):
    height = height_without_overlaps(blocks, place(blocks))
    bound = max(live_bytes(blocks, 13))
    assert bound <= height <= sum(block.bytes for block in blocks)


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_chains_always_reach_the_bound(sizes):
    """Each block lives until the next is written, as in a plain Sequential."""
    blocks = [
        Block(64 * size, birth, min(birth + 1, len(sizes) - 1)) for birth, size in enumerate(sizes)
    ]
    height = height_without_overlaps(blocks, place(blocks))
    pairs = [64 * (a + b) for a, b in itertools.pairwise(sizes)]
    assert height == max(pairs, default=64 * sizes[0])


@settings(max_examples=30)
@given(blocks=BLOCKS)
def test_the_greedy_plan_is_sound_too(blocks):
    order = list(range(len(blocks)))
    height_without_overlaps(blocks, placement._greedy(blocks, order))


def test_the_search_beats_greed():
    blocks = [Block(640, 5, 6), Block(704, 2, 5), Block(768, 4, 7), Block(896, 7, 8)]
    bound = max(live_bytes(blocks, 9))
    assert height_without_overlaps(blocks, place(blocks)) == bound == 2112
    greedy = placement._greedy(blocks, [3, 2, 1, 0])  # the largest first
    assert height_without_overlaps(blocks, greedy) == 2304


def test_without_a_perfect_plan_a_good_one(monkeypatch):
    monkeypatch.setattr(placement, "TRIES", 0)
    blocks = [Block(64, 0, 1), Block(128, 1, 2), Block(64, 2, 3)]
    assert height_without_overlaps(blocks, place(blocks)) >= 192


@pytest.mark.parametrize(("size", "rounded"), [(1, 64), (64, 64), (65, 128), (0, 0)])
def test_aligned(size, rounded):
    assert aligned(size) == rounded
