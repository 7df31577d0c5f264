"""The steps of a model, put together and laid out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicnn import nn
from minicnn.cost.memory import share
from minicnn.cost.placement import ALIGNMENT, Block, aligned, place
from minicnn.cost.steps import VIEWS, Step, last_reads


class Fused(NamedTuple):
    """A step, and whether the ReLU after it is part of it."""

    step: Step
    relu: bool


def fuse(steps: list[Step]) -> list[Fused]:
    """Let the step before a ReLU do it, where nobody else reads what that step gives.

    A view has no memory of its own, and writing into it would change what others read.
    """
    readers = [sum(step.reads.count(i) for step in steps) for i in range(len(steps))]
    fused: list[Fused] = []
    found: list[int] = []  # where the output of each step is now
    for step in steps:
        reads = tuple(found[read] for read in step.reads)
        before = steps[step.reads[0]] if step.reads else step
        alone = bool(step.reads) and readers[step.reads[0]] == 1 and before.layer is not None
        if type(step.layer) is nn.ReLU and alone and type(before.layer) not in VIEWS:
            fused[reads[0]] = Fused(fused[reads[0]].step, True)
            found.append(reads[0])
        else:
            found.append(len(fused))
            fused.append(Fused(step._replace(reads=reads), False))
    return fused


def dtypes(steps: list[Fused], dtype: np.dtype) -> list[np.dtype]:
    """Try one sample of zeros, and see which type of numbers each step gives."""
    found: list[np.ndarray] = [np.zeros((1, *steps[0].step.shape), dtype)]
    for fused in steps[1:]:
        inputs = [found[read] for read in fused.step.reads]
        layer = fused.step.layer
        found.append(inputs[0] if layer is None or len(inputs) == 2 else layer.forward(inputs[0]))
    return [array.dtype for array in found]


def layout(steps: list[Step], sizes: list[int]) -> tuple[list[int], int]:
    """Return each activation's offset in the arena, and the arena's size, from their bytes."""
    deaths = last_reads(steps)
    homes, _ = share(steps, deaths, inplace=True)
    births = sorted(set(homes))
    blocks = [
        Block(
            aligned(sizes[home]),
            birth=home,
            death=max(death for death, h in zip(deaths, homes, strict=True) if h == home),
        )
        for home in births
    ]
    offsets = dict(zip(births, place(blocks), strict=True))
    peak = max(offsets[block.birth] + block.bytes for block in blocks)
    return [offsets[home] for home in homes], peak


def aligned_bytes(size: int) -> np.ndarray:
    """Bytes that begin where a cache line does, as the offsets in them do."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    first = -raw.ctypes.data % ALIGNMENT
    return raw[first : first + size]
