"""Depth: what each block is worth, accuracy against cost, and who leaves where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from minicnn.viz.style import BLUE, CYCLE, FONT, GREEN, GREY, ORANGE, WIDTH, tint


class Line(NamedTuple):
    """Costs (points,), accuracies (seeds, points), and whether the points are joined."""

    costs: Sequence[float] | np.ndarray
    accuracies: np.ndarray
    joined: bool = True


def exit_diagram(stages: Sequence[str], heads: Sequence[str]) -> Figure:
    """Draw stages from left to right, and a head above each but the last."""
    if len(heads) != len(stages) - 1 or not heads:
        raise ValueError(
            f"there are {len(stages)} stages and {len(heads)} heads; exit_diagram wants a head "
            "for each stage but the last. Leave one out."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 2.6))
    arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    for i, name in enumerate(stages):
        x = 1.6 * i
        _box(ax, x, 0, name, BLUE)
        ax.annotate("", (x - 0.6, 0), (x - 1.0, 0), arrowprops=arrow)
        if i < len(heads):
            _box(ax, x + 0.8, 1.5, heads[i], ORANGE, wide=0.5)
            ax.annotate("", (x + 0.8, 1.1), (x + 0.8, 0), arrowprops=arrow)
            ax.annotate("", (x + 0.8, 2.5), (x + 0.8, 1.9), arrowprops={**arrow, "color": GREEN})
            ax.text(x + 0.8, 2.55, "sure?", ha="center", color=GREEN)
        else:
            ax.annotate("", (x + 1.0, 0), (x + 0.6, 0), arrowprops={**arrow, "color": GREEN})
    ax.set_xlim(-1.05, 1.6 * len(stages) - 0.55)
    ax.set_ylim(-0.5, 3.0)
    ax.axis("off")
    return fig


def _box(ax: plt.Axes, x: float, y: float, name: str, color: str, wide: float = 0.6) -> None:
    style = {
        "facecolor": tint(color),
        "edgecolor": color,
        "boxstyle": "round,pad=0,rounding_size=.1",
    }
    ax.add_patch(FancyBboxPatch((x - wide, y - 0.4), 2 * wide, 0.8, **style))  # type: ignore[arg-type]
    ax.text(x, y, name, ha="center", va="center", fontsize=FONT)


def effect_dots(effects: np.ndarray, *, label: str, xlabel: str = "block left out") -> Figure:
    """Draw one dot for each seed and position, and a line through the means.

    Parameters
    ----------
    effects : (seeds, positions).
    label : of the y axis.
    """
    values = np.asarray(effects, float)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"effects has shape {values.shape}; effect_dots wants (seeds, positions). "
            "One run? Use effects[None]."
        )
    fig, ax = plt.subplots()
    places = np.arange(1, values.shape[1] + 1)
    ax.plot(places, values.mean(axis=0), color=BLUE, zorder=1)
    for row in values:
        ax.plot(places, row, "o", color=tint(BLUE, 0.6), markeredgecolor=BLUE, zorder=2)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(bottom=min(0.0, float(values.min()) * 1.1))
    ax.set_xlabel(xlabel)
    ax.set_ylabel(label)
    ax.grid(axis="y", color="#DDDDDD")
    return fig


def cost_curves(lines: Mapping[str, Line], *, xlabel: str) -> Figure:
    """Draw accuracy against cost: the mean over seeds, and the spread from worst to best."""
    if not lines:
        raise ValueError(
            "lines is empty; cost_curves wants one or more. Pass {'exits': Line(...)}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.9))
    for i, (name, line) in enumerate(lines.items()):
        x, y = np.asarray(line.costs, float), 100 * np.asarray(line.accuracies, float)
        if y.ndim != 2 or y.shape[1:] != x.shape:
            raise ValueError(
                f"{name!r} has costs of shape {x.shape} and accuracies of {y.shape}; cost_curves "
                "wants (points,) and (seeds, points). Transpose the accuracies?"
            )
        color, marker = CYCLE[i % len(CYCLE)], "osD^v"[i % 5]
        order = np.argsort(x)
        x, y = x[order], y[:, order]
        if line.joined:
            ax.fill_between(x, y.min(axis=0), y.max(axis=0), color=tint(color, 0.2), lw=0)
        else:
            ax.vlines(x, y.min(axis=0), y.max(axis=0), color=tint(color, 0.5), lw=3)
        style = "-" if line.joined else ""
        ax.plot(x, y.mean(axis=0), marker=marker, linestyle=style, color=color, label=name)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("accuracy (%)")
    ax.grid(color="#DDDDDD")
    fig.legend(loc="outside upper center", ncols=2)
    return fig


def exit_shares(thresholds: Sequence[float], shares: np.ndarray) -> Figure:
    """Draw which part of the samples leaves at each exit, one bar a threshold.

    Parameters
    ----------
    shares : (thresholds, exits), each row summing to 1.
    """
    rows = 100 * np.asarray(shares, float)
    if rows.ndim != 2 or len(rows) != len(thresholds):
        raise ValueError(
            f"shares has shape {rows.shape} for {len(thresholds)} thresholds; exit_shares wants "
            "one row for each. Stack what measure_exits gives."
        )
    fig, ax = plt.subplots()
    left, exits = np.zeros(len(rows)), rows.shape[1]
    for i in range(exits):
        name = "end" if i == exits - 1 else f"exit {i + 1}"
        color = GREY if i == exits - 1 else CYCLE[i % len(CYCLE)]
        ax.barh(range(len(rows)), rows[:, i], left=left, color=tint(color, 0.7), label=name)
        left = left + rows[:, i]
    ax.set_yticks(range(len(rows)), [f"{t:g}" for t in thresholds])
    ax.set_ylabel("threshold")
    ax.set_xlabel("share of the images (%)")
    fig.legend(loc="outside upper center", ncols=exits)
    return fig


def image_rows(rows: Mapping[str, np.ndarray]) -> Figure:
    """Draw rows of images (n, H, W), each row with its name above it."""
    if not rows or any(np.ndim(images) != 3 or not len(images) for images in rows.values()):
        raise ValueError(
            "a row holds no images (n, H, W); image_rows wants one image or more in each. "
            "From a batch (N, 1, H, W) take x[:8, 0]."
        )
    most = max(map(len, rows.values()))
    fig, axes = plt.subplots(
        len(rows), most, figsize=(WIDTH, (WIDTH / most + 0.35) * len(rows)), squeeze=False
    )
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for i, ax in enumerate(line):
            ax.axis("off")
            if i < len(images):
                ax.imshow(images[i], cmap="gray_r", vmin=0, vmax=1)
        line[0].set_title(name, loc="left", fontsize=FONT)
    return fig
