"""Products at points, overlapping tiles, counts and errors of the algorithms that save products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from minicnn.viz.pooling import DASHES, MARKERS
from minicnn.viz.style import BLACK, CYCLE, FONT, GREY, INPUT, KERNEL, OUTPUT, WIDTH, tint

PARTS = (CYCLE[0], CYCLE[1], GREY, CYCLE[2])
HATCHES = ("//", "..", "", "\\\\")


def product_at_points(a: Sequence[float], b: Sequence[float], points: Sequence[float]) -> Figure:
    """Draw two polynomials, their product, and the points at which their values are multiplied.

    Parameters
    ----------
    a, b : sequence of float
        Coefficients, the constant first.
    points : sequence of float
        Where to multiply. More than two should lie apart from each other.
    """
    low, high = min(points), max(points)
    if not high > low:
        raise ValueError(
            f"points is {list(points)}; the picture wants two or more, all different. "
            "Pass [0, 1, -1]."
        )
    room = 0.06 * (high - low)
    t = np.linspace(low - room, high + room, 200)
    curves = {
        "g(t)": (np.polyval(a[::-1], t), KERNEL, "--"),
        "h(t)": (np.polyval(b[::-1], t), INPUT, "-."),
        "s(t) = g(t) h(t)": (np.polyval(a[::-1], t) * np.polyval(b[::-1], t), OUTPUT, "-"),
    }
    fig, ax = plt.subplots(figsize=(WIDTH, 3.4))
    for point in points:
        ax.axvline(point, color=GREY, linewidth=0.8, linestyle=":")
    for name, (values, color, dash) in curves.items():
        ax.plot(t, values, color=color, linestyle=dash, label=name)
        at = np.interp(points, t, values)
        ax.plot(points, at, "o", color=color, markersize=7)
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.set_xticks(sorted(points))
    ax.set_xlabel("point t")
    ax.set_ylabel("value")
    ax.legend(loc="best")
    return fig


def overlapping_tiles(m: int, r: int, *, down: int = 2, across: int = 3) -> Figure:
    """Draw what neighbouring tiles of F(m, r) read, and what they write.

    Parameters
    ----------
    m, r : int
        Outputs of a tile and taps of a filter, on each side.
    down, across : int
        Tiles in the picture.
    """
    if min(m, r, down, across) < 1:
        raise ValueError(
            f"m, r, down and across are {m}, {r}, {down} and {across}; the picture wants 1 or "
            "more of each. Try overlapping_tiles(4, 3)."
        )
    n = m + r - 1
    sizes = (down * m + r - 1, across * m + r - 1), (down * m, across * m)
    fig, axes = plt.subplots(
        2, 1, figsize=(WIDTH, 0.2 * (sizes[0][0] + sizes[1][0]) + 1.3), layout="compressed"
    )
    for ax, (rows, columns), side, title in zip(
        axes, sizes, (n, m), ("what the tiles read", "what they write"), strict=True
    ):
        hits = np.zeros((rows, columns), int)
        for i, j in np.ndindex(down, across):
            hits[i * m : i * m + side, j * m : j * m + side] += 1
        color = INPUT if side == n else OUTPUT
        fills = np.array([[tint(color, 0.12 + 0.22 * (h - 1)) for h in row] for row in hits])
        ax.imshow(fills)
        for i, j in np.ndindex(down, across):
            _frame(ax, i * m, j * m, side, CYCLE[(i * across + j) % 6], inset=0.12 * ((i + j) % 2))
        ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(which="minor", color="white", linewidth=1)
        ax.tick_params(which="both", length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(f"{title}: {side}×{side} each", loc="left")
    return fig


def _frame(ax: Axes, row: int, column: int, side: int, color: str, inset: float) -> None:
    place = (column - 0.5 + inset, row - 0.5 + inset)
    size = side - 2 * inset
    ax.add_patch(Rectangle(place, size, size, fill=False, edgecolor=color, linewidth=2, zorder=3))


def method_lines(
    lines: Mapping[str, tuple[Any, Any]],
    *,
    xlabel: str,
    ylabel: str,
    log_x: bool = False,
    level: float | None = None,
) -> Figure:
    """Draw one line for each method over a size, on a logarithmic scale of values.

    Parameters
    ----------
    lines : mapping of str to (sizes, values)
        Name and line; values are positive.
    xlabel, ylabel : str
        What they are, with units.
    log_x : bool
        Whether sizes are logarithmic, too.
    level : float, optional
        A value to mark with a line.
    """
    data = {name: (np.asarray(x, float), np.asarray(y, float)) for name, (x, y) in lines.items()}
    if not data or any(x.shape != y.shape or (y <= 0).any() for x, y in data.values()):
        raise ValueError(
            f"lines has the shapes { {n: (x.shape, y.shape) for n, (x, y) in data.items()} }; it "
            "wants one line or more, each with as many positive values as sizes. "
            "Pass {'plain': ([3, 5], [9, 25])}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.9))
    if level is not None:
        ax.axhline(level, color=GREY, linewidth=1.2)
    for index, (name, (x, y)) in enumerate(data.items()):
        ax.plot(
            x,
            y,
            color=CYCLE[index % len(CYCLE)],
            marker=MARKERS[index % len(MARKERS)],
            linestyle=DASHES[index % len(DASHES)],
            markersize=6,
            label=name,
        )
    ax.set_yscale("log")
    values = np.concatenate([y for _, y in data.values()])
    if values.max() / values.min() < 500:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_locator(NullLocator())
    if log_x:
        ax.set_xscale("log")
    sizes = sorted({float(v) for x, _ in data.values() for v in x})
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(axis="y")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def error_dots(errors: Mapping[str, Mapping[str, float]], *, label: str) -> Figure:
    """Draw one row a method and one dot a layer, on a logarithmic scale.

    Parameters
    ----------
    errors : mapping of str to mapping of str to positive float
        Layer, method and its error; a method may be missing in a layer.
    label : str
        What an error is.
    """
    methods = list(dict.fromkeys(name for row in errors.values() for name in row))
    if not methods or any(value <= 0 for row in errors.values() for value in row.values()):
        raise ValueError(
            f"errors is {dict(errors)}; it wants one layer or more, each with positive errors. "
            "Pass {'3x3': {'fft': 1e-7}}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(methods) + 0.38 * len(errors) / 2 + 1.1))
    for index, (layer, row) in enumerate(errors.items()):
        ax.plot(
            list(row.values()),
            [methods.index(name) for name in row],
            linestyle="none",
            marker=MARKERS[index % len(MARKERS)],
            color=CYCLE[index % len(CYCLE)],
            markersize=8,
            alpha=0.85,
            label=layer,
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.0e}".replace("e-0", "e−"))
    )
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(range(len(methods)), methods)
    ax.set_ylim(len(methods) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="both")
    ax.set_xlabel(label)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def part_bars(
    rows: Mapping[str, Mapping[str, float]], *, label: str = "share of the time (%)"
) -> Figure:
    """Draw how a whole is shared out among its parts, one bar a row.

    Parameters
    ----------
    rows : mapping of str to mapping of str to float >= 0
        Row, part and its amount; all rows have the same parts, at most four.
    label : str
        What the length means.
    """
    parts = list(next(iter(rows.values()), {}))
    if not parts or len(parts) > len(PARTS) or any(list(row) != parts for row in rows.values()):
        raise ValueError(
            f"rows has the parts {[list(row) for row in rows.values()]}; it wants the same one to "
            f"{len(PARTS)} parts in each row. Pass {{'few': {{'products': 1.0}}}}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(rows) + 1.6))
    left = np.zeros(len(rows))
    totals = np.array([sum(row.values()) for row in rows.values()])
    for part, color, hatch in zip(parts, PARTS, HATCHES, strict=False):
        shares = 100 * np.array([row[part] for row in rows.values()]) / totals
        ax.barh(
            range(len(rows)),
            shares,
            left=left,
            height=0.6,
            color=tint(color, 0.6),
            hatch=hatch,
            edgecolor="white",
            label=part,
        )
        for row, (share, start) in enumerate(zip(shares, left, strict=True)):
            if share >= 9:
                ax.text(
                    start + share / 2, row, f"{share:.0f}", ha="center", va="center",
                    fontsize=FONT, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
                )  # fmt: skip
        left += shares
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(label)
    fig.legend(loc="outside lower center", ncols=2)
    return fig
