"""Plan where activations lie, so that a network runs in as little memory as it can.

In inference an activation is needed from the step that writes it to the last step that reads it.
Two that are never needed at the same time may lie in the same place. The planner gives every
activation an offset in one block of memory, the *arena*:

1. `trace` lists the steps of the model, one activation each.
2. `share` lets a step write over its own input where that is safe: elementwise layers whose input
   nobody reads again. Layers that only look at their input differently need no memory at all.
3. `place` finds the offsets. No plan can be smaller than what is alive at the worst moment, the
   *lower bound*; usually one of exactly that size exists (see `minicnn.cost.placement`).

`minicnn.cost.ArenaRunner` runs a model in such an arena. Reference: Pisarchyk and Lee (2020),
"Efficient memory management for deep neural net inference".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minicnn import ops
from minicnn.cost.placement import Block, aligned, live_bytes, place
from minicnn.cost.steps import ELEMENTWISE, VIEWS, Shape, Step, last_reads, trace
from minicnn.nn import Conv2d, Layer


class Activation(NamedTuple):
    """An activation in the arena: alive from step `birth` to step `death`, both included."""

    name: str
    layer: str
    shape: Shape  # with the batch axis
    bytes: int
    birth: int
    death: int
    offset: int
    shares: str  # "", "view", or "in place"


class Bar(NamedTuple):
    """One bar of the timeline: steps `start` to `stop` across, bytes `low` to `high` up."""

    name: str
    start: int
    stop: int
    low: int
    high: int
    shares: str  # "" or "in place"


@dataclass(frozen=True)
class MemoryPlan:
    """Where every activation lies; ``print`` it, or read its attributes.

    Attributes
    ----------
    activations : one a step, in the order of computation, the input first.
    peak_bytes : size of the arena.
    live_bytes : how much of it is in use during each step.
    naive_bytes : all activations side by side, nothing shared but views.
    workspace_bytes : the most that a convolution needs besides, such as its column matrix; None
        if its algorithm does not say.

    Sizes are rounded up to a multiple of 64 bytes, the width of a cache line.
    """

    activations: tuple[Activation, ...]
    peak_bytes: int
    live_bytes: tuple[int, ...]
    naive_bytes: int
    workspace_bytes: int | None

    @property
    def lower_bound(self) -> int:
        """Bytes alive at the worst moment: no arena can be smaller."""
        return max(self.live_bytes)

    def timeline(self) -> list[Bar]:
        """Rectangles of a picture with steps across and addresses up.

        A view is part of the bar that it looks at. Where the next activation takes over the same
        memory, its bar begins as this one ends.
        """
        bars: list[Bar] = []
        latest: dict[int, int] = {}  # the last bar at each offset
        for a in self.activations:
            if a.shares == "view":
                at = latest[a.offset]
                bars[at] = bars[at]._replace(stop=max(bars[at].stop, a.death + 1))
                continue
            if a.shares == "in place":
                at = latest[a.offset]
                bars[at] = bars[at]._replace(stop=a.birth)
            latest[a.offset] = len(bars)
            bars.append(Bar(a.name, a.birth, a.death + 1, a.offset, a.offset + a.bytes, a.shares))
        return bars

    def __str__(self) -> str:
        titles = ("step", "name", "layer", "shape", "bytes", "alive", "offset", "")
        rows = [
            (
                str(a.birth),
                a.name,
                a.layer,
                str(a.shape),
                f"{a.bytes:,}",
                f"{a.birth}-{a.death}",
                f"{a.offset:,}",
                a.shares,
            )
            for a in self.activations
        ]
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        right = {0, 4, 5, 6}
        lines = [
            "  ".join(
                text.rjust(width) if column in right else text.ljust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (titles, *rows)
        ]
        rule = "-" * max(map(len, lines))
        saved = 1 - self.peak_bytes / self.naive_bytes
        extra = self.workspace_bytes
        return "\n".join(
            [
                lines[0],
                rule,
                *lines[1:],
                rule,
                f"arena        {self.peak_bytes:>13,} bytes ({saved:.0%} less than side by side)",
                f"lower bound  {self.lower_bound:>13,} bytes",
                f"side by side {self.naive_bytes:>13,} bytes",
                f"workspace    {'unknown' if extra is None else f'{extra:,}':>13} bytes",
            ]
        )


def memory_plan(
    model: Layer,
    in_shape: Sequence[int],
    *,
    dtype: Any = None,
    batch: int = 1,
    inplace: bool = True,
) -> MemoryPlan:
    """Lay the activations of inference on `batch` inputs of `in_shape` into one arena.

    Parameters
    ----------
    in_shape
        (C, H, W) or (features,), without the batch axis.
    dtype
        Of the activations; the model's own unless given.
    inplace
        Let elementwise layers and sums write over an input that is not needed again.

    Raises
    ------
    ValueError
        A layer cannot take the shape that the one before it gives, or `batch` is below 1.
    """
    if batch < 1:
        raise ValueError(f"batch is {batch}; memory_plan wants at least 1 image. Use batch=1.")
    itemsize = np.dtype(dtype or model.dtype or np.float32).itemsize
    steps = trace(model, in_shape)
    sizes = [math.prod(step.shape) * batch * itemsize for step in steps]
    deaths = last_reads(steps)
    homes, kinds = share(steps, deaths, inplace)
    blocks = [
        Block(
            aligned(sizes[home]),
            birth=home,
            death=max(deaths[i] for i in range(len(steps)) if homes[i] == home),
        )
        for home in sorted(set(homes))
    ]
    offsets = dict(zip(sorted(set(homes)), place(blocks), strict=True))
    activations = tuple(
        Activation(
            step.name,
            type(step.layer).__name__ if step.layer is not None else "",
            (batch, *step.shape),
            sizes[i],
            birth=i,
            death=deaths[i],
            offset=offsets[homes[i]],
            shares=kinds[i],
        )
        for i, step in enumerate(steps)
    )
    return MemoryPlan(
        activations,
        peak_bytes=max(offsets[block.birth] + block.bytes for block in blocks),
        live_bytes=live_bytes(blocks, len(steps)),
        naive_bytes=sum(aligned(a.bytes) for a in activations if a.shares != "view"),
        workspace_bytes=_workspace(steps, batch, itemsize),
    )


def share(
    steps: Sequence[Step], deaths: Sequence[int], inplace: bool
) -> tuple[list[int], list[str]]:
    """Say in whose memory each activation lies (its own step, or an earlier one), and how."""
    homes: list[int] = []
    kinds: list[str] = []
    for i, step in enumerate(steps):
        home, kind = i, ""
        if type(step.layer) in VIEWS:
            home, kind = homes[step.reads[0]], "view"
        elif inplace and (type(step.layer) in ELEMENTWISE or len(step.reads) == 2):
            for read in step.reads:
                # Views and all: everything that lies there must have had its last reader.
                if all(deaths[j] <= i for j in range(i) if homes[j] == homes[read]):
                    home, kind = homes[read], "in place"
                    break
        homes.append(home)
        kinds.append(kind)
    return homes, kinds


def _workspace(steps: Sequence[Step], batch: int, itemsize: int) -> int | None:
    """Bytes of the hungriest convolution's workspace, None if one of the kernels does not say."""
    needed = [0]
    for step in steps:
        if isinstance(step.layer, Conv2d):
            C, H, W = steps[step.reads[0]].shape
            asked = ops.conv2d_workspace(
                (batch, C, H, W), step.layer.weight_shape, itemsize=itemsize,
                algorithm=step.layer.algorithm, **step.layer.geometry,
            )  # fmt: skip
            if asked is None:
                return None
            needed.append(asked)
    return max(needed)
