"""Who shares with whom: connections, matrices, and what sharing does to counts and to learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from minicnn.viz.pooling import DASHES, MARKERS
from minicnn.viz.style import CYCLE, FONT, GREY, INPUT, OUTPUT, WIDTH, as_matrix, tint

SHARED = (*CYCLE[:-1], GREY)  # black would hide the letter
UNIT = 0.9  # how far apart a diagram's inputs are


def connections(layers: Mapping[str, Any]) -> Figure:
    """Draw small layers as dots and lines: inputs below, outputs above, a line for each weight.

    Parameters
    ----------
    layers : mapping of str to integer array (outputs, inputs)
        Which number joins each pair, -1 where they are not joined. Lines of one number have one
        colour and one letter; numbers that are used once are grey.
    """
    grids = {name: _numbers(index, name) for name, index in _some(layers, "layers").items()}
    fig, axes = plt.subplots(
        len(grids), 1, figsize=(WIDTH, 1.55 * len(grids)), squeeze=False, sharex=True
    )
    widest = max(max(index.shape) for index in grids.values())
    for ax, (name, index) in zip(axes[:, 0], grids.items(), strict=True):
        outputs, inputs = index.shape
        tops = UNIT * (np.arange(outputs) + (widest - outputs) / 2)
        bottoms = UNIT * (np.arange(inputs) + (widest - inputs) / 2)
        styles = _styles(index)
        for (row, column), number in np.ndenumerate(index):
            if number < 0:
                continue
            color, letter = styles.get(int(number), (GREY, ""))
            x, y = (bottoms[column], tops[row]), (0.0, 1.0)
            ax.plot(x, y, color=color, linewidth=2.2 if letter else 1.0, zorder=1)
            if letter:
                at = 0.62  # nearer to the output, where the lines of one output have parted
                _letter(ax, (1 - at) * x[0] + at * x[1], at, letter, color)
        ax.scatter(bottoms, np.zeros(inputs), 90, color=INPUT, zorder=2)
        ax.scatter(tops, np.ones(outputs), 90, color=OUTPUT, marker="s", zorder=2)
        ax.set_title(name, loc="left", fontsize=FONT)
        ax.set_ylim(-0.15, 1.15)
        ax.set_yticks([0, 1], ["inputs", "outputs"])
        ax.set_xticks([])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    axes[-1, 0].set_xlim(-0.4, UNIT * (widest - 1) + 0.4)
    axes[-1, 0].set_xlabel("position →")
    return fig


def sharing_matrices(layers: Mapping[str, Any], *, every: int = 4) -> Figure:
    """Draw layers as matrices, a row for each output: which entries are one and the same number.

    Parameters
    ----------
    layers : mapping of str to integer array (outputs, inputs)
        As in `connections`. Entries of one number have one colour and letter; numbers that are
        used once are grey; where there is no number, the entry is 0 and stays pale.
    every : int
        Label every so many rows and columns.
    """
    grids = {name: _numbers(index, name) for name, index in _some(layers, "layers").items()}
    cell = WIDTH / (max(index.shape[1] for index in grids.values()) + 3.2)
    heights = [index.shape[0] for index in grids.values()]
    size = (WIDTH, cell * sum(heights) + 0.75 * len(grids))
    fig, axes = plt.subplots(len(grids), 1, figsize=size, height_ratios=heights, squeeze=False)
    for ax, (name, index) in zip(axes[:, 0], grids.items(), strict=True):
        rows, columns = index.shape
        fills = np.full((rows, columns, 3), 0.955)
        fills[index >= 0] = tint(GREY, 0.45)
        styles = _styles(index)
        for number, (color, letter) in styles.items():
            fills[index == number] = tint(color, 0.5)
            for row, column in np.argwhere(index == number):
                ax.text(column, row, letter, ha="center", va="center", fontsize=FONT - 1)
        ax.imshow(fills, interpolation="nearest")
        ax.set_xticks(range(0, columns, every))
        ax.set_yticks(range(0, rows, every))
        ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=1.0)
        ax.tick_params(which="both", length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(f"{name}: {len(np.unique(index[index >= 0]))} numbers", loc="left")
        ax.set_ylabel("output", labelpad=8)
    axes[-1, 0].set_xlabel("input")
    return fig


def growth_curves(
    sizes: Sequence[float],
    counts: Mapping[str, Sequence[float]],
    *,
    xlabel: str = "side of the image (pixels)",
    ylabel: str = "parameters",
) -> Figure:
    """Draw counts against a size on two logarithmic axes, where a power is a straight line."""
    xs = np.asarray(sizes, dtype=float)
    lines = {name: np.asarray(values, float) for name, values in _some(counts, "counts").items()}
    for name, values in lines.items():
        if values.shape != xs.shape or min(xs.min(), values.min()) <= 0:
            raise ValueError(
                f"counts[{name!r}] has shape {values.shape} for sizes of shape {xs.shape}; it "
                "wants one positive number for each positive size. A logarithmic axis has no 0."
            )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.6))
    for place, (name, values) in enumerate(lines.items()):
        ax.plot(xs, values, label=name, **_line(place))
    ax.set_xscale("log")
    ax.set_yscale("log")
    _plain_ticks(ax, xs)
    ax.yaxis.set_major_formatter(FuncFormatter(_short))
    ax.set_xlabel(f"{xlabel}, log scale")
    ax.set_ylabel(f"{ylabel}, log scale")
    ax.grid(axis="y")
    fig.legend(loc="outside upper left", ncols=len(lines), fontsize=FONT - 1)
    return fig


def accuracy_by_size(
    panels: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]],
    *,
    label: str = "accuracy (%)",
) -> Figure:
    """Draw accuracy against the number of training images: a line at the mean, a band for seeds.

    Parameters
    ----------
    panels : mapping of str to (mapping of str to (mapping of int to sequence of fractions))
        For each panel and each candidate, the results of the seeds by number of images.
    label : str
        What is measured, with its unit.
    """
    _some(panels, "panels")
    fig, axes = plt.subplots(
        len(panels), 1, figsize=(WIDTH, 2.5 * len(panels) + 0.7), squeeze=False, sharex=True
    )
    for ax, (title, lines) in zip(axes[:, 0], panels.items(), strict=True):
        ticks: set[float] = set()
        for place, (name, by_size) in enumerate(_some(lines, f"panels[{title!r}]").items()):
            sizes = sorted(by_size)
            seeds = [100 * np.asarray(by_size[size], dtype=float) for size in sizes]
            if not seeds or any(s.ndim != 1 or not s.size or np.isnan(s).any() for s in seeds):
                raise ValueError(
                    f"panels[{title!r}][{name!r}] is {dict(by_size)}; it wants accuracies, one for "
                    "each seed, by number of images. Pass {100: [0.5, 0.6]}."
                )
            style = _line(place)
            low, high = [s.min() for s in seeds], [s.max() for s in seeds]
            ax.fill_between(sizes, low, high, color=style["color"], alpha=0.15, linewidth=0)
            ax.plot(sizes, [s.mean() for s in seeds], label=name, **style)
            ticks.update(sizes)
        ax.set_xscale("log")
        _plain_ticks(ax, sorted(ticks))
        ax.set_ylabel(label)
        ax.grid(axis="y")
        ax.set_title(title, loc="left", fontsize=FONT)
    axes[-1, 0].set_xlabel("training images, log scale")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=FONT - 1)
    return fig


def two_ways(rows: Mapping[str, Sequence[Any]], columns: Sequence[str]) -> Figure:
    """Draw maps in a table, a layer a row, on one colour scale: blue below 0, red above.

    Parameters
    ----------
    rows : mapping of str to sequence of array (rows, columns)
        The layer's name and its maps, one for each of `columns`.
    columns : sequence of str
        What the maps are.
    """
    maps = {
        name: [as_matrix(values, name) for values in line]
        for name, line in _some(rows, "rows").items()
    }
    if any(len(line) != len(columns) or not line for line in maps.values()):
        raise ValueError(
            f"rows hold {[len(line) for line in maps.values()]} maps for {len(columns)} columns; "
            "it wants one map for each column. Name what each map is."
        )
    high = max(float(np.abs(m).max()) for line in maps.values() for m in line) or 1.0
    side = (WIDTH - 1.3) / len(columns)
    size = (WIDTH, (side + 0.08) * len(maps) + 0.45)
    fig, axes = plt.subplots(
        len(maps), len(columns), figsize=size, squeeze=False, layout="compressed"
    )
    for line, (name, pictures) in zip(axes, maps.items(), strict=True):
        for ax, picture in zip(line, pictures, strict=True):
            drawn = ax.imshow(picture, cmap="RdBu_r", vmin=-high, vmax=high)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color("#AAAAAA")
        line[0].set_ylabel(name)
    for ax, title in zip(axes[0], columns, strict=True):
        ax.set_title(title, fontsize=FONT)
    fig.supxlabel("column (pixels)", fontsize=FONT)
    fig.colorbar(drawn, ax=axes, label="output", shrink=0.6, aspect=20)
    return fig


def _some(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not values:
        raise ValueError(f"{name} is empty; it wants one entry or more. Pass {{'name': ...}}.")
    return values


def _numbers(index: Any, name: str) -> np.ndarray:
    array = as_matrix(index, name)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"{name} has dtype {array.dtype}; it wants whole numbers, the name of the weight at "
            "each place and -1 for none. Convert it: index.astype(int)."
        )
    return array


def _styles(index: np.ndarray) -> dict[int, tuple[str, str]]:
    """Give each number that is used more than once a colour and a letter, in order."""
    values, uses = np.unique(index[index >= 0], return_counts=True)
    shared = [int(value) for value in values[uses > 1]]
    if len(shared) > len(SHARED):
        raise ValueError(
            f"{len(shared)} numbers are shared; there are {len(SHARED)} colours to tell them "
            "apart. Draw a smaller kernel."
        )
    return {n: (SHARED[i], ascii_lowercase[i]) for i, n in enumerate(shared)}


def _letter(ax: Axes, x: float, y: float, letter: str, color: str) -> None:
    box = {"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": color}
    ax.text(x, y, letter, ha="center", va="center", fontsize=FONT - 2, bbox=box, zorder=3)


def _line(place: int) -> dict[str, Any]:
    return {
        "color": CYCLE[place % len(CYCLE)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": DASHES[place % len(DASHES)],
    }


def _plain_ticks(ax: Axes, values: Any) -> None:
    ax.xaxis.set_major_locator(FixedLocator([float(v) for v in values]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _short(value: float, _: Any = None) -> str:
    for size, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:,.0f}{name}"
    return f"{value:,.0f}"
