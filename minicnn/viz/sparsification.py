"""Balls and corners, thresholds, gates, patterns of zeros, bytes of formats, break-even."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from minicnn.viz.pooling import DASHES, MARKERS
from minicnn.viz.style import BLACK, BLUE, CYCLE, FONT, GREY, VERMILION, WIDTH, as_matrix, tint


def corner(center: Sequence[float], stretch: float = 1.5) -> Figure:
    """Draw where the contours of a loss first touch the L1 and the L2 ball.

    Parameters
    ----------
    center : pair of float
        The weights with the least loss, outside both balls of size 1.
    stretch : float
        How much steeper the loss is along the second weight than along the first.
    """
    c = np.asarray(center, float)
    if c.shape != (2,) or np.abs(c).sum() <= 1 or not stretch > 0:
        raise ValueError(
            f"center is {center} and stretch {stretch}; the picture wants two numbers outside the "
            "ball |a| + |b| <= 1, and a stretch above 0. Pass (1.6, 0.3)."
        )
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.1), sharey=True)
    a, b = np.meshgrid(np.linspace(-1.35, 2.6, 240), np.linspace(-1.35, 1.6, 200))
    loss = (a - c[0]) ** 2 + stretch * (b - c[1]) ** 2
    t = np.linspace(0, 2 * np.pi, 4001)
    circle = np.stack([np.cos(t), np.sin(t)])
    for ax, name, ball in zip(
        axes, ("L1", "L2"), (circle / np.abs(circle).sum(axis=0), circle), strict=True
    ):
        at = (ball[0] - c[0]) ** 2 + stretch * (ball[1] - c[1]) ** 2
        touch = ball[:, at.argmin()]
        levels = float(at.min()) * np.array([0.3, 1.0, 2.2, 4.0])
        ax.contour(a, b, loss, levels=levels, colors=[GREY], linewidths=1)
        ax.fill(*ball, color=tint(BLUE, 0.35))
        ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.axvline(0, color=BLACK, linewidth=0.8)
        ax.plot(*c, "x", color=BLACK, markersize=8)
        ax.plot(*touch, "o", color=VERMILION, markersize=8)
        ax.set_aspect("equal")
        ax.set_title(f"{name} ball", loc="left")
        ax.set_xlabel("weight 1")
    axes[0].set_ylabel("weight 2")
    return fig


def shrinkages(t: float = 1.0, largest: float = 3.0) -> Figure:
    """Draw what soft threshold, hard threshold and weight decay make of a weight.

    Parameters
    ----------
    t : float
        Where both thresholds are.
    largest : float
        The weights go from minus this to this.
    """
    if not 0 < t < largest:
        raise ValueError(
            f"t is {t} and largest {largest}; the picture wants 0 < t < largest. Pass t=1."
        )
    v = np.linspace(-largest, largest, 601)
    soft = np.sign(v) * np.maximum(np.abs(v) - t, 0)
    inside = np.abs(v) <= t
    fig, ax = plt.subplots(figsize=(WIDTH, 3.6))
    ax.plot(v, v, color=GREY, linewidth=1, linestyle=":")
    ax.plot(v, soft, color=CYCLE[0], label="soft (L1)")
    for i, part in enumerate((v < -t, inside, v > t)):
        label = "hard (L0)" if i == 1 else None
        ax.plot(v[part], np.where(inside, 0, v)[part], color=CYCLE[3], linestyle="--", label=label)
    ax.plot(v, v / (1 + t), color=CYCLE[2], linestyle="-.", label="weight decay (L2)")
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.set_xlabel("weight before")
    ax.set_ylabel("weight after")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def gate_histogram(rows: Mapping[str, np.ndarray], bins: int = 24) -> Figure:
    """Draw how gates are spread between 0 and 1, with those that are exactly 0 or 1 apart.

    Parameters
    ----------
    rows : mapping of str to array
        Title and gates of each panel.
    bins : int
        Bars between 0 and 1.
    """
    if not rows or any(np.size(z) == 0 or np.min(z) < 0 or np.max(z) > 1 for z in rows.values()):
        raise ValueError(
            f"rows has the panels {list(rows)}; it wants one or more, each an array of gates from "
            "0 to 1. Pass {'gates': np.array([0, 0.3, 1])}."
        )
    fig, axes = plt.subplots(
        len(rows), 1, figsize=(WIDTH, 1.35 * len(rows) + 0.7), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    for ax, (title, z) in zip(axes[:, 0], rows.items(), strict=True):
        z = np.ravel(z)
        inner = z[(z > 0) & (z < 1)]
        share, edges = np.histogram(inner, bins, (0, 1))
        ax.bar(edges[:-1], 100 * share / z.size, 1 / bins, align="edge", color=tint(BLUE, 0.6))
        ends = 100 * np.array([(z == 0).mean(), (z == 1).mean()])
        ax.bar([-0.06, 1.06], ends, 0.06, color=VERMILION)
        for x, end in zip((-0.06, 1.06), ends, strict=True):
            ax.text(x, end, f"{end:.0f} %", ha="center", va="bottom", fontsize=FONT - 1)
        ax.set_title(title, loc="left")
        ax.margins(y=0.25)
    axes[-1, 0].set_xticks(
        [-0.06, 0.25, 0.5, 0.75, 1.06], ["exactly 0", "¼", "½", "¾", "exactly 1"]
    )
    axes[-1, 0].set_xlabel("gate z")
    fig.supylabel("gates (%)", fontsize=FONT)
    return fig


def patterns(panels: Mapping[str, Any], *, group: int | None = None) -> Figure:
    """Draw which weights of a matrix are kept, one panel for each way of choosing.

    Parameters
    ----------
    panels : mapping of str to array (rows, columns) of bool
        Title and what is kept; at most four.
    group : int, optional
        Draw a line after every so many columns.
    """
    masks = {title: as_matrix(keep, title).astype(bool) for title, keep in panels.items()}
    if not 1 <= len(masks) <= 4:
        raise ValueError(
            f"panels has {len(masks)} entries; the picture wants 1 to 4. Pass {{'2:4': keep}}."
        )
    rows = -(-len(masks) // 2)
    fig, axes = plt.subplots(rows, min(2, len(masks)), figsize=(WIDTH, 2.6 * rows), squeeze=False)
    colors = ListedColormap([tint(GREY, 0.15), tint(BLUE, 0.75)])
    for ax in axes.flat[len(masks) :]:
        ax.set_visible(False)
    for ax, (title, keep) in zip(axes.flat, masks.items(), strict=False):
        ax.imshow(keep, cmap=colors, vmin=0, vmax=1, aspect="equal")
        ax.set_xticks(np.arange(keep.shape[1] + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(keep.shape[0] + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=1.2)
        ax.tick_params(which="both", length=0, labelleft=False, labelbottom=False)
        ax.spines[:].set_visible(False)
        if group:
            for x in range(group, keep.shape[1], group):
                ax.axvline(x - 0.5, color=BLACK, linewidth=1.2)
        ax.set_title(title, loc="left")
        ax.set_xlabel("inputs")
        ax.set_ylabel("filters")
    return fig


def sparsity_lines(
    lines: Mapping[str, tuple[Any, Any]],
    *,
    ylabel: str,
    level: float | None = None,
    spread: Mapping[str, Any] | None = None,
    log: bool = False,
    points: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw something over the share of zeros, one line for each layer, format or method.

    Parameters
    ----------
    lines : mapping of str to (sparsities, values)
        Name and line; sparsities go from 0 to 1 and are shown in per cent.
    ylabel : str
        What the values are, with units.
    level : float, optional
        A value to mark with a line across.
    spread : mapping of str to values, optional
        Half the height of an error bar for each point of the line of that name.
    log : bool
        Whether the values have a logarithmic axis.
    points : mapping of str to (sparsity, value), optional
        Single points with a name.
    """
    data = {name: (np.asarray(x, float), np.asarray(y, float)) for name, (x, y) in lines.items()}
    if not data or any(
        x.shape != y.shape or not ((x >= 0) & (x <= 1)).all() for x, y in data.values()
    ):
        raise ValueError(
            f"lines has the shapes { {n: (x.shape, y.shape) for n, (x, y) in data.items()} }; it "
            "wants one line or more, each with as many values as sparsities from 0 to 1. "
            "Pass {'CSR': ([0.5, 0.9], [4, 0.8])}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 4.1))
    if level is not None:
        ax.axhline(level, color=BLACK, linewidth=1.2)
    for i, (name, (x, y)) in enumerate(data.items()):
        error: Any = (
            None if spread is None or name not in spread else np.asarray(spread[name], float)
        )
        every: Any = 1 if len(x) < 12 else (i, len(x) // 6)
        ax.errorbar(
            100 * x, y, yerr=error, color=CYCLE[i % len(CYCLE)], marker=MARKERS[i % len(MARKERS)],
            linestyle=DASHES[i % len(DASHES)], markersize=6, capsize=3, label=name,
            markevery=every,
        )  # fmt: skip
    for i, (name, (at, value)) in enumerate((points or {}).items()):
        color = CYCLE[(len(data) + i) % len(CYCLE)]
        ax.plot(100 * at, value, "D", color=color, markersize=9, label=name, linestyle="none")
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        ax.set_ylim(bottom=0)
    ax.set_xlabel("weights that are zero (%)")
    ax.set_ylabel(ylabel)
    ax.grid(axis="y")
    fig.legend(loc="outside lower center", ncols=2)
    return fig
