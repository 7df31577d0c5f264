"""Does the order matter? Two ways through a pooling, who wins, and what a mean loses to a bend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from minicnn import ops
from minicnn.viz.grids import draw_grid, sheet
from minicnn.viz.style import BLUE, FONT, GREEN, INPUT, MARK, ORANGE, OUTPUT, WIDTH, as_matrix, tint

POOLINGS: dict[str, Callable[..., np.ndarray]] = {"max": ops.max_pool2d, "average": ops.avg_pool2d}
Function = Callable[[np.ndarray], np.ndarray]


def two_ways(
    x: Any, function: Function, name: str, *, pooling: str = "max", kernel_size: int = 2
) -> Figure:
    """Draw x through a function and then a pooling, and below that through both the other way.

    Numbers of the two answers that differ are marked.

    Parameters
    ----------
    x : array (H, W)
        One map.
    function : callable
        Takes an array and returns one of the same shape, number by number.
    name : str
        What to call the function, e.g. "ReLU".
    pooling : str
        "max" or "average".
    kernel_size : int
        Side of the windows, and their stride.
    """
    if pooling not in POOLINGS:
        raise ValueError(
            f"pooling is {pooling!r}; it wants 'max' or 'average'. Pick one of the two."
        )
    image = as_matrix(x, "x").astype(float)

    def pool(map_: np.ndarray) -> np.ndarray:
        return POOLINGS[pooling](map_[None, None], kernel_size)[0, 0]

    mapped, pooled = function(image), pool(image)
    answers = pool(mapped), function(pooled)
    short = "mean" if pooling == "average" else pooling  # fits over a grid of two columns
    rows = (
        (("x", image), (name, mapped), (short, answers[0])),
        (("x", image), (short, pooled), (name, answers[1])),
    )
    fig, axes = sheet([[values.shape for _, values in row] for row in rows])
    for row, line in zip(rows, axes, strict=True):
        for column, ((title, values), ax) in enumerate(zip(row, line, strict=True)):
            color = (INPUT, ORANGE, OUTPUT)[column]
            fills = np.tile(tint(color, 0.18), (*values.shape, 1))
            if column == 2:
                fills[~np.isclose(*answers)] = tint(MARK, 0.6)
            draw_grid(ax, values, fills=fills)
            ax.set_title(title if column == 0 else f"→ {title}", loc="left")
    above, below = axes[0][2].get_position(), axes[1][2].get_position()
    axes[1][2].set_position((above.x0, below.y0, below.width, below.height))  # answers in line
    return fig


def winners(functions: Mapping[str, Function], points: Sequence[float]) -> Figure:
    """Draw functions with a window's numbers on them: the largest x, and the largest f(x).

    Parameters
    ----------
    functions : mapping of str to callable
        Name and function of each panel; up to three fit on a phone.
    points : sequence of float
        The numbers of one window.
    """
    x = np.asarray(points, dtype=float)
    if not functions or x.ndim != 1 or len(x) < 2:
        raise ValueError(
            f"There are {len(functions)} functions and points has shape {x.shape}; winners wants "
            "one function or more, and two points or more along one axis. "
            "Try points=(-2, 0.5, 1)."
        )
    reach = 1.3 * np.abs(x).max()
    line = np.linspace(-reach, reach, 201)
    fig, axes = plt.subplots(1, len(functions), figsize=(WIDTH, 2.9), squeeze=False)
    for ax, (name, function) in zip(axes[0], functions.items(), strict=True):
        y = function(x)
        ax.plot(line, function(line), color=BLUE, zorder=1)
        ax.plot(x, y, "o", color=BLUE, markersize=6)
        first, last = int(x.argmax()), int(y.argmax())
        ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 2.4}
        ax.plot(x[first], y[first], "o", color=ORANGE, markersize=9, label="largest x")
        ax.plot(x[last], y[last], "s", color=MARK, markersize=17, label="largest f(x)", **ring)
        ax.set_title(name, loc="left")
        ax.set_xlabel("x")
        ax.margins(y=0.18)
    axes[0, 0].set_ylabel("f(x)")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def convex_gap(points: Sequence[float]) -> Figure:
    """Draw ReLU with two numbers on it: their mean before and after, and the gap between.

    `points` are the two numbers of a window.
    """
    x = np.sort(np.asarray(points, dtype=float))
    if x.shape != (2,):
        raise ValueError(
            f"points has shape {x.shape}; convex_gap draws two numbers. Try points=(-1, 2)."
        )
    reach = 1.3 * np.abs(x).max()
    line = np.linspace(-reach, reach, 201)
    middle, inner, outer = x.mean(), max(x.mean(), 0.0), np.maximum(x, 0).mean()
    fig, ax = plt.subplots(figsize=(WIDTH, 3.5))
    ax.plot(line, np.maximum(line, 0), color=BLUE, label="ReLU")
    ax.plot(x, np.maximum(x, 0), "o--", color=GREEN, markersize=8, label="two pixels, their chord")
    ax.plot([middle] * 2, [inner, outer], color=MARK, linewidth=3.5, label="the gap")
    ax.plot(middle, outer, "^", color=GREEN, markersize=10)
    ax.plot(middle, inner, "v", color=BLUE, markersize=10)
    note: dict[str, Any] = {"va": "center", "fontsize": FONT - 1}
    ax.text(middle - 0.05 * reach, outer + 0.06 * reach, "mean of ReLU(x)", ha="right", **note)
    ax.text(middle + 0.07 * reach, inner - 0.03 * reach, "ReLU of mean(x)", ha="left", **note)
    ax.set_xlabel("x")
    ax.set_ylabel("ReLU(x)")
    ax.margins(y=0.12)
    fig.legend(loc="outside upper left", ncols=3, fontsize=FONT - 1)
    return fig
