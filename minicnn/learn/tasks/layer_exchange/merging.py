"""Pooling and convolution: who goes first, and when two are one."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref
from minicnn.learn.tasks.layer_exchange._probe import probe


# --- what pooling first saves -----------------------------------------------------------------
@composite
def _pool_first_cases(draw: DrawFn) -> Case:
    k = whole(draw, 2, 4)
    return {
        "channels": whole(draw, 1, 64),
        "filters": whole(draw, 1, 64),
        "height": k + whole(draw, 0, 12),
        "width": k + whole(draw, 0, 12),
        "k": k,
    }


def _pool_first(channels: int, filters: int, height: int, width: int, k: int) -> tuple[int, int]:
    rows, columns = (ref.windows_that_fit(side, k, k, 0, 1) for side in (height, width))
    return filters * channels * height * width, filters * channels * rows * columns


pool_first_macs = Task(
    name="layer_exchange.pool_first_macs",
    title="What pooling first saves",
    cases=_pool_first_cases(),
    oracle=_pool_first,
    mistakes=(
        Mistake(
            "divided by k squared",
            lambda channels, filters, height, width, k: (
                filters * channels * height * width,
                filters * channels * height * width // k**2,
            ),
            "This is what you get when the work is divided by k * k: nearly, but a row or a column "
            "that fills no window is not pooled at all. Round each side down first.",
        ),
        Mistake(
            "divided by k",
            lambda channels, filters, height, width, k: (
                filters * channels * height * width,
                filters * channels * (height // k) * width,
            ),
            "This is what you get when only the rows get fewer: the pooling shrinks both sides.",
        ),
        Mistake(
            "the other way round",
            lambda channels, filters, height, width, k: _pool_first(
                channels, filters, height, width, k
            )[::-1],
            "The right numbers in the wrong order: the convolution first, then the pooling first.",
        ),
        Mistake(
            "window counted",
            lambda channels, filters, height, width, k: tuple(
                k * k * n for n in _pool_first(channels, filters, height, width, k)
            ),
            "This is what you get when every number is multiplied by the size of the pooling "
            "window: the convolution is 1 by 1, and a pooling has no weights to multiply.",
        ),
    ),
    hints=(
        "How many pixels does the 1 by 1 convolution visit in each of the two orders?",
        "At each pixel, every filter multiplies once for each channel.",
        "channels * filters * pixels, twice; behind the pooling the pixels are those of the "
        "smaller picture.",
    ),
)


# --- convolution and average pooling ----------------------------------------------------------
@composite
def _merge_cases(draw: DrawFn) -> Case:
    side = whole(draw, 1, 3)
    w = fill((whole(draw, 1, 2), whole(draw, 1, 2), side, side), draw_seed(draw))
    return {"w": w, "stride": whole(draw, 1, 3), "k": whole(draw, 1, 3)}


def _merge(w: np.ndarray, stride: int, k: int) -> np.ndarray:
    """Ask: convolve a window with a single 1 in it, and average the answers."""
    side = (k - 1) * stride + w.shape[2]

    def layers(x: np.ndarray) -> np.ndarray:
        return ref.correlate(x, w, stride).mean(axis=(2, 3))

    return probe(layers, w.shape[1], side)[0]


def _merge_overwriting(w: np.ndarray, stride: int, k: int) -> np.ndarray:
    side = (k - 1) * stride + w.shape[2]
    merged = np.zeros((*w.shape[:2], side, side))
    for a, b in np.ndindex(k, k):
        rows, columns = (slice(i * stride, i * stride + w.shape[2]) for i in (a, b))
        merged[:, :, rows, columns] = w / k**2
    return merged


merge_avgpool = Task(
    name="layer_exchange.merge_avgpool",
    title="A convolution and an average pooling are one convolution",
    cases=_merge_cases(),
    oracle=_merge,
    mistakes=(
        Mistake(
            "summed",
            lambda w, stride, k: k**2 * _merge(w, stride, k),
            "This is what you get when the k * k shifted kernels are added and never divided: "
            "a pooling takes their mean.",
        ),
        Mistake(
            "divided by k",
            lambda w, stride, k: k * _merge(w, stride, k),
            "This is what you get when you divide by k: there are k * k shifted kernels.",
        ),
        Mistake(
            "stride forgotten",
            lambda w, stride, k: _merge(w, 1, k),
            "This is what you get when the kernels are shifted by one pixel each: neighbours in "
            "the convolution's output stand `stride` pixels apart in its input.",
        ),
        Mistake(
            "overwritten",
            _merge_overwriting,
            "This is what you get when the shifted kernels overwrite each other where they "
            "overlap: add them.",
        ),
        Mistake(
            "stretched",
            lambda w, stride, k: np.kron(w, np.ones((1, 1, k, k))) / k**2,
            "This is what you get when every weight is made k by k pixels large: "
            "the kernel is shifted, not stretched.",
        ),
    ),
    hints=(
        "Which pixels of the input does one pooled number depend on? How many in a row?",
        "It is the mean of k * k outputs, and each of them is the kernel laid on another place.",
        "Zeros of (k - 1) * stride + R in a row; add w / (k * k) at every shift (a * stride, "
        "b * stride), a and b from 0 to k - 1.",
    ),
)


# --- two convolutions -------------------------------------------------------------------------
@composite
def _compose_cases(draw: DrawFn) -> Case:
    channels = whole(draw, 1, 3)  # the same everywhere, so that mixed-up axes still fit
    sides = (whole(draw, 1, 3), whole(draw, 1, 3))
    w1, w2 = (
        fill((channels, channels, side, side), draw_seed(draw), salt=salt)
        for salt, side in enumerate(sides)
    )
    return {"w1": w1, "w2": w2}


def _compose(w1: np.ndarray, w2: np.ndarray) -> np.ndarray:
    """Ask: send a single 1 through both layers."""

    def layers(x: np.ndarray) -> np.ndarray:
        return ref.correlate(ref.correlate(x, w1), w2)

    return probe(layers, w1.shape[1], w1.shape[2] + w2.shape[2] - 1)[0]


def _flip(w: np.ndarray) -> np.ndarray:
    return w[:, :, ::-1, ::-1]


def _crop(w1: np.ndarray, w2: np.ndarray) -> np.ndarray:
    side = max(w1.shape[2], w2.shape[2])
    full = _compose(w1, w2)
    edge = (full.shape[2] - side) // 2
    return full[:, :, edge : edge + side, edge : edge + side]


def _mistake(name: str, function: Any, message: str) -> Mistake:
    return Mistake(name, function, "This is what you get when " + message)


compose = Task(
    name="layer_exchange.compose",
    title="Two convolutions are one convolution",
    cases=_compose_cases(),
    oracle=_compose,
    mistakes=(
        _mistake(
            "one kernel flipped",
            lambda w1, w2: _compose(w1, _flip(w2)),
            "one kernel is flipped before it is laid over the other, as a correlation of the two "
            "kernels does. Taps add up: offset a and offset r make offset a + r.",
        ),
        _mistake(
            "both flipped",
            lambda w1, w2: _flip(_compose(w1, w2)),
            "both kernels are flipped: the result comes out flipped too.",
        ),
        _mistake(
            "second channels swapped",
            lambda w1, w2: _compose(w1, w2.swapaxes(0, 1)),
            "the filters and the channels of w2 are mixed up: its second axis reads what the "
            "first axis of w1 wrote.",
        ),
        _mistake(
            "first channels swapped",
            lambda w1, w2: _compose(w1.swapaxes(0, 1), w2),
            "the filters and the channels of w1 are mixed up: its first axis is what w2 reads.",
        ),
        _mistake(
            "cropped",
            _crop,
            "the result is cut to the size of the larger kernel: the outer taps belong to it, "
            "and R1 + R2 - 1 of them stand in a row.",
        ),
    ),
    hints=(
        "How many pixels in a row does one output of the second layer see, through the first?",
        "Tap a of the second reads the first's output at place a, whose tap r reads the input at "
        "place a + r. What do the two weights do to that pixel?",
        "Zeros for the result; for each tap (a, b) of w2 add w2[:, :, a, b] times w1, summed over "
        "the channels between them, at the offset (a, b).",
    ),
)
