"""Memory over time: who lives when, where it lies, what training keeps, what recomputing buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

from minicnn.cost import MemoryPlan
from minicnn.viz.style import BLUE, CYCLE, GREY, INPUT, ORANGE, OUTPUT, WIDTH, tint

UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2}
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
COLORS = CYCLE[:-1]  # without black, which is for lines
NAMED_STEPS = 20
"""Up to so many steps each has its name below; more would not fit."""


def lifetimes(plan: MemoryPlan) -> Figure:
    """Draw one row an activation: from the step that writes it (dark) to its last reader.

    Views are left out, as they are no memory of their own.

    Parameters
    ----------
    plan : MemoryPlan
        What `minicnn.cost.memory_plan` returns.
    """
    rows = [a for a in plan.activations if a.shares != "view"]
    fig, ax = plt.subplots(figsize=(WIDTH, 0.27 * len(rows) + 0.8))
    for row, a in enumerate(rows):
        color = INPUT if a.birth == 0 else OUTPUT
        ax.barh(row, a.death - a.birth + 1, left=a.birth - 0.5, color=tint(color), height=0.7)
        ax.barh(row, 1, left=a.birth - 0.5, color=color, height=0.7)
    ax.set_yticks(range(len(rows)), [_title(a) for a in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x")
    ax.set_xlim(-0.5, len(plan.activations) - 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(15, integer=True))
    ax.set_xlabel("step (number of the layer that runs)")
    return fig


def arena_timeline(plan: MemoryPlan, *, unit: str = "KiB") -> Figure:
    """Draw a plan: steps from left to right, addresses upwards, each activation a rectangle.

    The number in a rectangle is the step that wrote it; hatched is what was written over its own
    input. The dashed line is the lower bound: the most that is alive at one moment.

    Parameters
    ----------
    plan : MemoryPlan
        What `minicnn.cost.memory_plan` returns.
    unit : str
        "B", "KiB" or "MiB".
    """
    size = _size(unit)
    steps = len(plan.activations)
    fig, ax = plt.subplots(figsize=(WIDTH, 4.1 if steps <= NAMED_STEPS else 3.4))
    births = {a.name: a.birth for a in plan.activations}
    tallest = max(bar.high - bar.low for bar in plan.timeline())
    for index, bar in enumerate(plan.timeline()):
        color = COLORS[index % len(COLORS)]
        left, low, wide = bar.start - 0.5, bar.low / size, bar.stop - bar.start
        high = (bar.high - bar.low) / size
        ax.add_patch(
            Rectangle(
                (left, low),
                wide,
                high,
                facecolor=tint(color, 0.45),
                edgecolor=color,
                hatch="///" if bar.shares else "",
                linewidth=1,
            )
        )
        if steps <= NAMED_STEPS and bar.high - bar.low > tallest / 12:
            ax.text(
                left + wide / 2,
                low + high / 2,
                str(births[bar.name]),
                ha="center",
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )
    bound = plan.lower_bound / size
    label = f"lower bound, {bound:,.4g} {unit}"
    ax.axhline(bound, color="black", linestyle="--", linewidth=1.2, label=label)
    ax.set_ylim(0, 1.04 * plan.peak_bytes / size)
    ax.set_ylabel(f"address ({unit})")
    _name_steps(ax, plan)
    fig.legend(loc="outside upper right")
    return fig


def piles(plans: Mapping[str, Sequence[tuple[Any, ...]]], *, bound: int) -> Figure:
    """Draw placements of the same blocks side by side: steps across, addresses up, whole numbers.

    Parameters
    ----------
    plans : mapping of str to sequence of (name, offset, size, first, last)
        Each block lies at `offset` and is needed from step `first` to `last`, both included.
    bound : int
        The lower bound, drawn as a dashed line.
    """
    if not plans or any(not blocks for blocks in plans.values()):
        raise ValueError(
            f"plans is {dict(plans)}; it wants one plan or more, with one block or more each. "
            "Pass {'greedy': [('A', 0, 2, 0, 1)]}."
        )
    height = max(offset + size for blocks in plans.values() for _, offset, size, *_ in blocks)
    fig, axes = plt.subplots(
        1, len(plans), figsize=(WIDTH, 0.48 * height + 1.2), sharey=True, squeeze=False
    )
    for ax, (title, blocks) in zip(axes[0], plans.items(), strict=True):
        for index, (name, offset, size, first, last) in enumerate(blocks):
            color = COLORS[index % len(COLORS)]
            wide = last - first + 1
            where = (first - 0.5, offset)
            face = tint(color, 0.45)
            ax.add_patch(Rectangle(where, wide, size, facecolor=face, edgecolor=color))
            middle = where[0] + wide / 2, offset + size / 2
            ax.text(*middle, name, ha="center", va="center")
        ax.axhline(bound, color="black", linestyle="--", linewidth=1.2)
        ax.set_title(title)
        ax.set_xlim(-0.5, max(last for *_, last in blocks) + 0.5)
        ax.set_ylim(0, height + 0.15)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("step")
    axes[0, 0].set_ylabel("address (units)")
    return fig


def live_curves(
    curves: Mapping[str, Sequence[float]],
    *,
    xlabel: str = "time (forward passes of one layer)",
    ylabel: str = "kept (activations)",
) -> Figure:
    """Draw what is kept at each moment as a staircase, one for each candidate, from step 0.

    Parameters
    ----------
    curves : mapping of str to sequence of numbers
        The amount during each step; they may differ in length.
    xlabel, ylabel : str
        What is counted, with units.
    """
    if not curves or any(len(values) == 0 for values in curves.values()):
        raise ValueError(
            f"curves is {dict(curves)}; it wants one curve or more, with one number or more each. "
            "Pass {'plain': [1, 2, 1]}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.4 + 0.22 * len(curves)))
    for index, (name, values) in enumerate(curves.items()):
        color = CYCLE[index % len(CYCLE)]
        edges = np.arange(len(values) + 1)
        ax.stairs(values, edges, fill=True, color=color, alpha=0.12)
        ax.stairs(
            values,
            edges,
            baseline=None,
            color=color,
            linestyle=DASHES[index % len(DASHES)],
            linewidth=2,
            label=f"{name}: at most {max(values):,.4g}",
        )
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.set_xlim(0, max(map(len, curves.values())))
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    fig.legend(loc="outside upper left")
    return fig


def growth(
    curves: Mapping[str, Mapping[int, float]], *, xlabel: str, ylabel: str, log: bool = False
) -> Figure:
    """Draw amounts that grow or fall with a whole number, such as depth or segment length.

    Parameters
    ----------
    curves : mapping of str to mapping of int to number
        For each line its height at each x.
    xlabel, ylabel : str
        What is drawn, with units.
    log : bool
        Use a logarithmic scale for x; its labels are the x that occur.
    """
    if not curves or any(not points for points in curves.values()):
        raise ValueError(
            f"curves is {dict(curves)}; it wants one line or more, with one point or more each. "
            "Pass {'measured': {1: 5.0, 2: 3.0}}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.3 + 0.22 * len(curves)))
    for index, (name, points) in enumerate(curves.items()):
        ax.plot(
            list(points),
            list(points.values()),
            color=CYCLE[index % len(CYCLE)],
            marker=MARKERS[index % len(MARKERS)],
            linestyle=DASHES[index % len(DASHES)],
            label=name,
        )
    if log:
        ax.set_xscale("log")
        ax.set_xticks(sorted({x for points in curves.values() for x in points}))
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    fig.legend(loc="outside upper left")
    return fig


def tradeoff(
    times: Mapping[str, float], peaks: Mapping[str, float], *, baseline: str, limit: float
) -> Figure:
    """Draw one labelled point a candidate: relative time across, relative peak memory up.

    Parameters
    ----------
    times, peaks : mapping of str to number > 0
        The same names in both. Both are divided by those of the baseline.
    baseline : str
        The candidate at (1, 1).
    limit : float
        A relative time to mark with a line, the most that is expected.
    """
    if set(times) != set(peaks) or baseline not in times:
        raise ValueError(
            f"times has {list(times)}, peaks has {list(peaks)} and baseline is {baseline!r}; the "
            "names must be the same, the baseline one of them. Leave the others out."
        )
    x = {name: time / times[baseline] for name, time in times.items()}
    y = {name: peaks[name] / peaks[baseline] for name in times}
    fig, ax = plt.subplots(figsize=(WIDTH, 3.8))
    ax.axvline(limit, color=GREY, linestyle="--", linewidth=1.2)
    ax.text(limit, 0.03, "one more forward pass ", color="#555555", ha="right")
    for name in times:
        color = ORANGE if name == baseline else BLUE
        ax.plot(x[name], y[name], "o", color=color, markersize=8)
        ax.annotate(name, (x[name], y[name]), xytext=(7, 5), textcoords="offset points")
    low, high = min(x.values()), max(*x.values(), limit)
    ax.set_xlim(low - 0.1 * (high - low), high + 0.3 * (high - low))
    ax.set_ylim(0, 1.15 * max(y.values()))
    ax.set_xlabel(f"time of a training step (relative to {baseline})")
    ax.set_ylabel(f"peak memory (relative to {baseline})")
    ax.grid()
    return fig


def _size(unit: str) -> int:
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}; it wants one of {list(UNITS)}. Try unit='KiB'.")
    return UNITS[unit]


def _title(activation: Any) -> str:
    layer = "sum" if activation.layer == "Residual" else activation.layer
    return f"{activation.birth} {layer or 'input'}"


def _name_steps(ax: Axes, plan: MemoryPlan) -> None:
    """Put steps below the axis: by name while there is room, else numbers only."""
    steps = len(plan.activations)
    ax.set_xlim(-0.5, steps - 0.5)
    if steps <= NAMED_STEPS:
        ax.set_xticks(range(steps), [_title(a) for a in plan.activations], rotation=90)
        ax.set_xlabel("step (layer that runs)")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("step (number of the layer that runs)")
