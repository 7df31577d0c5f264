"""Subsampling and average pooling."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


# --- keep every stride-th pixel ---------------------------------------------------------------
@composite
def _subsample_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 2), whole(draw, 1, 2), whole(draw, 1, 6), whole(draw, 1, 6))
    return {"x": fill(shape, draw_seed(draw)), "stride": whole(draw, 1, 3)}


def _subsample(x: np.ndarray, stride: int) -> np.ndarray:
    n, c, h, w = x.shape
    rows = [i for i in range(h) if i % stride == 0]
    columns = [j for j in range(w) if j % stride == 0]
    y = np.empty((n, c, len(rows), len(columns)), dtype=x.dtype)
    for p, i in enumerate(rows):
        for q, j in enumerate(columns):
            y[:, :, p, q] = x[:, :, i, j]
    return y


subsample = Task(
    name="spatial_compression.subsample",
    title="Keep every stride-th pixel",
    cases=_subsample_cases(),
    oracle=_subsample,
    mistakes=(
        Mistake(
            "rounded down",
            lambda x, stride: x[
                :,
                :,
                : x.shape[2] // stride * stride : stride,
                : x.shape[3] // stride * stride : stride,
            ],
            "This is what you get when the size is rounded down: "
            "a last pixel without a full stride behind it still counts.",
        ),
        Mistake(
            "starts late",
            lambda x, stride: x[:, :, stride - 1 :: stride, stride - 1 :: stride],
            "This is what you get when the first pixel kept is number stride - 1; it is number 0.",
        ),
        Mistake(
            "rows only",
            lambda x, stride: x[:, :, ::stride],
            "This is what you get when only the rows are thinned out.",
        ),
        Mistake(
            "wrong axes",
            lambda x, stride: x[::stride, ::stride],
            "This is what you get when the first two axes are thinned out: those are the images "
            "and the channels. Height and width are the last two.",
        ),
    ),
    hints=(
        "Which rows of a 5-row picture stay when the stride is 2?",
        "NumPy's slices have a third part: start : stop : step.",
        "All images, all channels, and the same kind of slice for rows and for columns.",
    ),
)


# --- average pooling --------------------------------------------------------------------------
@composite
def _avg_pool_cases(draw: DrawFn) -> Case:
    n, c = whole(draw, 1, 2), whole(draw, 1, 2)
    k, stride = whole(draw, 1, 3), whole(draw, 1, 3)
    padding = min(whole(draw, 0, 1), k // 2)
    h = max(1, k - 2 * padding + whole(draw, 0, 3))
    w = max(1, k - 2 * padding + whole(draw, 0, 3))
    return {
        "x": fill((n, c, h, w), draw_seed(draw)),
        "k": k,
        "stride": stride,
        "padding": padding,
        "count_include_pad": draw(st.booleans()),
    }


def _avg_pool(
    x: np.ndarray, k: int, stride: int, padding: int, count_include_pad: bool
) -> np.ndarray:
    total = ref.pool_windows(ref.pad(x, padding), k, stride).sum(axis=(-2, -1))
    real = ref.pool_windows(ref.pad(np.ones_like(x), padding), k, stride).sum(axis=(-2, -1))
    return total / (k * k if count_include_pad else real)


avg_pool = Task(
    name="spatial_compression.avg_pool",
    title="Average pooling, and what the frame counts",
    cases=_avg_pool_cases(),
    oracle=_avg_pool,
    mistakes=(
        Mistake(
            "always counted",
            lambda x, k, stride, padding, count_include_pad: _avg_pool(x, k, stride, padding, True),
            "This is what you get when the padding always counts: with count_include_pad=False, "
            "divide by the number of real pixels in the window.",
        ),
        Mistake(
            "never counted",
            lambda x, k, stride, padding, count_include_pad: _avg_pool(
                x, k, stride, padding, False
            ),
            "This is what you get when the padding never counts: with count_include_pad=True, "
            "divide by k * k everywhere.",
        ),
        Mistake(
            "the other way round",
            lambda x, k, stride, padding, count_include_pad: _avg_pool(
                x, k, stride, padding, not count_include_pad
            ),
            "This is what you get when count_include_pad is taken the wrong way round.",
        ),
        Mistake(
            "sum",
            lambda x, k, stride, padding, count_include_pad: (
                _avg_pool(x, k, stride, padding, True) * k * k
            ),
            "This is what you get when the window is summed and never divided.",
        ),
        Mistake(
            "divided by k",
            lambda x, k, stride, padding, count_include_pad: (
                _avg_pool(x, k, stride, padding, count_include_pad) * k
            ),
            "This is what you get when a k by k window is divided by k instead of by k * k.",
        ),
    ),
    hints=(
        "A 2 by 2 window in the corner holds one real pixel and three of the frame. "
        "What are its two possible averages?",
        "The sum does not care: zeros in the frame add nothing. Only what you divide by differs.",
        "To count the real pixels of every window, pool a picture of ones in the same way.",
    ),
)
