"""Images, feature maps and kernels, drawn with one shared scale so that they can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from minicnn.viz.style import FONT, WIDTH, as_matrix


def feature_maps(
    maps: Mapping[str, Any],
    *,
    per_row: int = 4,
    label: str = "value",
    signed: bool | None = None,
    images: Sequence[str] = (),
) -> Figure:
    """Draw 2-D arrays as pictures on one colour scale.

    Parameters
    ----------
    maps : mapping of str to array (H, W)
        Title and numbers of each picture.
    per_row : int
        Pictures in a row.
    label : str
        What the colours mean, with its unit.
    signed : bool, optional
        True: blue below 0, white at 0, red above. False: white at the smallest, black at the
        largest. By default signed when any number is negative.
    images : sequence of str
        Titles of input images among the maps: drawn in grey, black the largest, and left out of
        the scale that the others share.
    """
    if not maps or per_row < 1:
        raise ValueError(
            f"maps has {len(maps)} pictures and per_row is {per_row}; both want to be 1 or more. "
            f"Pass {{'title': x[0, 0]}}."
        )
    pictures = {title: as_matrix(values, title) for title, values in maps.items()}
    scaled = [picture for title, picture in pictures.items() if title not in images]
    if not scaled or any(title not in pictures for title in images):
        raise ValueError(
            f"images is {tuple(images)}; the pictures are {list(pictures)}. Name some of them, not "
            f"all; to draw images alone leave it out."
        )
    low = min(float(picture.min()) for picture in scaled)
    high = max(float(np.abs(picture).max()) for picture in scaled) or 1.0
    signed = low < 0 if signed is None else signed
    scale = (
        {"cmap": "RdBu_r", "vmin": -high, "vmax": high}
        if signed
        else {
            "cmap": "Greys",
            "vmin": low,
            "vmax": high,
        }
    )
    columns = min(per_row, len(pictures))
    rows = -(-len(pictures) // columns)
    width = min(WIDTH, 1.5 * columns + 0.9)
    side = (width - 0.9) / columns
    fig, axes = plt.subplots(
        rows,
        columns,
        figsize=(width, rows * (side + 0.35) + 0.25),
        squeeze=False,
        layout="compressed",
    )
    used = list(axes.flat[: len(pictures)])
    for ax in axes.flat[len(pictures) :]:
        ax.remove()
    for (title, picture), ax in zip(pictures.items(), used, strict=True):
        if title in images:
            ax.imshow(picture, interpolation="nearest", cmap="Greys")
        else:
            drawn = ax.imshow(picture, interpolation="nearest", **scale)
        ax.set_title(title, fontsize=FONT)
        ax.set_xticks([0, picture.shape[1] - 1])
        ax.set_yticks([0, picture.shape[0] - 1])
        ax.tick_params(length=2, labelsize=FONT - 2)
        if len({p.shape for p in pictures.values()}) == 1:
            ax.label_outer()
    axes[-1, 0].set_xlabel("column")
    axes[-1, 0].set_ylabel("row")
    fig.colorbar(drawn, ax=used, label=label, shrink=0.85, aspect=15)
    return fig


def kernels(
    w: Any, *, channel: int | None = None, limit: int = 16, per_row: int = 8, label: str = "weight"
) -> Figure:
    """Draw the kernels of a layer, (K, C, R, S): blue is negative, white zero, red positive.

    `channel` picks one input channel, needed when C > 1; at most `limit` filters are drawn.
    """
    weights = np.asarray(w)
    if weights.ndim != 4:
        raise ValueError(
            f"w has shape {weights.shape}; kernels wants 4 axes (K, C, R, S). "
            f"Use a layer's layer.weight.data."
        )
    if channel is None and weights.shape[1] > 1:
        raise ValueError(
            f"w has shape {weights.shape}, so {weights.shape[1]} input channels; one can be drawn "
            f"at a time. Pick it, e.g. channel=0."
        )
    chosen = weights[:limit, channel or 0]
    maps = {f"k={k}": kernel for k, kernel in enumerate(chosen)}
    return feature_maps(maps, per_row=per_row, label=label, signed=True)
