"""What a channel touches, what slimming does to its factors, and what is left of work and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from minicnn import nn
from minicnn.compress.channels import Group, groups_of
from minicnn.viz.pooling import DASHES, MARKERS
from minicnn.viz.style import (
    BLUE,
    CYCLE,
    FONT,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    WIDTH,
    as_bars,
    tint,
)

COLUMNS = 3
ROLES = {"makes": ORANGE, "between": GREEN, "reads": BLUE}
"""Colour of what makes a channel, what stands between, and what reads it."""


def who_leaves(model: nn.Sequential, group: str, gone: Sequence[int] = ()) -> Figure:
    """Draw every weight of a model as a table, and what belongs to one group of channels.

    Rows are what is made: filters, outputs, channels of a normalisation. Columns are what is read,
    each number of a flattened map on its own; those of a normalisation are its four arrays.

    Parameters
    ----------
    group : str
        Name of one of `compress.channels.groups_of`: of the layers that make it.
    gone : sequence of int
        Channels of the group that leave: drawn strong. The others of the group are drawn pale.
    """
    groups = {found.name: found for found in groups_of(model)}
    if group not in groups:
        raise ValueError(
            f"group is {group!r}; the model's channels are made by {', '.join(map(repr, groups))}. "
            "Use one of these."
        )
    chosen = groups[group]
    outside = [c for c in gone if not 0 <= c < chosen.size]
    if outside:
        raise ValueError(
            f"gone names the channels {outside}; the group has {chosen.size}, counted from 0. "
            "Leave these out."
        )
    layers = [(name, layer) for name, layer in model.named_layers() if "weight" in vars(layer)]
    lines = -(-len(layers) // COLUMNS)
    fig, axes = plt.subplots(lines, COLUMNS, figsize=(WIDTH, 1.85 * lines + 0.5), squeeze=False)
    for ax in axes.flat[len(layers) :]:
        ax.set_axis_off()
    for ax, (name, layer) in zip(axes.flat, layers, strict=False):
        picture = _table(layer, chosen, list(gone))
        ax.pcolormesh(picture, edgecolors="white", linewidth=0.6)
        ax.invert_yaxis()
        ax.set_aspect("equal" if picture.shape[1] < 3 * picture.shape[0] else "auto")
        ax.set_title(f"{name} {type(layer).__name__}", fontsize=FONT - 1)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_yticks([])
        ax.set_xticks([])
        if isinstance(layer, nn.BatchNorm2d):
            ax.set_xticks([0.5, 1.5, 2.5, 3.5], ["γ", "β", "μ", "σ²"])
        else:
            ax.set_xlabel("reads", fontsize=FONT - 1)
    for ax in axes[:, 0]:
        ax.set_ylabel("makes", fontsize=FONT - 1)
    fig.legend(
        handles=[Patch(color=color) for color in ROLES.values()],
        labels=["makes it", "stands between", "reads it"],
        loc="outside lower center",
        ncols=3,
    )
    return fig


def _table(layer: Any, group: Group, gone: list[int]) -> np.ndarray:
    """Return colours (rows, columns, 3) of a layer's weights."""
    rows, columns = layer.weight.shape[0], 4
    if isinstance(layer, nn.ConvTranspose2d):
        columns, rows = layer.weight.shape[:2]
    elif not isinstance(layer, nn.BatchNorm2d):
        columns = layer.weight.shape[1]
    picture = np.full((rows, columns, 3), tint(GREY, 0.25))
    slots = [slot for slot in group.slots if slot.layer is layer and slot.array == "weight"]
    for strength in (0.25, 1.0):  # pale for the group, strong over it for those that leave
        for slot in slots:
            along = picture.swapaxes(0, 1) if slot.role == "reads" else picture
            pixels = len(along) // group.size
            part = along.reshape(group.size, pixels, *along.shape[1:])
            part[gone if strength == 1 else slice(None)] = tint(ROLES[slot.role], strength)
            along[:] = part.reshape(along.shape)
    return picture


def sorted_factors(curves: Mapping[str, Sequence[Any]], *, label: str = "|γ|") -> Figure:
    """Draw the sizes of all factors of a network in order, one line for each seed.

    Parameters
    ----------
    curves : mapping of str to one array for each seed
        The factors of all channels of a network; their signs do not matter.
    label : str
        What the factors are.
    """
    if not curves or any(len(seeds) == 0 for seeds in curves.values()):
        raise ValueError(
            "curves is empty, or has a name without arrays; sorted_factors wants an array for each "
            "seed. Pass {'plain': [gammas]}."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.3))
    for index, (name, seeds) in enumerate(curves.items()):
        for seed, values in enumerate(seeds):
            sizes = np.sort(np.abs(np.asarray(values, float).ravel()))
            share = 100 * (np.arange(len(sizes)) + 0.5) / len(sizes)
            ax.plot(
                share,
                sizes,
                color=CYCLE[index % len(CYCLE)],
                linestyle=DASHES[index % len(DASHES)],
                linewidth=1.5,
                label=name if seed == 0 else None,
            )
    ax.set_xlabel("channels, from the smallest on (% of all)")
    ax.set_ylabel(f"{label}, size of the factor")
    ax.set_xlim(0, 100)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    fig.legend(loc="outside upper left", ncols=2)
    return fig


def relative_dots(
    groups: Mapping[str, Mapping[str, float]],
    *,
    label: str = "relative to the whole network (ratio)",
) -> Figure:
    """Draw a row for each name with one marker a group, and a line at 1 for "as before".

    Parameters
    ----------
    groups : mapping of str to {row: number >= 0}
        For example FLOPs, and times; each with the same rows.
    label : str
        What the numbers are.
    """
    if not groups:
        raise ValueError("groups is empty; it wants {group: {row: ratio}}. Pass {'FLOPs': {...}}.")
    found = {name: as_bars(rows, f"groups[{name!r}]") for name, rows in groups.items()}
    rows = list(next(iter(found.values())))
    for name, values in found.items():
        if set(values) != set(rows):
            raise ValueError(
                f"groups[{name!r}] has the rows {list(values)}; the first has {rows}. Each wants "
                "the same rows: leave the others out."
            )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(rows) + 1.3))
    ax.axvline(1.0, color="black", linewidth=1.2)
    for at, name in enumerate(rows):
        ax.axhline(at, color="#DDDDDD", linewidth=1, zorder=0)
        ax.text(0, at - 0.2, name, transform=ax.get_yaxis_transform(), va="bottom")
    colors = (ORANGE, BLUE, VERMILION, GREEN)
    for index, (name, values) in enumerate(found.items()):
        ax.plot(
            [values[row] for row in rows],
            range(len(rows)),
            MARKERS[index % len(MARKERS)],
            color=colors[index % len(colors)],
            markersize=8,
            label=name,
        )
    ax.set_ylim(len(rows) - 0.5, -0.8)
    ax.set_xlim(0, 1.08 * max(1.0, *(v for values in found.values() for v in values.values())))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.set_xlabel(label)
    fig.legend(loc="outside upper left", ncols=2)
    return fig
