"""Figures on low rank, codebooks and codes: spectra, rounds of k-means, a code tree, a frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minicnn.viz.choosing import plain_log
from minicnn.viz.pooling import DASHES, MARKERS
from minicnn.viz.style import BLACK, BLUE, CYCLE, FONT, GREEN, GREY, ORANGE, VERMILION, WIDTH, tint

Tree = Any
"""A symbol (its label), or a pair of trees: left is 0, right is 1."""


def energy_curves(singular: Mapping[str, Any]) -> Figure:
    """Draw the share of the energy that the first r singular values hold, against r.

    Parameters
    ----------
    singular : mapping of str to array (values,)
        Name and singular values of each matrix, the largest first.
    """
    lines = {name: np.asarray(s, np.float64) for name, s in singular.items()}
    if not lines or any(s.ndim != 1 or not (s**2).sum() for s in lines.values()):
        raise ValueError(
            f"singular holds {[s.shape for s in lines.values()]}; energy_curves wants a row of "
            "singular values for each name, not all 0. Use np.linalg.svd(w, compute_uv=False)."
        )
    fig, ax = plt.subplots()
    for i, (name, s) in enumerate(lines.items()):
        share = 100 * np.cumsum(s**2) / (s**2).sum()
        color, dash = CYCLE[i % len(CYCLE)], DASHES[i % len(DASHES)]
        ax.plot(np.arange(1, len(s) + 1), share, color=color, linestyle=dash, label=name)
    ax.set_xlabel("rank r: singular values kept")
    ax.set_ylabel("energy kept (%)")
    ax.set_ylim(0, 103)
    ax.grid()
    fig.legend(loc="outside upper left", ncols=2, fontsize=FONT - 1)
    return fig


def kmeans_rounds(values: Any, history: Sequence[Any]) -> Figure:
    """Draw numbers on a line, round by round, in the colour of the nearest mean.

    Parameters
    ----------
    values : array (numbers,)
    history : sequence of array (means,)
        The means at the start and after each round, increasing.
    """
    values = np.sort(np.asarray(values, np.float64))
    if not len(history) or not values.size:
        raise ValueError(
            f"values has {values.size} numbers and history {len(history)} rounds; kmeans_rounds "
            "wants one of each or more. Pass the means at the start too."
        )
    fig, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(history) + 1.0))
    for row, means in enumerate(history):
        means = np.asarray(means, np.float64)
        middles = (means[1:] + means[:-1]) / 2
        which = np.searchsorted(middles, values)
        ax.axhline(row, color="#DDDDDD", linewidth=1, zorder=0)
        for i, mean in enumerate(means):
            color, mine = CYCLE[i % len(CYCLE)], values[which == i]
            ax.plot(
                mine, np.full(len(mine), row), MARKERS[i % len(MARKERS)], color=tint(color, 0.6)
            )
            ax.plot([mean] * 2, [row - 0.34, row + 0.34], color=color, linewidth=3)
    ax.set_yticks(range(len(history)), ["start", *map(str, range(1, len(history)))])
    ax.set_ylim(len(history) - 0.4, -0.6)
    ax.set_ylabel("round")
    ax.set_xlabel("weight; the bars are the means")
    return fig


def code_tree(tree: Tree, counts: Mapping[str, int]) -> Figure:
    """Draw the tree of a code, a leaf for each symbol, from the root on the left.

    Parameters
    ----------
    tree : pair of trees, or the label of a symbol
        The left branch has the bit 0, the right one 1.
    counts : mapping of str to int
        How often each symbol occurs, by label.
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 0.52 * len(counts) + 0.7))
    free = iter(range(len(counts)))

    def draw(node: Tree, depth: int, word: str) -> tuple[float, int, int]:
        """Draw a branch; return its height, its count and its depth."""
        if isinstance(node, str):
            row = float(next(free))
            ax.text(depth + 0.12, row, f"{node}: {counts[node]}, word {word}", va="center")
            ax.plot(depth, row, "s", color=BLUE, markersize=8, zorder=3)
            return row, counts[node], depth
        ends = [draw(branch, depth + 1, word + bit) for branch, bit in zip(node, "01", strict=True)]
        row = (ends[0][0] + ends[1][0]) / 2
        for bit, (end, _, _) in zip("01", ends, strict=True):
            ax.plot([depth, depth, depth + 1], [row, end, end], color=GREY, linewidth=1.6, zorder=1)
            spot = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            ax.text(depth + 0.5, end, bit, ha="center", va="center", color=VERMILION, bbox=spot)
        total = ends[0][1] + ends[1][1]
        label = {"facecolor": tint(ORANGE, 0.4), "edgecolor": "none", "boxstyle": "round,pad=0.25"}
        ax.text(depth, row, str(total), ha="center", va="center", bbox=label, zorder=4)
        return row, total, max(ends[0][2], ends[1][2])

    _, _, deepest = draw(tree, 0, "")
    ax.set_xlim(-0.25, deepest + 1.9)
    ax.set_ylim(len(counts) - 0.4, -0.6)
    ax.set_xticks(range(deepest + 1))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("bits read")
    return fig


