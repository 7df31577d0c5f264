"""Things exchanged: wires and their direction, loops and their way through memory, axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from minicnn import ops
from minicnn.viz.grids import draw_grid, sheet
from minicnn.viz.style import CYCLE, FONT, GREY, INPUT, KERNEL, OUTPUT, WIDTH, tint

DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), "-.")
CHANNELS = tuple(tint(color, 0.55) for color in CYCLE[:6])
ARRAYS = (OUTPUT, INPUT, KERNEL)


def wires(size: int, kernel: int, *, stride: int = 1, padding: int = 0) -> Figure:
    """Draw a convolution along one axis as wires from x to y, and the same wires used backwards.

    `kernel` is at most 4, so that each tap has a line of its own kind.
    """
    if kernel > len(DASHES):
        raise ValueError(f"kernel is {kernel}; wires draws at most {len(DASHES)} taps. Try 3.")
    outputs = _outputs(size, kernel, stride, padding)
    joined = [
        (p * stride + tap - padding, p, tap)
        for p in range(outputs)
        for tap in range(kernel)
        if 0 <= p * stride + tap - padding < size
    ]
    at_x = np.linspace(0, 1, size)
    at_y = (np.arange(outputs) * stride + (kernel - 1) / 2 - padding) / max(1, size - 1)
    fig, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.6))
    for ax, backwards in zip(axes, (False, True), strict=True):
        x_height, y_height = (0, 1) if backwards else (1, 0)
        for h, p, tap in joined:
            start, end = (at_x[h], x_height), (at_y[p], y_height)
            if backwards:
                start, end = end, start
            arrow = {
                "arrowstyle": "-|>",
                "color": CYCLE[tap],
                "linestyle": DASHES[tap],
                "linewidth": 1.6,
                "shrinkA": 11,
                "shrinkB": 11,
            }
            ax.annotate("", end, start, arrowprops=arrow)
        for name, places, height, color in (
            ("x", at_x, x_height, INPUT),
            ("y", at_y, y_height, OUTPUT),
        ):
            ax.scatter(places, [height] * len(places), s=420, color=tint(color, 0.45), zorder=3)
            for i, place in enumerate(places):
                ax.text(place, height, f"{name}{i}", ha="center", va="center", zorder=4)
        ax.set_xlim(-0.08, 1.08)
        ax.set_ylim(-0.25, 1.25)
        ax.set_axis_off()
    axes[0].set_title("the convolution: each y adds up its wires", loc="left")
    axes[1].set_title("exchanged: each x adds up its wires", loc="left")
    for tap in range(kernel):
        axes[1].plot([], color=CYCLE[tap], linestyle=DASHES[tap], label=f"tap w{tap}")
    fig.legend(loc="outside lower center", ncols=kernel)
    return fig


def overlap_ladder(cases: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw where each input of a transposed convolution paints, and how often each output is hit.

    Parameters
    ----------
    cases : mapping of str to mapping
        Title, and the numbers ``size`` (inputs), ``kernel`` and ``stride`` of one picture.
    """
    if not cases:
        raise ValueError(
            "cases is empty; it wants one case or more. "
            "Pass {'': {'size': 4, 'kernel': 3, 'stride': 2}}."
        )
    fig, axes = sheet(
        [
            [(case["size"] + 1, (case["size"] - 1) * case["stride"] + case["kernel"])]
            for case in cases.values()
        ]
    )
    for (title, case), [ax] in zip(cases.items(), axes, strict=True):
        size, kernel, stride = case["size"], case["kernel"], case["stride"]
        hit = np.zeros((size, (size - 1) * stride + kernel), dtype=int)
        for p in range(size):
            hit[p, p * stride : p * stride + kernel] = 1
        total = hit.sum(axis=0)
        fills = np.ones((size + 1, hit.shape[1], 3))
        fills[:-1][hit == 1] = tint(KERNEL, 0.7)
        for column, count in enumerate(total):
            fills[-1, column] = tint(OUTPUT, 0.22 * count)
        numbers = np.full((size + 1, hit.shape[1]), np.nan)
        numbers[-1] = total
        draw_grid(ax, numbers, fills=fills, axes_names=("", "output"))
        ax.set_yticks(range(size + 1), [*(f"x[{p}]" for p in range(size)), "hits"])
        ax.set_title(title, loc="left")
    return fig


