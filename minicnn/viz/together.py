"""Passes of compression two by two: what each order gives, and how far apart the two orders are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from minicnn.viz.choosing import plain_log
from minicnn.viz.style import BLACK, BLUE, CYCLE, FONT, GREY, VERMILION, WIDTH, tint

Point = tuple[float, float]


def order_matrix(names: Sequence[str], panels: Mapping[str, Any]) -> Figure:
    """Draw square tables as coloured numbers: the row's pass runs first, the column's second.

    Parameters
    ----------
    names : of the passes.
    panels : title to array (passes, passes); on the diagonal is a pass alone. The darker, the
        larger.
    """
    count = len(names)
    tables = {title: np.asarray(values, float) for title, values in panels.items()}
    shapes = {title: table.shape for title, table in tables.items()}
    if not tables or any(shape != (count, count) for shape in shapes.values()):
        raise ValueError(
            f"the panels have shapes {shapes} and there are {count} names; order_matrix wants one "
            f"panel or more, each with a row and a column for every name: ({count}, {count})."
        )
    fig, axes = plt.subplots(
        len(tables), 1, figsize=(WIDTH, (0.42 * count + 1.6) * len(tables)), squeeze=False
    )
    for place, (ax, (title, table)) in enumerate(zip(axes[:, 0], tables.items(), strict=True)):
        color = (BLUE, VERMILION)[place % 2]
        shades = LinearSegmentedColormap.from_list("shades", [to_rgb("white"), tint(color, 0.75)])
        ax.imshow(table, cmap=shades, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            weight = "bold" if row == column else "normal"
            ax.text(
                column, row, f"{value:.1f}",
                ha="center", va="center", fontsize=FONT - 1, fontweight=weight,
            )  # fmt: skip
        ax.set_title(title, loc="left")
        ax.set_xticks(range(count), names, rotation=40, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(count), names)
        ax.tick_params(length=0)
        ax.set_ylabel("first")
        for side in ax.spines.values():
            side.set_visible(False)
    axes[-1, 0].set_xlabel("second")
    return fig


def two_orders(
    pairs: Mapping[tuple[str, str], tuple[Point, Point]],
    *,
    name: Sequence[tuple[str, str]] = (),
    labels: tuple[str, str] = ("times smaller file", "test error (%)"),
) -> Figure:
    """Draw both orders of each pair as two points and the line between: a long line is a choice.

    Parameters
    ----------
    pairs : (a, b) to the points (x, y) of a first and of b first, x above 0.
    name : pairs to draw in colour and name; the others are grey.
    labels : of both axes; x is logarithmic.
    """
    points = np.array(list(pairs.values()), float)
    if not pairs or points.shape != (len(pairs), 2, 2) or not np.isfinite(points).all():
        raise ValueError(
            f"pairs has {len(pairs)} entries of shape {points.shape[1:]}; two_orders wants two "
            "finite points (x, y) for each. Pass {('prune', 'trim'): ((3.0, 2.5), (2.8, 2.6))}."
        )
    if (points[..., 0] <= 0).any() or not set(name) <= set(pairs):
        raise ValueError(
            f"name is {list(name)}, and the smallest x is {points[..., 0].min()}; two_orders wants "
            "names among the pairs and x above 0, as its axis is logarithmic."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 4.2))
    for pair, ((x, y), (u, v)) in pairs.items():
        if pair not in name:
            ax.plot([x, u], [y, v], "o-", color=tint(GREY, 0.6), markersize=3, linewidth=1)
    for place, pair in enumerate(name):
        (x, y), (u, v) = pairs[pair]
        color = CYCLE[place % len(CYCLE)]
        label = f"{pair[0]} first, then {pair[1]}"
        ax.plot([x, u], [y, v], color=color, label=label)
        ax.plot(x, y, "o", color=color, markersize=8)
        ax.plot(u, v, "o", color=color, markersize=8, markerfacecolor="white")
    ax.plot([], [], "o", color=BLACK, markerfacecolor="white", label="the other order")
    ax.set_xscale("log")
    plain_log(ax)
    ax.grid(axis="y")
    ax.set_xlabel(f"{labels[0]} (log scale)")
    ax.set_ylabel(labels[1])
    fig.legend(loc="outside upper left", ncols=1)
    return fig
