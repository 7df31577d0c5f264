"""Layers that change places: chains before and after, and what was promised against what came."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from minicnn import nn
from minicnn.viz.style import BLUE, FONT, GREEN, GREY, ORANGE, PURPLE, SKY, WIDTH, as_bars, tint

KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((nn.Conv2d, nn.ConvTranspose2d, nn.Linear), ORANGE),
    ((nn.BatchNorm2d,), PURPLE),
    ((nn.MaxPool2d, nn.AvgPool2d, nn.GlobalAvgPool2d), GREEN),
    ((nn.Pad2d,), SKY),
)


def layer_chains(
    chains: Mapping[str, Iterable[nn.Layer]], in_shape: Sequence[int] | None = None
) -> Figure:
    """Draw chains of layers as boxes, one row each, input on the left.

    Layers with weights are orange, normalisations purple, poolings green, borders light blue,
    all others grey.

    Parameters
    ----------
    chains : mapping of str to layers
        Title of each row and its layers, at most four.
    in_shape : (C, H, W), optional
        Shape of one sample; then each box says how many multiply-adds its layer makes.
    """
    rows = {title: list(layers) for title, layers in chains.items()}
    longest = max(map(len, rows.values()), default=0)
    if not rows or not 1 <= longest <= 4:
        raise ValueError(
            f"chains holds {len(rows)} rows of at most {longest} layers; it wants one row or more, "
            "with 1 to 4 layers. Split longer chains."
        )
    high = 1.0 if in_shape is not None else 0.8
    letters = FONT if longest < 3 else FONT - 2
    fig, ax = plt.subplots(figsize=(WIDTH, (high + 0.35) * len(rows) + 0.1))
    for row, (title, layers) in enumerate(rows.items()):
        middle = row * (high + 0.35) + 0.3 + high / 2
        ax.text(-0.45, middle - high / 2 - 0.06, title, fontsize=FONT, va="bottom", weight="bold")
        shape = None if in_shape is None else tuple(in_shape)
        for column, layer in enumerate(layers):
            color = next((color for kinds, color in KINDS if isinstance(layer, kinds)), GREY)
            ax.add_patch(
                FancyBboxPatch(
                    (column - 0.43, middle - high / 2 + 0.05),
                    0.86,
                    high - 0.12,
                    boxstyle="round,pad=0,rounding_size=0.06",
                    facecolor=tint(color, 0.3),
                    edgecolor=color,
                    linewidth=1.5,
                )
            )
            lines = [type(layer).__name__, *textwrap.wrap(_detail(layer), 64 // longest)]
            if shape is not None:
                lines.append(f"{layer.macs(shape):,} ×+")
                shape = layer.out_shape(shape)
            ax.text(column, middle, "\n".join(lines), fontsize=letters, ha="center", va="center")
            if column:
                arrow = {"arrowstyle": "->", "color": "black"}
                ax.annotate("", (column - 0.43, middle), (column - 0.57, middle), arrowprops=arrow)
    ax.set_xlim(-0.48, longest - 0.5)
    ax.set_ylim((high + 0.35) * len(rows), 0)
    ax.set_axis_off()
    return fig


def _detail(layer: nn.Layer) -> str:
    """Size, stride and padding of a layer that has them, in few signs."""
    size: Any = getattr(layer, "kernel_size", None)
    if size is None:
        return f"border {layer.padding[0][0]}" if isinstance(layer, nn.Pad2d) else ""
    stride: Any = layer.stride  # type: ignore[attr-defined]
    text = f"{size[0]}×{size[1]}"
    if stride != (1, 1):
        text += f", stride {stride[0]}"
    padding: Any = layer.padding  # type: ignore[attr-defined]
    if padding not in (0, (0, 0), ((0, 0), (0, 0)), "valid"):
        text += f", pad {padding}"
    return text


def predicted_measured(
    predicted: Mapping[str, float],
    measured: Mapping[str, float],
    *,
    label: str = "after the exchange, relative to before (ratio)",
) -> Figure:
    """Draw two ratios in each row, a prediction and a measurement, and a line at 1 for no change.

    Parameters
    ----------
    predicted, measured : mapping of str to number >= 0
        The same names in both; drawn in the order of `predicted`.
    label : str
        What the ratios are of.
    """
    said, found = as_bars(predicted, "predicted"), as_bars(measured, "measured")
    if set(said) != set(found):
        raise ValueError(
            f"predicted has {list(said)} and measured has {list(found)}; both want the same names. "
            "Leave the others out."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(said) + 1.1))
    ax.axvline(1.0, color="black", linewidth=1.2)
    for row, name in enumerate(said):
        ax.plot([said[name], found[name]], [row, row], color=tint(GREY, 0.6), linewidth=4, zorder=1)
        ax.text(0, row - 0.2, name, transform=ax.get_yaxis_transform(), va="bottom")
    where = range(len(said))
    ax.plot(
        list(said.values()), where, "D", color=ORANGE, markersize=8, label="predicted", zorder=2
    )
    ax.plot([found[name] for name in said], where, "o", color=BLUE, markersize=7, label="measured")
    ax.set_ylim(len(said) - 0.5, -0.8)
    ax.set_xlim(0, 1.06 * max(1.0, *said.values(), *found.values()))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.set_xlabel(label)
    fig.legend(loc="outside upper right", ncols=2)
    return fig
