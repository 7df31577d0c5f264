"""A whole network at a glance: shapes from layer to layer, and memory over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minicnn.viz.style import CYCLE, FONT, INPUT, OUTPUT, WIDTH, tint


def shape_flow(shapes: Mapping[str, Sequence[int]], *, per_row: int = 4) -> Figure:
    """Draw each activation as a stack of maps: sides to scale, depth grows with log(channels).

    Parameters
    ----------
    shapes : mapping of str to (C, H, W) or (features,)
        Name of the layer and shape of its output without the batch axis, the input first.
    per_row : int
        Stacks in a row of the figure.
    """
    if not shapes or per_row < 1:
        raise ValueError(
            f"shapes has {len(shapes)} entries and per_row is {per_row}; both want to be 1 or more."
            f" Pass {{'input': (1, 28, 28), ...}}."
        )
    boxes = {name: _box(name, shape) for name, shape in shapes.items()}
    side = max(box[1] for box in boxes.values())
    rows = -(-len(boxes) // per_row)
    fig, ax = plt.subplots(figsize=(WIDTH, 1.75 * rows), layout="constrained")
    for index, (name, (channels, height, width)) in enumerate(boxes.items()):
        row, column = divmod(index, per_row)
        color = INPUT if index == 0 else OUTPUT
        high, wide = (max(0.04, 0.52 * n / side) for n in (height, width))
        sheets = 1 + min(11, round(1.6 * math.log2(channels)))
        left, bottom = column + 0.05, 1.45 * row + 1.05
        for layer in reversed(range(sheets)):
            shift = 0.028 * layer
            ax.add_patch(
                Rectangle(
                    (left + shift, bottom - high - shift),
                    wide,
                    high,
                    facecolor=tint(color, 0.4),
                    edgecolor=color,
                    linewidth=0.8,
                )
            )
        ax.text(left, bottom + 0.06, name, fontsize=FONT - 1, va="top")
        shape = " × ".join(map(str, shapes[name]))
        ax.text(left, bottom + 0.23, shape, fontsize=FONT - 2, va="top", color="#555555")
    ax.set_xlim(0, min(per_row, len(boxes)))
    ax.set_ylim(1.45 * rows, 0)
    ax.set_xlabel("shapes are channels × rows × columns (pixels), or features", fontsize=FONT - 1)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    return fig


def _box(name: str, shape: Sequence[int]) -> tuple[int, int, int]:
    sizes = tuple(int(n) for n in shape)
    if len(sizes) == 1:
        sizes = (*sizes, 1, 1)
    if len(sizes) != 3 or min(sizes) < 1:
        raise ValueError(
            f"shapes[{name!r}] is {tuple(shape)}; it wants (C, H, W) or (features,), without the "
            f"batch axis. Cut that off: shape[1:]."
        )
    return sizes


class Block(NamedTuple):
    """One buffer in memory: where it lies, how long it is, and between which steps it is needed."""

    name: str
    offset: int
    size: int
    first: int
    last: int


def memory_timeline(blocks: Sequence[Block | tuple[Any, ...]], *, unit: str = "KiB") -> Figure:
    """Draw buffers as rectangles: time from left to right, place in memory from the bottom up.

    Parameters
    ----------
    blocks : sequence of (name, offset, size, first, last)
        Offset and size in bytes; a buffer is needed from step `first` to step `last`, inclusive.
    unit : str
        "B", "KiB" or "MiB".
    """
    sizes = {"B": 1, "KiB": 1024, "MiB": 1024**2}
    if unit not in sizes or not blocks:
        raise ValueError(
            f"unit is {unit!r} and there are {len(blocks)} blocks; it wants one of {list(sizes)} "
            f"and one block or more. Try unit='KiB'."
        )
    buffers = [Block(*block) for block in blocks]
    for block in buffers:
        if block.offset < 0 or block.size < 0 or block.last < block.first:
            raise ValueError(
                f"{block} cannot be; a block wants offset >= 0, size >= 0 and last >= first. "
                f"Are first and last swapped?"
            )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for index, block in enumerate(buffers):
        color = CYCLE[index % len(CYCLE)]
        left, bottom = block.first - 0.5, block.offset / sizes[unit]
        wide, high = block.last - block.first + 1, block.size / sizes[unit]
        face = tint(color, 0.5)
        ax.add_patch(Rectangle((left, bottom), wide, high, facecolor=face, edgecolor=color))
        ax.text(
            left + wide / 2,
            bottom + high / 2,
            block.name,
            ha="center",
            va="center",
            fontsize=FONT - 2,
            clip_on=True,
        )
    peak = max(block.offset + block.size for block in buffers) / sizes[unit]
    ax.axhline(peak, color="black", linewidth=1.2, linestyle="--")
    ax.set_title(f"peak {peak:,.4g} {unit}", loc="left")
    steps = range(min(b.first for b in buffers), max(b.last for b in buffers) + 1)
    ax.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
    ax.set_ylim(0, peak * 1.05 or 1)
    ax.set_xticks(steps)
    ax.set_xlabel("step (layer that runs)")
    ax.set_ylabel(f"address ({unit})")
    return fig
