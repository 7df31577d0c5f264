"""Figures of the chapter on quantisation: the stairs, the grids, the bytes used, error by bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from minicnn.viz.style import BLUE, CYCLE, GREY, ORANGE, VERMILION, WIDTH, tint


def stairs(bits: int, step: float, zero: int) -> Figure:
    """Draw what rounding to a grid does to a number, and the error that it makes.

    Parameters
    ----------
    bits, step, zero
        The grid: ``step * (q - zero)`` for q from 0 to 2^bits - 1.
    """
    high = 2**bits - 1
    low_end, high_end = -step * zero, step * (high - zero)
    x = np.linspace(low_end - 1.5 * step, high_end + 1.5 * step, 2001)
    y = step * (np.clip(np.rint(x / step) + zero, 0, high) - zero)
    fig, (ax, below) = plt.subplots(2, 1, figsize=(WIDTH, 4.6), sharex=True, height_ratios=[2.2, 1])
    inside = (x >= low_end) & (x <= high_end)
    ax.plot(x, np.clip(x, low_end, high_end), "--", color=ORANGE, label="what training pretends")
    ax.plot(x, y, color=BLUE, label=f"rounded, {bits} bits")
    ax.set_ylabel("on the grid")
    ax.legend(loc="upper left")
    below.plot(x, y - x, color=BLUE)
    below.fill_between(x, y - x, where=~inside, color=tint(VERMILION, 0.4), label="cut off")
    below.axhline(0, color="black", linewidth=0.8)
    below.set_ylabel("error")
    below.set_xlabel("number")
    below.legend(loc="upper right")
    return fig


def grids_on_weights(weights: Any, grids: Mapping[str, float], *, bits: int) -> Figure:
    """Draw a histogram of weights once for each grid, with a line at each of its values.

    Parameters
    ----------
    weights
        Numbers, any shape.
    grids
        Name and step; a grid has the values ``step * q``, q from -(2^(bits-1) - 1) up.
    """
    values = np.asarray(weights, float).ravel()
    if not grids or not values.size or min(grids.values()) <= 0:
        raise ValueError(
            f"weights has {values.size} numbers and grids is {dict(grids)}; grids_on_weights wants "
            "some of both, and steps above 0."
        )
    high = 2 ** (bits - 1) - 1
    fig, axes = plt.subplots(
        len(grids), 1, figsize=(WIDTH, 1.75 * len(grids) + 0.4), sharex=True, squeeze=False
    )
    for ax, (name, step) in zip(axes[:, 0], grids.items(), strict=True):
        ax.hist(values, bins=80, color=tint(BLUE, 0.6))
        for q in range(-high, high + 1):
            ax.axvline(step * q, color=VERMILION, linewidth=1.4)
        rounded = step * np.clip(np.rint(values / step), -high, high)
        error = np.sqrt(np.mean((rounded - values) ** 2) / np.mean(values**2))
        ax.set_title(f"{name}: {100 * error:.0f} % off (root mean square)", loc="left")
        ax.set_ylabel("weights")
    axes[-1, 0].set_xlabel("weight")
    return fig


def bytes_used(tensors: Mapping[str, Any]) -> Figure:
    """Draw, for each tensor of bytes, how often each byte occurs (0 is often: a logarithm).

    Parameters
    ----------
    tensors
        Name and an array of uint8.
    """
    if not tensors:
        raise ValueError("tensors is empty; bytes_used wants {name: uint8 array}.")
    fig, axes = plt.subplots(
        len(tensors), 1, figsize=(WIDTH, 1.6 * len(tensors) + 0.4), sharex=True, squeeze=False
    )
    for i, (ax, (name, q)) in enumerate(zip(axes[:, 0], tensors.items(), strict=True)):
        counts = np.bincount(np.asarray(q, np.uint8).ravel(), minlength=256)
        ax.bar(np.arange(256), counts, width=1.0, color=CYCLE[i])
        ax.set_yscale("log")
        ax.set_ylabel("count")
        ax.set_title(f"{name}: {np.count_nonzero(counts)} of 256 bytes occur", loc="left")
    axes[-1, 0].set_xlabel("byte")
    axes[-1, 0].set_xlim(-1, 256)
    return fig


def error_by_bits(
    results: Mapping[str, Mapping[int, Sequence[float]]], *, reference: Sequence[float]
) -> Figure:
    """Draw the error against the bits of a weight, mean and span of the seeds.

    Parameters
    ----------
    results
        Name, bits and one error (a fraction) for each seed.
    reference
        Errors of the network in floats, for a band across the figure.
    """
    if not results or not all(results.values()) or not len(reference):
        raise ValueError(
            "results or reference is empty; error_by_bits wants {name: {bits: errors}} and the "
            "errors of the float network."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 3.8))
    base = 100 * np.asarray(reference, float)
    ax.axhspan(base.min(), base.max(), color=tint(GREY, 0.4), linewidth=0)
    ax.axhline(base.mean(), color=GREY, linestyle="--", label="float32")
    for i, (name, rows) in enumerate(results.items()):
        bits = sorted(rows, reverse=True)
        errors = [100 * np.asarray(rows[b], float) for b in bits]
        x = np.array(bits) + 0.06 * (i - (len(results) - 1) / 2)
        color, marker = CYCLE[i % len(CYCLE)], "osDv^"[i % 5]
        means = [e.mean() for e in errors]
        ax.plot(x, means, color=color, marker=marker, markersize=7, label=name)
        ax.vlines(x, [e.min() for e in errors], [e.max() for e in errors], color=color)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ticks = sorted({b for rows in results.values() for b in rows})
    ax.set_xticks(ticks)
    ax.invert_xaxis()
    ax.set_xlabel("bits of a weight")
    ax.set_ylabel("error on test images (%)")
    ax.grid(axis="y")
    fig.legend(loc="outside upper center", ncols=2)
    return fig
