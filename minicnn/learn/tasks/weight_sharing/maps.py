"""A convolution as a matrix, and a convolution without sharing."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


# --- the matrix of a convolution --------------------------------------------------------------
@composite
def _matrix_cases(draw: DrawFn) -> Case:
    r, s = whole(draw, 1, 3), whole(draw, 1, 3)
    return {
        "w": fill((r, s), draw_seed(draw)),
        "height": r + whole(draw, 0, 3),
        "width": s + whole(draw, 0, 3),
    }


def _matrix(w: np.ndarray, height: int, width: int) -> np.ndarray:
    """Column i is the layer's answer to an image with a single 1, at pixel i."""
    pixels = np.eye(height * width).reshape(-1, 1, height, width)
    answers = ref.correlate(pixels, w[None, None])
    return np.ascontiguousarray(answers.reshape(height * width, -1).T)


def _narrow_steps(w: np.ndarray, height: int, width: int) -> np.ndarray:
    """Number the pixels with the width of the output instead of that of the input."""
    p, q = height - w.shape[0] + 1, width - w.shape[1] + 1
    matrix = np.zeros((p * q, height * width))
    for row, column in np.ndindex(p, q):
        for r, s in np.ndindex(*w.shape):
            matrix[row * q + column, (row + r) * q + column + s] = w[r, s]
    return matrix


def _one_run(w: np.ndarray, height: int, width: int) -> np.ndarray:
    """Write the flattened kernel into each row without the gaps between its own rows."""
    p, q = height - w.shape[0] + 1, width - w.shape[1] + 1
    matrix = np.zeros((p * q, height * width))
    for row, column in np.ndindex(p, q):
        start = row * width + column
        matrix[row * q + column, start : start + w.size] = w.ravel()
    return matrix


conv_matrix = Task(
    name="weight_sharing.conv_matrix",
    title="The matrix of a convolution",
    cases=_matrix_cases(),
    oracle=_matrix,
    mistakes=(
        Mistake(
            "flipped kernel",
            lambda w, height, width: _matrix(w[::-1, ::-1], height, width),
            "This is what you get when the kernel is flipped: a convolutional layer does not flip.",
        ),
        Mistake(
            "transposed",
            lambda w, height, width: _matrix(w, height, width).T,
            "This is the transpose: the rows belong to the outputs, the columns to the inputs.",
        ),
        Mistake(
            "steps too short",
            _narrow_steps,
            "This is what you get when a step down the image counts as many pixels as the "
            "*output* is wide; the columns number the input, so it is the input's width.",
        ),
        Mistake(
            "no gaps",
            _one_run,
            "This is what you get when the kernel's rows follow each other without a gap: between "
            "the end of one and the start of the next lie the pixels beside the window.",
        ),
    ),
    hints=(
        "What does the layer answer to an image that is 0 except for a single 1? "
        "Where in the matrix does that answer stand?",
        "Pixel (h, v) of the image is entry h * width + v when the image is flattened row by row.",
        "Loop over the outputs (p, q) and over the kernel's places (r, s): each sets one entry.",
    ),
)


# --- the locally connected layer --------------------------------------------------------------
@composite
def _local_cases(draw: DrawFn) -> Case:
    n, c, k = whole(draw, 1, 2), whole(draw, 1, 2), whole(draw, 1, 2)
    p, q, r, s = whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3)
    number = draw_seed(draw)
    return {
        "x": fill((n, c, p + r - 1, q + s - 1), number, salt=1),
        "w": fill((p, q, k, c, r, s), number, salt=2),
    }


def _local(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Convolve once with the filters of each position, and keep that position only."""
    p, q = w.shape[:2]
    y = np.empty((x.shape[0], w.shape[2], p, q), dtype=x.dtype)
    for i, j in np.ndindex(p, q):
        y[:, :, i, j] = ref.correlate(x, w[i, j])[:, :, i, j]
    return y


def _without_channels(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return _local(x[:, :1], w[:, :, :, :1])


local2d = Task(
    name="weight_sharing.local2d",
    title="A layer that shares nothing",
    cases=_local_cases(),
    oracle=_local,
    mistakes=(
        Mistake(
            "shared after all",
            lambda x, w: ref.correlate(x, w[0, 0]),
            "This is a convolution with the filters of position (0, 0). Here each position has "
            "filters of its own: w[p, q].",
        ),
        Mistake(
            "flipped kernel",
            lambda x, w: _local(x, w[..., ::-1, ::-1]),
            "This is what you get when the kernels are flipped; this layer, like a convolutional "
            "one, does not flip.",
        ),
        Mistake(
            "first channel only",
            _without_channels,
            "This is what you get when only the first channel is read: a filter sums over all.",
        ),
        Mistake(
            "positions mirrored",
            lambda x, w: _local(x, w[::-1, ::-1]),
            "This is what you get when the positions are counted from the far corner.",
        ),
        Mistake(
            "mean",
            lambda x, w: _local(x, w) / np.prod(w.shape[3:]),
            "This is what you get when the products are averaged; they are summed.",
        ),
    ),
    hints=(
        "Output (p, q) reads the same pixels as in a convolution. Which are they?",
        "One position: x[:, :, p : p + R, q : q + S] has shape (N, C, R, S), and w[p, q] has "
        "(K, C, R, S).",
        "Loop over p and q; at each, sum the products over C, R and S for every image and filter.",
    ),
)
