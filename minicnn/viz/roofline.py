"""The roofline: what a machine can do at most, and kernels under it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from minicnn.cost.roofline import Roofline
from minicnn.viz.style import BLACK, CYCLE, FONT, GREY, WIDTH

MARKERS = "osD^vP*Xhp<>"


def roofline(
    roof: Roofline,
    kernels: Mapping[str, tuple[float, float]],
    *,
    levels: tuple[str, ...] | None = None,
    label: str = "operations per byte moved",
) -> Figure:
    """Draw the roofs of a machine, both axes logarithmic, and kernels under them.

    Parameters
    ----------
    roof : Roofline
        From ``cost.roofline()``.
    kernels : mapping of str to (intensity, GFLOP/s)
        What each kernel reaches, at most twelve of them.
    levels : tuple of str, optional
        The levels of memory to draw a roof for; all by default.
    label : str
        What the intensity means.
    """
    if not 1 <= len(kernels) <= len(MARKERS):
        raise ValueError(
            f"kernels holds {len(kernels)}; roofline draws 1 to {len(MARKERS)}. Draw two figures."
        )
    points = {name: (float(x), float(y)) for name, (x, y) in kernels.items()}
    if min(min(point) for point in points.values()) <= 0:
        raise ValueError(
            "kernels holds a number that is not above 0; both axes are logarithmic. "
            "Leave that kernel out."
        )
    levels = tuple(roof.bandwidth) if levels is None else levels
    xs, ys = zip(*points.values(), strict=True)
    ridges = [roof.ridge(level) for level in levels]
    low, high = min(*xs, *ridges) / 2.5, max(*xs, *ridges) * 2.5
    fig, ax = plt.subplots(figsize=(WIDTH, 4.0 + 0.24 * -(-len(points) // 2)))
    grid = np.geomspace(low, high, 200)
    for level in levels:
        ax.plot(grid, [roof.attainable(x, level) for x in grid], color=GREY, linewidth=1.6)
    bottom = min(*ys, *(roof.attainable(low, level) for level in levels)) / 2
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, 2.2 * max(*ys, roof.peak)))
    fig.canvas.draw()  # the slope of the roofs on paper depends on the layout
    for level in levels:
        x = np.sqrt(low * min(roof.ridge(level), high))
        if roof.attainable(low, level) < roof.peak:
            _along(ax, x, roof.attainable(x, level), level)
    ax.text(high, roof.peak, "peak ", ha="right", va="bottom", color="#555555")
    marks = []
    for i, (x, y) in enumerate(points.values()):
        mark = Line2D(
            [x],
            [y],
            linestyle="",
            marker=MARKERS[i],
            color=CYCLE[i % (len(CYCLE) - 1)],
            markersize=9,
            markeredgecolor=BLACK,
            markeredgewidth=0.6,
        )
        marks.append(ax.add_line(mark))
    ax.grid(which="major")
    ax.set_xlabel(f"{label} (FLOP/byte)")
    ax.set_ylabel("speed (GFLOP/s)")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    fig.legend(
        marks,
        list(points),
        loc="outside lower center",
        ncols=2,
        handletextpad=0.3,
        columnspacing=1.0,
        fontsize=FONT - 1,
    )
    return fig


def _along(ax, x: float, y: float, text: str) -> None:  # type: ignore[no-untyped-def]
    """Write on a roof, in its direction."""
    (x0, y0), (x1, y1) = (ax.transData.transform((f * x, f * y)) for f in (1, 2))
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0))
    ax.text(
        x,
        y,
        text,
        rotation=angle,
        rotation_mode="anchor",
        ha="center",
        va="bottom",
        color="#555555",
    )
