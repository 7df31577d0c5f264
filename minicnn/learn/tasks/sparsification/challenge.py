"""The open task: an order of the channels in which a 2:4 pattern loses least."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

ENOUGH = 0.6


def weights(filters: int, channels: int, seed: int) -> np.ndarray:
    """Make a matrix whose large weights come in neighbouring channels, as they like to."""
    rng = np.random.default_rng([seed, filters, channels])
    place = np.linspace(0, 3 * np.pi, channels)
    loud = 1 + 0.8 * np.sin(place + rng.uniform(0, 6, (filters, 1)))
    drawn: np.ndarray = np.round(10 * loud * rng.standard_normal((filters, channels)), 1)
    return drawn


def kept(w: np.ndarray) -> float:
    """Add up the sizes of the 2 largest of each 4 neighbours in a row."""
    groups = np.sort(np.abs(w).reshape(len(w), -1, 4), axis=2)
    return float(groups[:, :, 2:].sum())


@functools.lru_cache(maxsize=2**9)
def _reference(data: bytes, filters: int) -> float:
    """Exchange two channels as long as that helps, from two starts."""
    w = np.frombuffer(data).reshape(filters, -1)
    channels, best = w.shape[1], 0.0
    starts = [np.arange(channels), np.argsort(-np.abs(w).sum(axis=0)).reshape(4, -1).T.ravel()]
    for order in starts:
        value, better = kept(w[:, order]), True
        while better:
            better = False
            for a in range(channels):
                for b in range(a // 4 * 4 + 4, channels):
                    order[[a, b]] = order[[b, a]]
                    new = kept(w[:, order])
                    if new > value + 1e-9:
                        value, better = new, True
                    else:
                        order[[a, b]] = order[[b, a]]
        best = max(best, value)
    return best


@composite
def _cases(draw: DrawFn) -> Case:
    filters, channels = whole(draw, 2, 6), 4 * whole(draw, 2, 3)
    return {"w": weights(filters, channels, draw_seed(draw))}


def _judge(got: Any, w: np.ndarray) -> Verdict:
    """Check that the answer is an order of the channels, and score what it keeps."""
    channels = w.shape[1]
    try:
        order = np.asarray(got)
    except ValueError:
        order = np.zeros(0)
    if order.shape != (channels,) or order.dtype.kind not in "iu":
        return Verdict(False, f"The answer is {channels} whole numbers: channels in a new order.")
    if not np.array_equal(np.sort(order), np.arange(channels)):
        return Verdict(False, f"Each of the channels 0 to {channels - 1} comes exactly once.")
    best, plain, yours = _reference(w.tobytes(), len(w)), kept(w), kept(w[:, order])
    if yours - plain < ENOUGH * (best - plain) - 1e-9:
        what = f"Yours keeps {yours:.1f}, as they were {plain:.1f}; {best:.1f} is possible."
        return Verdict(False, what)
    return Verdict(True, score=min(1.0, yours / best + 1e-9))


def _loudest_first(w: np.ndarray) -> np.ndarray:
    return np.argsort(-np.abs(w).sum(axis=0), kind="stable")


def _reversed(w: np.ndarray) -> np.ndarray:
    return np.arange(w.shape[1])[::-1].copy()


permute_channels = Task(
    name="sparsification.permute_channels",
    title="Open: an order in which 2:4 loses least",
    cases=_cases(),
    judge=_judge,
    board=Board(
        cases=tuple(
            {"w": weights(filters, channels, seed)}
            for filters, channels, seed in ((4, 16, 1), (8, 16, 2), (8, 24, 3), (16, 32, 4))
        ),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent of what exchanging channels in pairs reaches, over four layers",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "as they were",
            lambda w: np.arange(w.shape[1]),
            "This is the order as it was. Exchange two channels of different groups: does that "
            "keep more?",
        ),
        Mistake(
            "loudest first",
            _loudest_first,
            "This puts the channels with the largest weights together. They compete for the two "
            "places of their group, and half of them lose.",
        ),
        Mistake(
            "reversed",
            _reversed,
            "This is the order from the back. The groups of four are the same channels as before, "
            "so nothing has changed: only *which* channels share a group counts.",
        ),
        Mistake(
            "a channel twice",
            lambda w: np.arange(w.shape[1]) // 2,
            "This takes some channels twice and leaves others out. An order holds each one once.",
        ),
    ),
    hints=(
        "A group of four keeps two weights in each row. When is little lost: when the large "
        "weights of a row are in one group, or spread over many?",
        "Exchange two channels of different groups, and keep the exchange if more is kept. Only "
        "their two groups change.",
        "order = np.arange(C); try all pairs (a, b), keep what helps, and begin again until "
        "nothing does. Several starts, or four channels at a time, find more.",
    ),
)
