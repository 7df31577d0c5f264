"""Figures of the benchmark page: our time beside others', and how it grows with the work."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from minicnn.viz.choosing import plain_log
from minicnn.viz.style import BLUE, CYCLE, GREEN, ORANGE, VERMILION, WIDTH

PEERS: dict[str, tuple[str, str, str]] = {
    "minicnn": (BLUE, "o", "-"),
    "torch NCHW": (ORANGE, "s", "--"),
    "torch NHWC": (VERMILION, "D", "--"),
    "onnxruntime": (GREEN, "^", ":"),
}
"""Colour, marker and dashes of each program, the same in every figure."""


def ratio_dots(groups: Mapping[str, Mapping[str, float]], *, label: str) -> Figure:
    """Draw a row for each name with one marker a group, and a line at 1: left of it is better.

    Parameters
    ----------
    groups : name of the group to {row: positive ratio}; a group may lack rows.
    label : what the ratio is.
    """
    rows = list(dict.fromkeys(row for ratios in groups.values() for row in ratios))
    if not rows or min(min(ratios.values(), default=1) for ratios in groups.values()) <= 0:
        raise ValueError(
            "groups holds no row, or a ratio that is not positive; ratio_dots wants "
            "{group: {row: ratio}}. Leave out what was not measured."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.46 * len(rows) + 1.3))
    for row, name in enumerate(rows):
        ax.axhline(row, color="#DDDDDD", linewidth=1, zorder=0)
        ax.text(0, row - 0.2, name, transform=ax.get_yaxis_transform(), va="bottom")
    ax.axvline(1, color="black", linewidth=1.2)
    for i, (group, ratios) in enumerate(groups.items()):
        at = [rows.index(row) for row in ratios]
        color, marker = CYCLE[i % len(CYCLE)], "osDv^"[i % 5]
        ax.plot(list(ratios.values()), at, marker, color=color, markersize=8, label=group)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, 0.45), max(high, 2.2))
    plain_log(ax)
    ax.set_ylim(len(rows) - 0.5, -0.8)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"{label} (ratio, log scale)")
    if len(groups) > 1:
        fig.legend(loc="outside upper center", ncols=3)
    return fig


def scaling(
    panels: Mapping[str, Mapping[float, Mapping[str, float]]], *, unit: float = 1e-3
) -> Figure:
    """Draw time against one size in each panel, a line for each library, both axes logarithmic.

    Parameters
    ----------
    panels : what is changed, to {value: {library: seconds}}.
    unit : seconds that are 1 on the axis; 1e-3 for milliseconds.
    """
    if not panels or not all(panels.values()):
        raise ValueError("panels lacks points; scaling wants one value or more for each. Measure.")
    fig, axes = plt.subplots(
        len(panels), 1, figsize=(WIDTH, 2.2 * len(panels) + 0.6), squeeze=False
    )
    handles: dict[str, Line2D] = {}
    for ax, (name, points) in zip(axes[:, 0], panels.items(), strict=True):
        xs = [float(value) for value in points]
        libraries = dict.fromkeys(lib for times in points.values() for lib in times)
        for i, library in enumerate(libraries):
            color, marker, dash = PEERS.get(library, (CYCLE[i % len(CYCLE)], "x", "-."))
            ys = [times.get(library, np.nan) / unit for times in points.values()]
            style = {"color": color, "marker": marker, "linestyle": dash, "markersize": 5}
            [handles[library]] = ax.plot(xs, ys, **style)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(xs, [f"{x:g}" for x in xs])
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.tick_params(axis="x", which="minor", length=0)
        plain_log(ax, "y")
        ax.grid(color="#DDDDDD")
        ax.set_xlabel(name)
        ax.set_ylabel("time (ms)" if unit == 1e-3 else f"time ({unit:g} s)")
    fig.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=2)
    return fig
