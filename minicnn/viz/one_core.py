"""From seven loops to a fast kernel: what waits in registers, what is copied, what is gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from minicnn.viz.style import (
    CYCLE,
    FONT,
    GREY,
    INPUT,
    KERNEL,
    OUTPUT,
    WIDTH,
    as_bars,
    tint,
)


def register_block(rows: int, vectors: int, lanes: int) -> Figure:
    """Draw one step of a product whose sums stay in registers: a column of a, a row of b, sums.

    `rows` numbers of a and `vectors` vectors of b, of so many lanes, meet in rows · vectors sums.
    """
    if not (1 <= rows <= 16 and 1 <= vectors <= 6):
        raise ValueError(
            f"rows is {rows}, vectors is {vectors}; register_block draws 1 to 16 rows and 1 to 6 "
            "vectors. Try 8 and 3."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.34 * rows + 1.7))
    wide = 3.0
    for i in range(rows):
        _cell(ax, -1.7, i, 1.0, KERNEL, "a")
        for j in range(vectors):
            _cell(ax, j * wide, i, wide - 0.15, OUTPUT, "sum" if lanes == 1 else f"{lanes} sums")
    for j in range(vectors):
        _cell(ax, j * wide, -1.6, wide - 0.15, INPUT, "b" if lanes == 1 else f"{lanes} of b")
    middle = vectors * wide / 2
    ax.text(middle, rows + 0.35, _tally(rows, vectors), ha="center", va="top")
    ax.set(xlim=(-1.9, vectors * wide), ylim=(rows + 1.7, -1.8))
    ax.axis("off")
    return fig


def _tally(rows: int, vectors: int) -> str:
    loads = rows + vectors
    return (
        f"one step: {loads} loads, {rows * vectors} multiply-adds, no stores\n"
        f"registers: {rows * vectors} sums, {vectors} of b, 1 of a"
    )


def panels(depth: int, columns: int, width: int) -> Figure:
    """Draw where the numbers of b (depth, columns) lie in memory before and after packing."""
    if columns % width or not 1 <= columns // width <= len(CYCLE):
        raise ValueError(
            f"columns is {columns}, width is {width}; panels draws up to {len(CYCLE)} whole "
            "panels. Try columns=8, width=4."
        )
    fig, axes = plt.subplots(2, 1, figsize=(WIDTH, 0.34 * depth + 2.2), height_ratios=[depth, 1.6])
    colors = [tint(color, 0.5) for color in CYCLE]
    axes[0].set_title("b, a matrix: numbers in the order of memory", loc="left")
    for k in range(depth):
        for j in range(columns):
            _number(axes[0], j, k, k * columns + j, colors[j // width])
    axes[0].set(xlim=(-0.1, max(columns, depth * width) + 0.1), ylim=(depth + 0.1, -0.1))
    axes[1].set_title("its panels, one after the other in memory", loc="left")
    half = depth * width
    for panel in range(columns // width):
        for i in range(half):
            number = i // width * columns + panel * width + i % width
            _number(axes[1], i, panel * 1.3, number, colors[panel])
    axes[1].set(xlim=axes[0].get_xlim(), ylim=(1.3 * (columns // width) + 0.1, -0.1))
    for ax in axes:
        ax.axis("off")
    return fig


def ladder(steps: Mapping[str, float], *, peak: float) -> Figure:
    """Draw the speed of each step in GFLOP/s, how far it is from the last, and the peak.

    Parameters
    ----------
    steps : mapping of str to float
        Name and GFLOP/s, in the order in which they were taken.
    peak : float
        What the machine can do, GFLOP/s.
    """
    speeds = as_bars(steps, "steps")
    if min(speeds.values()) <= 0 or peak <= 0:
        raise ValueError("steps holds 0; a ladder wants positive speeds. Leave that step out.")
    fig, ax = plt.subplots(figsize=(WIDTH, 0.52 * len(speeds) + 0.9))
    left = min(speeds.values()) / 3
    last = None
    for row, (name, speed) in enumerate(speeds.items()):
        ax.barh(row, speed - left, left=left, height=0.42, color=tint(OUTPUT, 0.8))
        gain = "" if last is None else f"× {speed / last:,.{0 if speed / last >= 10 else 1}f}"
        for x, text, side in ((0, name, "left"), (1, gain, "right")):
            ax.text(
                x,
                row - 0.29,
                text,
                transform=ax.get_yaxis_transform(),
                ha=side,
                va="bottom",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1} if text else None,
            )
        last = speed
    ax.axvline(peak, color="black", linewidth=1.2)
    ax.set(xscale="log", xlim=(left, peak * 1.25), ylim=(len(speeds) - 0.4, -0.75), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlabel("speed (GFLOP/s, log scale; line: peak)")
    return fig


def shares(rows: Mapping[str, Mapping[str, float]], *, label: str = "share of the time") -> Figure:
    """Draw how each total is made up, one bar for each row, parts in the order of the first."""
    if not rows:
        raise ValueError("rows is empty; shares wants one row or more. Pass {'layer': {...}}.")
    parts = list(next(iter(rows.values())))
    fig, ax = plt.subplots(figsize=(WIDTH, 0.52 * len(rows) + 1.3))
    colors: Sequence = [tint(color, 0.75) for color in (OUTPUT, KERNEL, INPUT)] + [tint(GREY)]
    for row, (name, amounts) in enumerate(rows.items()):
        values, start = as_bars(amounts, name), 0.0
        total = sum(values.values()) or 1.0
        for part, color in zip(parts, colors, strict=False):
            share = values[part] / total
            ax.barh(row, share, left=start, height=0.42, color=color)
            if share > 0.12:
                ax.text(start + share / 2, row, f"{share:.0%}", ha="center", va="center")
            start += share
        ax.text(0, row - 0.29, name, ha="left", va="bottom")
    ax.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.75), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    ax.set_xlabel(label)
    handles = [Rectangle((0, 0), 1, 1, color=color) for color in colors[: len(parts)]]
    fig.legend(handles, parts, loc="outside lower center", ncols=len(parts), fontsize=FONT - 1)
    return fig


def _cell(ax: Axes, x: float, y: float, width: float, color: str, text: str) -> None:
    ax.add_patch(Rectangle((x, y + 0.06), width, 0.88, facecolor=tint(color, 0.5)))
    ax.text(x + width / 2, y + 0.5, text, ha="center", va="center", fontsize=FONT - 1)


def _number(ax: Axes, x: float, y: float, number: int, color: tuple[float, float, float]) -> None:
    ax.add_patch(Rectangle((x + 0.03, y + 0.05), 0.94, 0.9, facecolor=color))
    ax.text(x + 0.5, y + 0.5, str(number), ha="center", va="center", fontsize=FONT - 1)
