"""Which algorithm for which convolution: maps of winners, times side by side, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from minicnn.viz.style import (
    BLACK,
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    YELLOW,
    tint,
)

LOOKS: dict[str, tuple[str, str]] = {
    "naive": (GREY, "x"),
    "im2col": (ORANGE, "s"),
    "direct": (YELLOW, "P"),
    "implicit": (BLUE, "o"),
    "winograd": (VERMILION, "^"),
    "winograd2": (PURPLE, "v"),
    "fft": (GREEN, "D"),
    "depthwise": (SKY, "h"),
    "sparse": (BLACK, "p"),
}
"""Colour and marker of each algorithm, the same in every figure."""


def winner_map(
    choices: Sequence[Sequence[str]],
    *,
    rows: Sequence[object],
    columns: Sequence[object],
    axes_names: tuple[str, str],
) -> Figure:
    """Draw a table of names as coloured cells, each with the first letters of its name.

    Parameters
    ----------
    choices : names, one list a row.
    rows, columns : labels.
    axes_names : what the rows and the columns are.
    """
    if len(choices) != len(rows) or any(len(row) != len(columns) for row in choices):
        raise ValueError(
            f"choices has rows of {[len(row) for row in choices]} names for {len(rows)} rows and "
            f"{len(columns)} columns; winner_map wants one name for each pair. Check the labels."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.44 * len(rows) + 1.5))
    letters = _letters({name for row in choices for name in row})
    for (r, c), name in np.ndenumerate(np.array(choices, dtype=object)):
        color = tint(look(name)[0], 0.55)
        ax.add_patch(Rectangle((c - 0.48, r - 0.47), 0.96, 0.94, facecolor=color))
        ax.text(c, r, letters[name], ha="center", va="center")
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), [str(label) for label in columns])
    ax.set_yticks(range(len(rows)), [str(label) for label in rows])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylabel(axes_names[0])
    ax.set_xlabel(axes_names[1])
    handles = [
        Patch(facecolor=tint(look(name)[0], 0.55), label=f"{letter}: {name}")
        for name, letter in letters.items()
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
    return fig


def times_side_by_side(
    seconds: Mapping[str, Mapping[str, float]], chosen: Mapping[str, str] | None = None
) -> Figure:
    """Draw a row of markers for each convolution: the time of each algorithm over the quickest's.

    Parameters
    ----------
    seconds : name of the convolution to times by algorithm.
    chosen : name of the convolution to the algorithm to put a ring around.
    """
    if not seconds or min(min(times.values(), default=0) for times in seconds.values()) <= 0:
        raise ValueError(
            "seconds lacks a positive time for some convolution; times_side_by_side wants one or "
            "more for each. Leave out what was not measured."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.52 * len(seconds) + 1.6))
    used: dict[str, Line2D] = {}
    for row, (name, times) in enumerate(seconds.items()):
        best = min(times.values())
        ax.axhline(row, color="#DDDDDD", linewidth=1, zorder=0)
        for algorithm, time in sorted(times.items(), key=lambda item: -item[1]):
            color, marker = look(algorithm)
            style = {"color": color, "marker": marker, "linestyle": "", "markersize": 8}
            style |= {"markeredgecolor": BLACK if marker != "x" else color, "markeredgewidth": 0.6}
            [line] = ax.plot(time / best, row, label=algorithm, zorder=3, **style)  # type: ignore[arg-type]
            used.setdefault(algorithm, line)
        if chosen is not None and chosen.get(name) in times:
            ratio = times[chosen[name]] / best
            ax.plot(ratio, row, "o", markersize=16, color=BLACK, fillstyle="none", zorder=4)
        ax.text(0, row - 0.22, name, transform=ax.get_yaxis_transform(), va="bottom")
    ax.set_xscale("log")
    ax.set_ylim(len(seconds) - 0.5, -0.8)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, 0.9), high)
    plain_log(ax)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("time relative to the quickest (ratio, log scale)")
    handles = [used[name] for name in LOOKS if name in used]
    handles += [line for name, line in used.items() if name not in LOOKS]
    fig.legend(
        handles=handles, loc="outside upper center", ncols=4, columnspacing=1, handletextpad=0
    )
    return fig


def curves(
    lines: Mapping[str, Mapping[float, float]],
    *,
    labels: tuple[str, str],
    log: tuple[bool, bool] = (True, False),
    looks: Mapping[str, tuple[str, str]] | None = None,
) -> Figure:
    """Draw lines of y against x, each with its own colour and marker.

    Parameters
    ----------
    lines : name to {x: y}.
    labels : of the two axes, with units.
    log : whether the x axis and the y axis are logarithmic.
    looks : name to (colour, marker); those of the algorithms unless given.
    """
    if not any(lines.values()):
        raise ValueError(
            "lines holds no points; curves wants one line or more. Pass {name: {x: y}}."
        )
    fig, ax = plt.subplots()
    for i, (name, points) in enumerate(lines.items()):
        default = CYCLE[i % len(CYCLE)], "osDv^Ph"[i % 7]
        color, marker = (LOOKS if looks is None else looks).get(name, default)
        ax.plot(list(points), list(points.values()), marker=marker, color=color, label=name)
    _axes(ax, log)
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    ax.grid(color="#DDDDDD")
    fig.legend(loc="outside upper center", ncols=2)
    return fig


def look(name: str) -> tuple[str, str]:
    """Colour and marker of an algorithm; grey for one that is not known here."""
    return LOOKS.get(name, (GREY, "*"))


def _letters(names: set[str]) -> dict[str, str]:
    """Shorten names to as few letters as tell them apart; a digit at the end is kept."""
    order = [name for name in LOOKS if name in names] + sorted(names - set(LOOKS))
    short: dict[str, str] = {}
    for name in order:
        digit = name[-1] if name[-1].isdigit() else ""
        length = 1
        while name[:length] + digit in short.values() and length < len(name):
            length += 1
        short[name] = name[:length] + digit
    return short


def _axes(ax: Axes, log: tuple[bool, bool]) -> None:
    if log[0]:
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if log[1]:
        ax.set_yscale("log")
        plain_log(ax, "y")
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        ax.set_ylim(bottom=0)


def plain_log(ax: Axes, which: str = "x") -> None:
    """Write plain numbers at 1, 2 and 5 times the powers of ten of a logarithmic axis."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
