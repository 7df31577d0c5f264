"""The figures of the chapter on batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from minicnn.viz.style import BLUE, CYCLE, FONT, KERNEL, MARK, OUTPUT, WIDTH, tint

MARKERS, DASHES = ("o", "s", "^", "D", "v", "P"), ("-", "--", "-.", ":")
MOST_TICKS = 9  # as many numbers as fit under an axis on a phone

# Boxes of the graph: (column, row) and text. Rows count from the top.
BOXES = {
    "x": (0, 0, "x"),
    "mean": (1, 0.5, "μ = mean(x)"),
    "centred": (0, 1, "a = x − μ"),
    "var": (1, 1.5, "v = mean(a²)"),
    "inv_std": (1, 2.5, "r = 1 / √(v + ε)"),
    "x_hat": (0, 3, "x̂ = a · r"),
    "gamma": (1, 3.5, "γ, β"),
    "y": (0, 4, "y = γ · x̂ + β"),
}
# Arrows forward, in the order of computation; the numbers are those of the steps backward.
ARROWS = (
    ("x", "mean", 6),
    ("x", "centred", 6),
    ("mean", "centred", 5),
    ("centred", "var", 4),
    ("centred", "x_hat", 4),
    ("var", "inv_std", 3),
    ("inv_std", "x_hat", 2),
    ("gamma", "y", 1),
    ("x_hat", "y", 1),
)


def normalisation_graph() -> Figure:
    """Draw how y comes out of x, one box a step; numbers on the arrows count the steps backward."""
    fig, ax = plt.subplots(figsize=(WIDTH, 4.9))
    boxes = {}
    for name, (column, row, text) in BOXES.items():
        color = {"x": BLUE, "y": OUTPUT, "gamma": KERNEL}.get(name, "#999999")
        style = {"boxstyle": "round,pad=0.42", "facecolor": tint(color, 0.3), "edgecolor": color}
        label = ax.text(column, row, text, ha="center", va="center", size=FONT + 1, bbox=style)
        boxes[name] = label.get_bbox_patch()
    for start, end, step in ARROWS:
        (c0, r0, _), (c1, r1, _) = BOXES[start], BOXES[end]
        arrow: dict[str, Any] = {
            "arrowstyle": "-|>",
            "color": BLUE,
            "linewidth": 2,
            "shrinkA": 2,
            "shrinkB": 2,
        }
        arrow |= {"patchA": boxes[start], "patchB": boxes[end]}
        ax.annotate("", (c1, r1), (c0, r0), arrowprops=arrow)
        middle = (c0 + c1) / 2, (r0 + r1) / 2
        circle = {"boxstyle": "circle,pad=0.22", "facecolor": "white", "edgecolor": MARK}
        ax.text(*middle, str(step), color=MARK, ha="center", va="center", bbox=circle)
    ax.set_xlim(-0.42, 1.42)
    ax.set_ylim(4.4, -0.4)
    ax.axis("off")
    return fig


def seed_bands(
    curves: Mapping[str, Any],
    x: Sequence[float],
    *,
    x_label: str,
    y_label: str,
    log: str = "",
    y_range: tuple[float, float] | None = None,
) -> Figure:
    """Draw a line through the mean over seeds, in a band from the lowest seed to the highest.

    Parameters
    ----------
    curves : mapping of str to array (points,) or (seeds, points)
        One line each.
    x : sequence of float
        Where the points stand, the same for all curves.
    x_label, y_label : str
        What the axes show, with units.
    log : str
        "x", "y" or "xy" for logarithmic axes; a logarithmic x axis is labelled at the points.
    y_range : pair of float, optional
        Limits of the y axis.
    """
    lines = {name: _lines(values, name, len(x)) for name, values in curves.items()}
    if not lines:
        raise ValueError("curves is empty; it wants one curve or more. Pass {'plain': accuracies}.")
    if log not in ("", "x", "y", "xy"):
        raise ValueError(f"log is {log!r}; it wants '', 'x', 'y' or 'xy'. Try log='x'.")
    rows = -(-len(lines) // 2)
    fig, ax = plt.subplots(figsize=(WIDTH, 3.4 + 0.25 * rows))
    for index, (name, values) in enumerate(lines.items()):
        color = CYCLE[index % len(CYCLE)]
        ax.fill_between(x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15)
        ax.plot(
            x,
            values.mean(axis=0),
            color=color,
            marker=MARKERS[index % len(MARKERS)],
            markersize=5,
            linestyle=DASHES[index % len(DASHES)],
            label=name,
        )
    _scale(ax, x, log)
    if y_range is not None:
        ax.set_ylim(y_range)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.grid(axis="y")
    fig.legend(loc="outside upper left", ncols=2, fontsize=FONT - 1)
    return fig


def _scale(ax: Axes, x: Sequence[float], log: str) -> None:
    if "y" in log:
        ax.set_yscale("log")
        ax.yaxis.set_minor_locator(NullLocator())
        low, high = ax.get_ylim()
        if high / low < 1000:  # powers of ten alone would leave the axis nearly empty
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if "x" in log:
        ax.set_xscale("log")
        ax.set_xticks(x[:: -(-len(x) // MOST_TICKS)])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=all(float(v).is_integer() for v in x)))


def _lines(values: Any, name: str, points: int) -> np.ndarray:
    """Return finite numbers of shape (seeds, points), or say what is wrong."""
    array = np.asarray(values, dtype=float)
    fits = array.ndim in (1, 2) and array.size and array.shape[-1] == points
    if not fits or not np.isfinite(array).all():
        raise ValueError(
            f"curves[{name!r}] has shape {array.shape}; it wants finite numbers, {points} of them "
            "as x has, or (seeds, points). Leave out what is not finite."
        )
    return np.atleast_2d(array)
