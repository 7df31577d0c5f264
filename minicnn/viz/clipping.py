"""Clipping: where the steps of a few bits lie, and how long gradients are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from minicnn.viz.style import BLUE, CYCLE, ORANGE, VERMILION, WIDTH, tint


def weight_grids(w: np.ndarray, limits: Mapping[str, float], bits: int) -> Figure:
    """Draw the histogram of weights, once for each limit, with the values that ``bits`` can write.

    Values lie evenly from -limit to limit, 2**bits - 1 of them.
    """
    if not limits or min(limits.values()) <= 0 or bits < 2:
        raise ValueError(
            f"limits is {dict(limits)} and bits {bits}; weight_grids wants limits above 0 and 2 "
            "bits or more. Pass {'all': abs(w).max()}."
        )
    flat = np.ravel(w)
    fig, axes = plt.subplots(
        len(limits), 1, figsize=(WIDTH, 1.5 * len(limits) + 0.5), sharex=True, squeeze=False
    )
    levels = 2 ** (bits - 1) - 1
    for ax, (name, limit) in zip(axes[:, 0], limits.items(), strict=True):
        ax.hist(flat, bins=60, color=tint(BLUE, 0.6))
        for level in range(-levels, levels + 1):
            ax.axvline(level * limit / levels, color=VERMILION, lw=1)
        ax.set_title(name, loc="left")
        ax.set_ylabel("weights")
    axes[-1, 0].set_xlabel("value of the weight")
    return fig


def norm_curves(norms: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Draw the norm of the gradient over the steps of training, one thin line a seed."""
    if not norms or any(not runs for runs in norms.values()):
        raise ValueError(
            "norms holds no run; norm_curves wants one or more for each name. "
            "Pass {'not clipped': [norms of one run]}."
        )
    fig, ax = plt.subplots()
    for (name, runs), color in zip(norms.items(), (ORANGE, BLUE, *CYCLE), strict=False):
        for i, run in enumerate(runs):
            ax.plot(range(1, len(run) + 1), run, color=color, lw=1, label=name if i == 0 else None)
    ax.set_yscale("log")
    ax.set_xlabel("step of training")
    ax.set_ylabel("norm of the gradient")
    ax.grid(color="#DDDDDD")
    fig.legend(loc="outside upper center", ncols=2)
    return fig