def before_after(
    results: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    names: tuple[str, str] = ("before fine-tuning", "after"),
    line: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Draw errors of several seeds before and after fine-tuning, one row for each setting.

    Parameters
    ----------
    results : mapping of str to (fractions, fractions)
        Setting to the errors of the seeds before and after, 0 to 1; drawn in per cent.
    names : what the two are called.
    line : mapping of str to fractions, optional
        One name and the errors to compare with, drawn as a band and a line through all rows.
    """
    if not results:
        raise ValueError("results is empty; before_after wants one row or more. Pass a setting.")
    fig, ax = plt.subplots(figsize=(WIDTH, 0.62 * len(results) + 1.5))
    for name, errors in (line or {}).items():
        values = 100 * np.asarray(errors, np.float64)
        ax.axvspan(values.min(), values.max(), color=tint(GREEN, 0.35))
        ax.axvline(values.mean(), color=GREEN, linestyle="--", label=name)
    for row, (setting, pair) in enumerate(results.items()):
        for name, errors, color, marker in zip(names, pair, (GREY, BLUE), "so", strict=True):
            values = 100 * np.asarray(errors, np.float64)
            label = name if row == 0 else None
            ax.plot([values.min(), values.max()], [row] * 2, color=tint(color, 0.4), linewidth=5)
            ax.plot(values, [row] * len(values), marker, color=color, label=label)
            ax.plot([values.mean()] * 2, [row - 0.2, row + 0.2], color=BLACK)
        spot = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        where = ax.get_yaxis_transform()
        ax.text(0.005, row - 0.26, setting, transform=where, va="bottom", bbox=spot)
    ax.set_ylim(len(results) - 0.5, -0.85)
    ax.set_xlim(left=0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="x")
    ax.set_xlabel("error on the test images (%); a dot is a seed")
    fig.legend(loc="outside upper left", ncols=3, fontsize=FONT - 1, columnspacing=1)
    return fig


def frontier(
    panels: Mapping[str, Mapping[str, Any]], *, published: Mapping[str, tuple[float, float]]
) -> Figure:
    """Draw error against how many times smaller the file is, a panel for each network.

    Parameters
    ----------
    panels : mapping of str to mapping of str to array (seeds, 2)
        Network, then setting, to a pair (ratio, error as a fraction) for each seed.
    published : mapping of str to (ratio, error as a fraction)
        One point of the literature for each network.
    """
    if not panels or any(not settings for settings in panels.values()):
        raise ValueError(
            f"panels has {list(panels)}; frontier wants one network or more, and a setting for "
            "each. Leave out those without results."
        )
    size = (WIDTH, 2.7 * len(panels) + 0.3)
    fig, axes = plt.subplots(len(panels), 1, figsize=size, squeeze=False, sharex=True)
    for (network, settings), ax in zip(panels.items(), axes[:, 0], strict=True):
        runs = [np.atleast_2d(pairs) for pairs in settings.values()]
        mean = np.array([pairs.mean(axis=0) for pairs in runs])
        ax.plot(mean[:, 0], 100 * mean[:, 1], color=BLUE, label="mean")
        for i, pairs in enumerate(runs):
            label = "a seed" if i == 0 else None
            ax.plot(pairs[:, 0], 100 * pairs[:, 1], "o", color=BLUE, label=label)
        ratio, error = published[network]
        ax.plot(ratio, 100 * error, "*", color=VERMILION, markersize=13, label="Han et al. (2016)")
        ax.set_title(network, loc="left")
        ax.set_ylabel("test error (%)")
        ax.set_ylim(bottom=0)
        ax.grid()
    axes[0, 0].set_xscale("log")
    plain_log(axes[0, 0])
    axes[-1, 0].set_xlabel("bytes of float32 weights / bytes of the file")
    if len(panels) > 1:
        axes[0, 0].set_xlabel("bytes of float32 weights / bytes of the file")
    fig.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3, columnspacing=1
    )
    return fig
