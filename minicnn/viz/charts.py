"""Bar charts: amounts side by side, and ratios to a named baseline.

Each bar carries its name and number on a line above it, so that long names still fit on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from minicnn.cost.timer import Comparison, format_seconds
from minicnn.viz.style import BLUE, CYCLE, FONT, GREY, VERMILION, WIDTH, as_bars, tint

_WIDEST_LINEAR = 20.0  # beyond this ratio the short bars of a linear axis are too short to compare


def bars(
    values: Mapping[str, float],
    *,
    label: str,
    write: Callable[[float], str] = "{:,.3g}".format,
    mark: Sequence[str] = (),
) -> Figure:
    """Draw one bar for each value, in the order given.

    Parameters
    ----------
    values : mapping of str to number >= 0
        Name and length of each bar.
    label : str
        What the length means, with its unit, e.g. "memory (KiB)".
    write : callable
        Turns a value into the text beside the name.
    mark : sequence of str
        Names of bars to draw in the marking colour.
    """
    amounts = as_bars(values)
    _check_names(mark, amounts, "mark")
    fig, ax = _rows(len(amounts))
    colors = [tint(VERMILION if name in mark else BLUE, 0.8) for name in amounts]
    ax.barh(range(len(amounts)), list(amounts.values()), height=0.42, color=colors)
    for row, (name, value) in enumerate(amounts.items()):
        _caption(ax, row, name, write(value))
    ax.set_xlim(0, (max(amounts.values()) or 1) * 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    ax.set_xlabel(label)
    return fig


def ratio_bars(
    values: Mapping[str, float] | Comparison,
    baseline: str | None = None,
    *,
    label: str = "time",
    write: Callable[[float], str] = format_seconds,
) -> Figure:
    """Draw each value divided by the baseline's, smallest first, with a line at 1.

    The axis is logarithmic when the ratios span more than a factor of twenty; bars then start at
    the baseline, to the left for less and to the right for more.

    Parameters
    ----------
    values : mapping of str to positive number, or Comparison
        The candidates. A Comparison brings its own baseline and its own ratios, paired by round.
    baseline : str, optional
        The candidate that is 1; needed with a mapping.
    label : str
        What is compared, e.g. "time", "memory".
    write : callable
        Turns a value into text, e.g. seconds into "1.2 ms".
    """
    if isinstance(values, Comparison):
        amounts, ratios, baseline = values.medians, values.ratios, baseline or values.baseline
        base = ratios.get(baseline, 1.0)
        ratios = {name: ratio / base for name, ratio in ratios.items()}
    else:
        amounts = as_bars(values)
        base = amounts.get(baseline or "", 0.0)
        ratios = {name: value / (base or 1.0) for name, value in amounts.items()}
    _check_names([str(baseline)], amounts, "baseline")
    if min(ratios.values()) <= 0:
        raise ValueError(
            "values holds 0; a ratio wants positive numbers. Leave that candidate out."
        )

    order = sorted(ratios, key=lambda name: ratios[name])
    low, high = min(ratios.values()), max(ratios.values())
    logarithmic = high / low > _WIDEST_LINEAR
    start = 1.0 if logarithmic else 0.0
    fig, ax = _rows(len(order))
    lengths = np.array([ratios[name] - start for name in order])
    colors = [tint(GREY if name == baseline else BLUE, 0.8) for name in order]
    ax.barh(range(len(order)), lengths, left=start, height=0.42, color=colors)
    ax.axvline(1.0, color="black", linewidth=1.2)
    if logarithmic:
        ax.plot(1.0, order.index(str(baseline)), "D", color=GREY, markersize=9)
    for row, name in enumerate(order):
        note = "baseline" if name == baseline else f"{ratios[name]:.3g} ×"
        _caption(ax, row, name, f"{write(amounts[name])}, {note}")
    if logarithmic:
        ax.set_xscale("log")
        ax.set_xlim(low / 1.3, high * 1.3)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        ax.set_xlim(0, high * 1.05)
    scale = ", log scale" if logarithmic else ""
    ax.set_xlabel(f"{label} relative to {baseline} (ratio{scale})")
    return fig


def activation_bars(
    layers: Mapping[str, float] | Mapping[str, Mapping[str, float]], *, unit: str = "KiB"
) -> Figure:
    """Draw the memory of each layer's output, in the order of the network.

    Parameters
    ----------
    layers : mapping of str to bytes, or of a model's name to such a mapping
        With several models each gets its own colour and its own panel, on one shared scale.
    unit : str
        "B", "KiB" or "MiB".
    """
    sizes = {"B": 1, "KiB": 1024, "MiB": 1024**2}
    if unit not in sizes:
        raise ValueError(f"unit is {unit!r}; it wants one of {list(sizes)}. Try 'KiB'.")
    first = next(iter(layers.values()), None)
    models = layers if isinstance(first, Mapping) else {"": layers}
    amounts = {
        model: {name: value / sizes[unit] for name, value in as_bars(rows, "layers").items()}
        for model, rows in models.items()
    }
    heights = [len(rows) for rows in amounts.values()]
    fig, axes = plt.subplots(
        len(amounts),
        1,
        figsize=(WIDTH, 0.42 * sum(heights) + 0.6 * len(heights) + 0.3),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
    )
    for (model, rows), ax, color in zip(amounts.items(), axes[:, 0], CYCLE, strict=False):
        ax.barh(range(len(rows)), list(rows.values()), height=0.7, color=tint(color, 0.8))
        for row, value in enumerate(rows.values()):
            ax.annotate(f" {value:,.3g}", (value, row), va="center", fontsize=FONT - 1)
        ax.set_yticks(range(len(rows)), list(rows))
        ax.tick_params(axis="y", length=0)
        ax.invert_yaxis()
        total = sum(rows.values())
        ax.set_title(f"{model}: {total:,.4g} {unit} in all" if model else "", loc="left")
    widest = max(value for rows in amounts.values() for value in rows.values()) or 1
    axes[-1, 0].set_xlim(0, widest * 1.2)
    axes[-1, 0].set_xlabel(f"memory of the layer's output ({unit})")
    return fig


def _rows(count: int) -> tuple[Figure, Axes]:
    """Return a figure with room for `count` bars, from the top, each with a line of text."""
    fig, ax = plt.subplots(figsize=(WIDTH, 0.52 * count + 0.75))
    ax.set_ylim(count - 0.5 + 0.1, -0.75)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    return fig, ax


def _caption(ax: Axes, row: int, name: str, number: str) -> None:
    for x, text, side in ((0, name, "left"), (1, number, "right")):
        ax.text(
            x,
            row - 0.29,
            text,
            transform=ax.get_yaxis_transform(),
            ha=side,
            va="bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )


def _check_names(names: Sequence[str], known: Mapping[str, float], what: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{what} is {name!r}; the bars are {list(known)}. Name one of them.")