def memory_order(layouts: Mapping[str, Any], *, per_row: int = 12) -> Figure:
    """Draw numbers in the order in which they lie in memory.

    Parameters
    ----------
    layouts : mapping of str to integer array (numbers, 3)
        Title, and the channel, row and column of each place in memory, in order. Channel -1 is a
        place that is empty. The colour shows the channel.
    per_row : int
        Places in one row of the picture, which reads like text.
    """
    places = {title: np.asarray(chw, dtype=int) for title, chw in layouts.items()}
    if not places or any(p.ndim != 2 or p.shape[1] != 3 for p in places.values()):
        raise ValueError(
            f"layouts has the shapes { {t: p.shape for t, p in places.items()} }; it wants one "
            "array or more of shape (numbers, 3). Pass {'NCHW': [(0, 0, 0), (0, 0, 1)]}."
        )
    heights = [-(-len(p) // per_row) for p in places.values()]
    cell = WIDTH / per_row
    fig, axes = plt.subplots(
        len(places),
        1,
        figsize=(WIDTH, cell * sum(heights) + 0.42 * len(places) + 0.3),
        height_ratios=heights,
        squeeze=False,
        layout="compressed",
    )
    for (title, chw), height, ax in zip(places.items(), heights, axes[:, 0], strict=True):
        fills = np.ones((height, per_row, 3))
        for place, (c, row, column) in enumerate(chw):
            at = divmod(place, per_row)
            fills[at] = tint(GREY, 0.25) if c < 0 else CHANNELS[c % len(CHANNELS)]
            text = "–" if c < 0 else f"{c}{row}{column}"
            ax.text(at[1], at[0], text, ha="center", va="center", fontsize=FONT - 1)
        ax.imshow(fills, interpolation="nearest")
        ax.set_xticks(np.arange(per_row + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(height + 1) - 0.5, minor=True)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(which="minor", color="white", linewidth=2)
        ax.tick_params(which="both", length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(title, loc="left")
    axes[-1, 0].set_xlabel("place in memory, read like text; digits: channel, row, column")
    return fig


def address_trace(walks: Mapping[str, Mapping[str, Any]], *, line: int = 16) -> Figure:
    """Draw which cache line each step of a loop nest touches, one column of panels an order.

    Parameters
    ----------
    walks : mapping of str to mapping of str to array (steps,)
        Order, and for each of its arrays (at most three) the place in memory at each step.
    line : int
        Numbers in a cache line.
    """
    if not walks or not all(walks.values()):
        raise ValueError(
            "walks is empty; it wants one order or more, each with its arrays. "
            "Pass {'nkyxcrs': {'out': places}}."
        )
    names = list(next(iter(walks.values())))
    fig, axes = plt.subplots(
        len(names),
        len(walks),
        figsize=(WIDTH, 1.5 * len(names) + 0.9),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for column, (order, arrays) in enumerate(walks.items()):
        for ax, name, color in zip(axes[:, column], names, ARRAYS, strict=False):
            at = np.asarray(arrays[name]) // line
            ax.plot(at, ".", color=color, markersize=2.5, rasterized=True)
            ax.xaxis.set_major_locator(MaxNLocator(3, integer=True))
            ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.grid(axis="y")
        axes[0, column].set_title(order)
        axes[-1, column].set_xlabel("multiply-add")
    for row, name in enumerate(names):
        axes[row, 0].set_ylabel(f"{name}\n(cache line)")
    return fig


def heat_map(
    values: Any,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    label: str,
    axes_names: tuple[str, str],
    write: Callable[[float], str] = "{:.1f}".format,
) -> Figure:
    """Draw positive numbers as a table of colours, on a logarithmic scale: dark is large.

    Parameters
    ----------
    values : array (rows, columns)
        The numbers; they are written into the cells, too.
    rows, columns : sequence of str
        Names.
    label : str
        What is shown, with its unit.
    axes_names : (str, str)
        What the rows and the columns are.
    write : callable
        Turns a number into text.
    """
    table = np.asarray(values, dtype=float)
    if table.shape != (len(rows), len(columns)) or not (table > 0).all():
        raise ValueError(
            f"values has shape {table.shape} for {len(rows)} rows and {len(columns)} columns; "
            "heat_map wants a positive number for each pair. Check both lists of names."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(rows) + 1.5))
    low, high = table.min(), table.max()
    scale = LogNorm(low, high if high > low else low * 1.01)
    image = ax.imshow(table, cmap="cividis_r", norm=scale, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        color = "white" if scale(value) > 0.5 else "black"
        ax.text(column, row, write(value), ha="center", va="center", color=color)
    _name_cells(ax, rows, columns, axes_names)
    bar = fig.colorbar(image, ax=ax, label=label, aspect=15)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    return fig


def _name_cells(
    ax: Axes, rows: Sequence[str], columns: Sequence[str], axes_names: tuple[str, str]
) -> None:
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylabel(axes_names[0])
    ax.set_xlabel(axes_names[1])


def _outputs(size: int, kernel: int, stride: int, padding: int) -> int:
    """Return how many outputs a convolution along one axis has."""
    x_shape, w_shape = (1, 1, size, 1), (1, 1, kernel, 1)
    step, pad = (stride, 1), (padding, 0)
    shape = ops.conv2d_out_shape(x_shape, w_shape, stride=step, padding=pad, dilation=1, groups=1)
    return int(shape[2])
