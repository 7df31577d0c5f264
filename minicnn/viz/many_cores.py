"""Several threads: who works when, how two of them meet, whose memory it is, how speed grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

from minicnn.viz.style import (
    BLUE,
    CYCLE,
    FONT,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    tint,
)

TEAM = (BLUE, ORANGE, GREEN, PURPLE, SKY)
"""One colour a thread, from the first on; after five they begin again."""
DASHES = ("--", "-.", ":")


def schedules(
    panels: Mapping[str, Sequence[Any]], *, xlabel: str = "time (ticks)", mark: Sequence[int] = ()
) -> Figure:
    """Draw who does which block when: one panel a schedule, one row a thread, all to one scale.

    Parameters
    ----------
    panels : mapping of str to sequence of Span
        What `minicnn.parallel.simulate` returns: (worker, block, start, stop).
    xlabel : str
        The unit of time.
    mark : sequence of int
        Numbers of blocks to draw in the marking colour.
    """
    if not panels or any(not spans for spans in panels.values()):
        raise ValueError(
            f"panels is {dict(panels)}; it wants one schedule or more, with one block or more "
            "each. Pass {'dynamic': simulate([2, 1], 2)}."
        )
    rows = [1 + max(worker for worker, *_ in spans) for spans in panels.values()]
    end = max(stop for spans in panels.values() for *_, stop in spans)
    fig, axes = plt.subplots(
        len(panels),
        1,
        figsize=(WIDTH, 0.26 * sum(rows) + 0.5 * len(panels) + 0.6),
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": rows},
    )
    for ax, (title, spans), count in zip(axes[:, 0], panels.items(), rows, strict=True):
        for worker, block, start, stop in spans:
            color = VERMILION if block in mark else TEAM[worker % len(TEAM)]
            strength = 0.8 if block in mark else 0.45
            ax.barh(
                worker,
                stop - start,
                left=start,
                height=0.8,
                color=tint(color, strength),
                edgecolor=color,
                linewidth=0.8,
            )
            if stop - start > end / 18:
                ax.text((start + stop) / 2, worker, str(block), ha="center", va="center")
        last = max(stop for *_, stop in spans)
        ax.axvline(last, color="black", linestyle="--", linewidth=1.2)
        ax.set_title(f"{title}: done at {last:.4g}", loc="left", fontsize=FONT)
        ax.set_yticks(range(count), [f"thread {i}" for i in range(count)])
        ax.set_ylim(count - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.set_xlim(0, 1.03 * end)
    axes[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1, 0].set_xlabel(xlabel)
    return fig


def interleavings(panels: Mapping[str, Sequence[tuple[int, str, int]]]) -> Figure:
    """Draw what threads do to one counter, step by step, and what it holds after each step.

    Parameters
    ----------
    panels : mapping of str to sequence of (thread, action, counter)
        The action is written into the thread's row; the counter into the row below.
    """
    if not panels or any(not steps for steps in panels.values()):
        raise ValueError(
            f"panels is {dict(panels)}; it wants one story or more, with one step or more each. "
            "Pass {'alone': [(0, 'load 0', 0), (0, 'store 1', 1)]}."
        )
    longest = max(len(steps) for steps in panels.values())
    threads = 1 + max(thread for steps in panels.values() for thread, *_ in steps)
    high = (0.42 * (threads + 1) + 0.45) * len(panels) + 0.5
    fig, axes = plt.subplots(len(panels), 1, figsize=(WIDTH, high), sharex=True, squeeze=False)
    for ax, (title, steps) in zip(axes[:, 0], panels.items(), strict=True):
        for i, (thread, action, counter) in enumerate(steps):
            _cell(ax, i, thread, action, TEAM[thread % len(TEAM)])
            _cell(ax, i, threads, str(counter), GREY)
        ax.set_title(title, loc="left", fontsize=FONT)
        ax.set_yticks(range(threads + 1), [f"thread {i}" for i in range(threads)] + ["counter"])
        ax.set_ylim(threads + 0.5, -0.5)
        ax.set_xlim(0.5, longest + 0.5)
        ax.tick_params(axis="y", length=0)
        for side in ax.spines.values():
            side.set_visible(False)
    axes[-1, 0].set_xticks(range(1, longest + 1))
    axes[-1, 0].set_xlabel("step")
    return fig


def cache_lines(layouts: Mapping[str, Sequence[int]], *, line: int = 8) -> Figure:
    """Draw whose numbers lie in which cache line: one row a layout, thick borders around lines.

    Parameters
    ----------
    layouts : mapping of str to sequence of int
        For each place in memory the thread that writes there, -1 for nobody.
    line : int
        Numbers in a cache line.
    """
    if not layouts or any(len(owners) == 0 for owners in layouts.values()):
        raise ValueError(
            f"layouts is {dict(layouts)}; it wants one layout or more, with one number or more "
            "each. Pass {'packed': [0, 0, 1, 1]}."
        )
    width = max(len(owners) for owners in layouts.values())
    high = 0.75 * len(layouts) + 0.75
    fig, axes = plt.subplots(len(layouts), 1, figsize=(WIDTH, high), sharex=True, squeeze=False)
    for ax, (title, owners) in zip(axes[:, 0], layouts.items(), strict=True):
        for place, owner in enumerate(owners):
            color = "#EEEEEE" if owner < 0 else tint(TEAM[owner % len(TEAM)], 0.5)
            ax.add_patch(Rectangle((place, 0), 1, 1, facecolor=color, edgecolor="white"))
            if owner >= 0:
                ax.text(place + 0.5, 0.5, str(owner), ha="center", va="center")
        for first in range(0, len(owners), line):
            box = Rectangle(
                (first, 0), line, 1, fill=False, edgecolor="black", linewidth=2, clip_on=False
            )
            ax.add_patch(box)
        ax.set_title(title, loc="left", fontsize=FONT)
        ax.set_ylim(-0.05, 1.05)
        ax.set_xlim(-0.2, -(-width // line) * line + 0.2)
        ax.set_yticks([])
        ax.tick_params(axis="x", length=0)
        for side in ax.spines.values():
            side.set_visible(False)
    axes[-1, 0].set_xticks(range(0, -(-width // line) * line + 1, line))
    axes[-1, 0].set_xlabel("address (numbers of 8 bytes); the number is the thread that writes")
    return fig


def speedup_curve(
    measured: Mapping[int, float], models: Mapping[str, Mapping[int, float]], *, cores: int
) -> Figure:
    """Draw speed-up against threads on logarithmic scales: points measured, lines from a model.

    Parameters
    ----------
    measured : mapping of int to float
        Number of threads to speed-up.
    models : mapping of str to mapping of int to float
        Name to such a curve; drawn dashed, as none of it was measured.
    cores : int
        To the right of this number of threads the background is shaded: past this machine.
    """
    if not measured or not models:
        raise ValueError(
            f"measured is {dict(measured)} and models {dict(models)}; both want one entry or "
            "more. Pass {1: 1.0, 2: 1.8} and {'Amdahl': {1: 1.0, 64: 9.0}}."
        )
    most = max(n for curve in (measured, *models.values()) for n in curve)
    fig, ax = plt.subplots(figsize=(WIDTH, 3.4 + 0.22 * (len(models) + 2)))
    ax.axvspan(cores, most * 1.15, color="#F0F0F0", zorder=0)
    ax.plot([1, most], [1, most], color=GREY, linewidth=1.2, label="as many times as threads")
    for index, (name, curve) in enumerate(models.items()):
        ax.plot(
            list(curve),
            list(curve.values()),
            color=CYCLE[(index + 1) % len(CYCLE)],
            linestyle=DASHES[index % len(DASHES)],
            label=f"model: {name}",
        )
    ax.plot(list(measured), list(measured.values()), "o", color=BLUE, label="measured here")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlim(0.9, most * 1.15)
    ax.set_xlabel("threads (shaded: more than this machine has cores)")
    ax.set_ylabel("speed-up (times one thread)")
    ax.grid()
    fig.legend(loc="outside upper left")
    return fig


def predictions(rows: Mapping[str, tuple[float, float]], *, label: str) -> Figure:
    """Draw what was predicted beside what was measured, one pair of bars a row.

    Parameters
    ----------
    rows : mapping of str to (predicted, measured)
        Two amounts in the same unit.
    label : str
        What they are, with the unit.
    """
    if not rows:
        raise ValueError(f"rows is {dict(rows)}; it wants one or more. Pass {{'static': (2, 2)}}.")
    fig, ax = plt.subplots(figsize=(WIDTH, 0.75 * len(rows) + 1.3))
    for row, (predicted, measured) in enumerate(rows.values()):
        names = ("predicted", "measured") if row == 0 else (None, None)
        ax.barh(row - 0.19, predicted, height=0.34, color=tint(ORANGE, 0.8), label=names[0])
        ax.barh(row + 0.19, measured, height=0.34, color=tint(BLUE, 0.8), label=names[1])
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(label)
    ax.grid(axis="x")
    fig.legend(loc="outside upper left", ncols=2)
    return fig


def _cell(ax: Axes, column: int, row: int, text: str, color: str) -> None:
    face = tint(color, 0.35)
    ax.add_patch(
        Rectangle((column + 0.54, row - 0.42), 0.92, 0.84, facecolor=face, edgecolor=color)
    )
    ax.text(column + 1, row, text, ha="center", va="center")
