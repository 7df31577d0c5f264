"""What pooling keeps and loses: pooled pictures, results over seeds, and what a shift changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minicnn import ops
from minicnn.viz.style import BLUE, CYCLE, FONT, VERMILION, WIDTH, as_matrix, tint

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5, 1, 1.5)))


def pooled_maps(x: Any, sizes: Sequence[int] = (2, 4, 7)) -> Figure:
    """Draw a map and what is left of it: largest, mean and first number of every k x k window.

    Parameters
    ----------
    x : array (H, W)
        One map; white is its smallest number, black its largest.
    sizes : sequence of int
        Sides k of the windows, one column each; the stride is k.
    """
    image = as_matrix(x, "x").astype(float)
    if not sizes or min(sizes) < 1 or max(sizes) > min(image.shape):
        raise ValueError(
            f"sizes is {tuple(sizes)} for a map of shape {image.shape}; it wants one window or "
            f"more, each from 1 to {min(image.shape)}. Try sizes=(2,)."
        )
    batch = image[None, None]
    rows = {
        "max": [ops.max_pool2d(batch, k)[0, 0] for k in sizes],
        "average": [ops.avg_pool2d(batch, k)[0, 0] for k in sizes],
        "first": [ops.max_pool2d(batch, 1, stride=k)[0, 0] for k in sizes],
    }
    columns = 1 + len(sizes)
    side = WIDTH / (columns + 0.4)
    fig, axes = plt.subplots(len(rows), columns, figsize=(WIDTH, len(rows) * side + 0.5))
    for line, (kind, maps) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(line, [image, *maps], strict=True):
            ax.imshow(picture, cmap="Greys", vmin=image.min(), vmax=image.max())
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color("#AAAAAA")
        line[0].set_ylabel(kind)
    for ax, k in zip(axes[0], (1, *sizes), strict=True):
        ax.set_title(f"{k} × {k}" if k > 1 else "the map")
    for ax, picture in zip(axes[-1], [image, *rows["max"]], strict=True):
        ax.set_xlabel(f"{picture.shape[0]} × {picture.shape[1]} px")
    return fig


def seed_dots(
    results: Mapping[str, Sequence[float]],
    *,
    label: str = "accuracy on the test images (%)",
    mark: Sequence[str] = (),
) -> Figure:
    """Draw one dot for each seed and a line at their mean, one row for each candidate.

    Parameters
    ----------
    results : mapping of str to sequence of fractions
        Name and one result for each seed, 0 to 1; drawn in per cent.
    label : str
        What is measured, with its unit.
    mark : sequence of str
        Names of rows to draw in the marking colour.
    """
    rows = {name: 100 * _numbers(values, f"results[{name!r}]") for name, values in results.items()}
    if not rows or any(name not in rows for name in mark):
        raise ValueError(
            f"results has the rows {list(rows)} and mark is {list(mark)}; there must be one row or "
            "more, and mark names some of them."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.52 * len(rows) + 0.85))
    for row, (name, values) in enumerate(rows.items()):
        color = VERMILION if name in mark else BLUE
        ax.plot([values.min(), values.max()], [row, row], color=tint(color, 0.4), linewidth=5)
        ax.plot(values, np.full(len(values), row), "o", color=color, markersize=7)
        ax.plot([values.mean()] * 2, [row - 0.2, row + 0.2], color="black", linewidth=2)
        for x, text, side in ((0, name, "left"), (1, f"mean {values.mean():.1f} %", "right")):
            where = ax.get_yaxis_transform()
            ax.text(x, row - 0.27, text, transform=where, ha=side, va="bottom")
    ax.set_ylim(len(rows) - 0.5, -0.8)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.margins(x=0.06)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel(f"{label}; a dot is a seed")
    return fig


def shift_curves(
    curves: Mapping[str, Any], *, label: str = "classified correctly (%)", start: int = 0
) -> Figure:
    """Draw a quantity against the shift of the image, with a band from the worst seed to the best.

    Parameters
    ----------
    curves : mapping of str to array of fractions (shifts,) or (seeds, shifts)
        One line each, through the mean over the seeds; drawn in per cent.
    label : str
        What is measured, with its unit.
    start : int
        Shift of the first column, in pixels.
    """
    if not curves:
        raise ValueError("curves is empty; it wants one curve or more. Pass {'max': accuracies}.")
    lines = {
        name: 100 * np.atleast_2d(_numbers(values, f"curves[{name!r}]"))
        for name, values in curves.items()
    }
    fig, ax = plt.subplots(figsize=(WIDTH, 3.5 + 0.22 * -(-len(lines) // 2)))
    for index, (name, values) in enumerate(lines.items()):
        shifts = np.arange(start, start + values.shape[1])
        color = CYCLE[index % len(CYCLE)]
        ax.fill_between(shifts, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15)
        ax.plot(
            shifts,
            values.mean(axis=0),
            color=color,
            marker=MARKERS[index % len(MARKERS)],
            linestyle=DASHES[index % len(DASHES)],
            label=name,
        )
    ax.set_xlabel("shift of the image (pixels)")
    ax.set_ylabel(label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0, 1.06 * max(values.max() for values in lines.values()) or 1)
    ax.grid(axis="y")
    fig.legend(loc="outside upper left", ncols=2, fontsize=FONT - 1)
    return fig


def _numbers(values: Any, name: str) -> np.ndarray:
    """Return finite numbers as an array with one or two axes, or say what is wrong."""
    array = np.asarray(values, dtype=float)
    if array.ndim not in (1, 2) or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(
            f"{name} has shape {array.shape}; it wants finite numbers along one axis, or "
            "(seeds, shifts). Pass a list of accuracies."
        )
    return array
