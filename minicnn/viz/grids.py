"""Arrays drawn as grids of numbers, the way one would on squared paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minicnn.viz.style import FONT, MARK, ROLES, WIDTH, as_matrix, tint

MARGIN = 1.9  # room beside a grid for its tick labels and axis label, counted in cells
CELL = 0.34  # inches; smaller when a row of grids would not fit


def draw_grid(
    ax: Axes,
    values: np.ndarray,
    *,
    fills: np.ndarray,
    fmt: str = "{:.3g}",
    axes_names: tuple[str, str] = ("row", "column"),
    first: int = 0,
    faint: np.ndarray | None = None,
) -> None:
    """Draw one array: `fills` (rows, columns, 3) colours the cells, `faint` marks grey numbers.

    NaN is an empty cell. `axes_names` labels the two axes; they are numbered from `first`, so that
    a border of padding gets the numbers -2, -1.
    """
    rows, columns = values.shape
    ax.imshow(fills, interpolation="nearest")
    ax.set_xticks(range(columns), _numbers(columns, first))
    ax.set_yticks(range(rows), _numbers(rows, first))
    ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylabel(axes_names[0])
    ax.set_xlabel(axes_names[1])
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        text = fmt.format(value + 0)  # + 0 turns -0.0 into 0.0
        grey = faint is not None and faint[row, column]
        ax.text(
            column,
            row,
            text.replace("-", "−"),
            ha="center",
            va="center",
            color="#555555" if grey else "black",
            fontsize=FONT if len(text) < 4 else FONT - 2.5,
        )


def outline(
    ax: Axes, top_left: tuple[float, float], size: tuple[float, float], color: str = MARK
) -> None:
    """Draw a frame round `size` (height, width) cells that start at `top_left` (row, column)."""
    (row, column), (height, width) = top_left, size
    ax.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5),
            width,
            height,
            fill=False,
            edgecolor=color,
            linewidth=2.2,
            clip_on=False,
            zorder=3,
        )
    )


def sheet(rows: Sequence[Sequence[tuple[int, int]]]) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure with rows of grids whose cells are all the same size.

    `rows` holds the (height, width) in cells of each grid.
    """
    wide = max(sum(width + MARGIN for _, width in row) for row in rows)
    cell = min(CELL, WIDTH / wide)
    title, label = 0.38 / cell, 0.5 / cell  # above and below each grid, counted in cells
    tallest = [max(height for height, _ in row) for row in rows]
    high = sum(tallest) + (title + label) * len(rows)
    fig = plt.figure(figsize=(wide * cell, high * cell), layout="none")
    all_axes = []
    top = high
    for row, tall in zip(rows, tallest, strict=True):
        left = MARGIN
        axes = []
        for height, width in row:
            box = (left, top - title - height, width, height)
            axes.append(fig.add_axes((box[0] / wide, box[1] / high, width / wide, height / high)))
            left += width + MARGIN
        all_axes.append(axes)
        top -= tall + title + label
    return fig, all_axes


def show_arrays(
    arrays: Mapping[str, Any],
    *,
    highlight: Mapping[str, Any] | None = None,
    roles: Sequence[str] = ("input", "kernel", "output"),
    fmt: str = "{:.3g}",
    axes_names: tuple[str, str] = ("row", "column"),
    per_row: int | None = None,
) -> Figure:
    """Draw arrays as grids of numbers, side by side.

    Parameters
    ----------
    arrays : mapping of str to array (rows, columns)
        Title and numbers of each grid. NaN is an empty cell.
    highlight : mapping of str to boolean array of the same shape, optional
        Cells to colour strongly, by title.
    roles : sequence of str
        What each array is, in order: "input", "kernel", "output" or "mark". It decides the colour.
    fmt : str
        Format of one number.
    axes_names : (str, str)
        Names of the rows and of the columns.
    per_row : int, optional
        Grids in a row of the figure; as many as fit by default.
    """
    if not arrays:
        raise ValueError("arrays is empty; show_arrays wants one array or more. Pass {'x': x}.")
    grids = {title: as_matrix(values, title).astype(float) for title, values in arrays.items()}
    masks = {title: np.asarray(mask, dtype=bool) for title, mask in (highlight or {}).items()}
    for title, mask in masks.items():
        if title not in grids or mask.shape != grids[title].shape:
            raise ValueError(
                f"highlight[{title!r}] has shape {mask.shape}; the arrays are "
                f"{ {t: g.shape for t, g in grids.items()} }. Give a mask of its array's shape."
            )
    if len(roles) < len(grids) or any(role not in ROLES for role in roles):
        raise ValueError(
            f"roles is {tuple(roles)} for {len(grids)} arrays; it wants one of {sorted(ROLES)} for "
            f"each. Name what each array is, e.g. roles=('input', 'output')."
        )
    rows = _wrap(grids, per_row)
    fig, axes = sheet([[grids[title].shape for title in row] for row in rows])
    flat = [ax for row in axes for ax in row]
    for (title, values), role, ax in zip(grids.items(), roles, flat, strict=False):
        color = ROLES[role]
        fills = np.tile(tint(color, 0.18), (*values.shape, 1))
        if title in masks:
            fills[masks[title]] = tint(color, 0.6)
        draw_grid(ax, values, fills=fills, fmt=fmt, axes_names=axes_names)
        ax.set_title(title, loc="left")
    return fig


def _wrap(grids: Mapping[str, np.ndarray], per_row: int | None) -> list[list[str]]:
    """Break the list into rows: `per_row` grids in each, or as many as keep the digits legible."""
    limit = WIDTH / 0.25  # cells across, at a quarter of an inch each
    rows: list[list[str]] = [[]]
    used = 0.0
    for title, grid in grids.items():
        width = grid.shape[1] + MARGIN
        full = len(rows[-1]) == per_row if per_row else used + width > limit
        if rows[-1] and full:
            rows.append([])
            used = 0.0
        rows[-1].append(title)
        used += width
    return rows


def _numbers(count: int, first: int) -> list[str]:
    """Label every cell of a small grid, every fifth of a large one."""
    step = 1 if count <= 10 else 5
    return [str(i).replace("-", "−") if i % step == 0 else "" for i in range(first, first + count)]
