"""Where the weights are, which of them go, and what going costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minicnn.viz.choosing import plain_log
from minicnn.viz.pooling import DASHES, MARKERS
from minicnn.viz.style import BLACK, BLUE, CYCLE, GREY, VERMILION, WIDTH, as_matrix, tint

Seeds = Mapping[float, Sequence[float]]


def magnitudes(
    weights: Mapping[str, Any], thresholds: Mapping[str, float], *, bins: int = 60
) -> Figure:
    """Draw a histogram of sizes for each set of weights; what is below the threshold is grey.

    Parameters
    ----------
    weights : title to array of any shape; zeros are left out.
    thresholds : title to the size below which weights go.
    """
    if not weights or set(weights) != set(thresholds):
        raise ValueError(
            f"weights has {list(weights)} and thresholds {list(thresholds)}; magnitudes wants one "
            "threshold for each set of weights, and one set or more. Give both the same names."
        )
    fig, axes = plt.subplots(
        len(weights), 1, figsize=(WIDTH, 1.7 * len(weights) + 0.6), squeeze=False, sharex=True
    )
    sizes = {title: np.abs(np.asarray(w, float)).ravel() for title, w in weights.items()}
    edges = np.linspace(0, max(float(np.quantile(s, 0.998)) for s in sizes.values()), bins + 1)
    for ax, (title, size) in zip(axes[:, 0], sizes.items(), strict=True):
        size = size[size > 0]
        limit = thresholds[title]
        for part, color in ((size[size <= limit], GREY), (size[size > limit], BLUE)):
            ax.hist(part, edges, color=tint(color, 0.8))
        ax.axvline(limit, color=VERMILION, linewidth=1.5)
        share = np.mean(size <= limit) if size.size else 0.0
        ax.set_title(f"{title}: {100 * share:.0f} % below the line", loc="left")
        ax.set_ylabel("weights")
    axes[-1, 0].set_xlabel("size of a weight, |w|")
    return fig


def mask_pictures(masks: Mapping[str, Any]) -> Figure:
    """Draw weight matrices as pictures, a row for each output: dark where a weight is left.

    Parameters
    ----------
    masks : title to array (outputs, inputs), True or not zero where a weight is left.
    """
    if not masks:
        raise ValueError("masks is empty; it wants one matrix or more. Pass {'title': w != 0}.")
    grids = {title: as_matrix(mask, title) != 0 for title, mask in masks.items()}
    heights = [min(max(g.shape[0] / g.shape[1], 0.12), 0.5) for g in grids.values()]
    fig, axes = plt.subplots(
        len(grids),
        1,
        figsize=(WIDTH, (WIDTH - 0.8) * sum(heights) + 0.75 * len(grids)),
        height_ratios=heights,
        squeeze=False,
    )
    for ax, (title, grid) in zip(axes[:, 0], grids.items(), strict=True):
        ax.imshow(grid, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        ax.set_title(f"{title}: {100 * grid.mean():.0f} % left", loc="left")
        ax.set_ylabel("output")
    axes[-1, 0].set_xlabel("input")
    return fig


def layer_shares(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw how much is left of each layer, a group of bars for each layer.

    Parameters
    ----------
    shares : name of the way of pruning to (layer to share left, 0 to 1).
    """
    layers = list(next(iter(shares.values()), {}))
    if not layers or any(list(rows) != layers for rows in shares.values()):
        raise ValueError(
            "shares names different layers, or none; layer_shares wants the same layers for each "
            "way of pruning. Pass {'global': {'layer 1': 0.1}}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.34 * len(layers) * (len(shares) + 0.6) + 1.2))
    thick = 0.8 / len(shares)
    for i, (name, rows) in enumerate(shares.items()):
        ys = np.arange(len(layers)) + (i - (len(shares) - 1) / 2) * thick
        values = [100 * rows[layer] for layer in layers]
        color = CYCLE[i % len(CYCLE)]
        ax.barh(ys, values, height=0.9 * thick, color=tint(color, 0.8), label=name)
        for y, value in zip(ys, values, strict=True):
            ax.annotate(f" {value:.3g} %", (value, y), va="center")
    ax.set_yticks(range(len(layers)), layers)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.18 * 100 * max(max(rows.values()) for rows in shares.values()) or 1)
    ax.set_xlabel("weights left (%)")
    fig.legend(loc="outside upper left", ncols=len(shares))
    return fig


def error_curves(
    panels: Mapping[str, Mapping[str, Seeds]],
    *,
    marks: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
    levels: Mapping[str, float] | None = None,
    label: str = "test error (%)",
) -> Figure:
    """Draw error against how many times fewer weights: a point for each seed, lines at the means.

    Parameters
    ----------
    panels : title to (name of the line to (times fewer to errors in per cent, one a seed)).
    marks : title to (name to one point (times fewer, error)), results of others.
    levels : title to an error to draw a level line at, that of the whole network.
    """
    _check_curves(panels)
    marks, levels = marks or {}, levels or {}
    fig, axes = plt.subplots(
        len(panels), 1, figsize=(WIDTH, 3.0 * len(panels) + 0.8), squeeze=False
    )
    entries: dict[str, Any] = {}
    for ax, (title, lines) in zip(axes[:, 0], panels.items(), strict=True):
        for i, (name, seeds) in enumerate(lines.items()):
            entries.setdefault(name, _curve(ax, i, seeds))
        for i, (name, point) in enumerate(marks.get(title, {}).items()):
            [star] = ax.plot(*point, "*P"[i % 2], color=BLACK, markersize=13, linestyle="")
            entries.setdefault(name, star)
        if title in levels:
            line = ax.axhline(levels[title], color=GREY, linestyle="--", zorder=0)
            entries.setdefault("all weights", line)
        ax.set_xscale("log")
        ax.set_yscale("log")
        plain_log(ax)
        plain_log(ax, "y")
        ax.grid(axis="y")
        ax.set_title(title, loc="left")
        ax.set_ylabel(label)
    axes[-1, 0].set_xlabel("times fewer weights (log scale)")
    fig.legend(entries.values(), entries.keys(), loc="outside upper left", ncols=2)
    return fig


def _curve(ax: Axes, place: int, seeds: Seeds) -> Any:
    color = CYCLE[place % len(CYCLE)]
    xs = sorted(seeds)
    for x in xs:
        ax.plot([x] * len(seeds[x]), seeds[x], "o", color=tint(color, 0.6), markersize=4)
    [line] = ax.plot(
        xs,
        [float(np.mean(seeds[x])) for x in xs],
        color=color,
        marker=MARKERS[place % len(MARKERS)],
        linestyle=DASHES[place % len(DASHES)],
    )
    return line


def _check_curves(panels: Mapping[str, Mapping[str, Seeds]]) -> None:
    if not panels or not all(panels.values()):
        raise ValueError("panels lacks lines; error_curves wants {'title': {'name': {2: [1.5]}}}.")
    for title, lines in panels.items():
        for name, seeds in lines.items():
            numbers = [*seeds] + [e for errors in seeds.values() for e in errors]
            whole = seeds and all(len(errors) for errors in seeds.values())
            if not whole or not np.isfinite(numbers).all() or min(numbers) <= 0:
                raise ValueError(
                    f"panels[{title!r}][{name!r}] is {dict(seeds)}; it wants one positive error "
                    "for each seed at one positive ratio or more. A logarithmic axis has no 0."
                )
