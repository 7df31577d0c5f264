"""Colours, type sizes and small validators that every figure shares.

The palette is that of Okabe and Ito, which people with any of the common colour deficiencies can
tell apart (Wong, "Points of view: Color blindness", Nature Methods 8:441, 2011). One thing keeps
one colour through the whole book: inputs are blue, kernels orange, outputs green.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.colors import to_rgb

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#8A8A8A"

CYCLE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, BLACK)
INPUT, KERNEL, OUTPUT, MARK = BLUE, ORANGE, GREEN, VERMILION
ROLES = {"input": INPUT, "kernel": KERNEL, "output": OUTPUT, "mark": MARK}

WIDTH = 5.6  # inches; shown 360 pixels wide, on a phone, 11 point letters are still 10 pixels high
FONT = 11

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.labelsize": FONT,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": FONT + 1,
    "figure.constrained_layout.use": True,
    "figure.dpi": 130,
    "figure.facecolor": "white",
    "figure.figsize": (WIDTH, 3.4),
    "font.family": "DejaVu Sans",
    "font.size": FONT,
    "grid.color": "#DDDDDD",
    "legend.fontsize": FONT,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.dpi": "figure",
    "xtick.labelsize": FONT - 1,
    "ytick.labelsize": FONT - 1,
}


def use_style() -> None:
    """Use the book's style for every figure from here on: call it once, at the top."""
    matplotlib.rcParams.update(STYLE)


def style() -> AbstractContextManager[None]:
    """Return a context manager: ``with viz.style(): ...`` uses the style for one block only."""
    return matplotlib.rc_context(STYLE)


def tint(color: str, strength: float = 0.35) -> tuple[float, float, float]:
    """Mix a colour with white; strength 1 is the colour itself, 0 is white."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(color))
    return red, green, blue


def as_matrix(values: Any, name: str) -> np.ndarray:
    """Return `values` as a 2-D array of numbers, or say what is wrong with it."""
    array = np.asarray(values)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"{name} has shape {array.shape}; a figure of one array wants 2 axes, each of size 1 "
            f"or more. From a batch of images take one channel of one image: {name}[0, 0]."
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} has dtype {array.dtype}; it wants real numbers. Convert it, "
            f"e.g. {name}.astype(np.float32)."
        )
    return array


def as_bars(values: Any, name: str = "values") -> dict[str, float]:
    """Return labels with finite numbers >= 0 as a dict of floats, or say what is wrong."""
    bars = {str(label): float(value) for label, value in dict(values).items()}
    if not bars:
        raise ValueError(
            f"{name} is empty; a bar chart wants one bar or more. Pass {{'label': 1}}."
        )
    for label, value in bars.items():
        if not np.isfinite(value) or value < 0:
            raise ValueError(
                f"{name}[{label!r}] is {value}; a bar wants a finite number, 0 or more. "
                f"Leave that bar out, or repair the number."
            )
    return bars
