"""Numbers put where the innermost loop wants them: panels, and one long line."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task


# --- packing -----------------------------------------------------------------------------------
@composite
def _pack_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 4), whole(draw, 1, 9))
    return {"b": fill(shape, draw_seed(draw)), "width": whole(draw, 1, 4)}


def _pack(b: np.ndarray, width: int) -> np.ndarray:
    """Put each number in its place."""
    depth, n = b.shape
    panels = np.zeros((len(range(0, n, width)), depth, width), b.dtype)
    for k, j in np.ndindex(b.shape):
        panels[j // width, k, j % width] = b[k, j]
    return panels


def _reshaped(b: np.ndarray, width: int) -> np.ndarray:
    depth, n = b.shape
    wide = np.zeros((depth, len(range(0, n, width)) * width), b.dtype)
    wide[:, :n] = b
    return wide.reshape(-1, depth, width)


def _last_again(b: np.ndarray, width: int) -> np.ndarray:
    missing = -b.shape[1] % width
    return _pack(np.concatenate([b, b[:, -1:].repeat(missing, axis=1)], axis=1), width)


pack = Task(
    name="one_core.pack",
    title="Pack a matrix into panels",
    cases=_pack_cases(),
    oracle=_pack,
    mistakes=(
        Mistake(
            "reshaped",
            _reshaped,
            "This is what you get from reshape alone, which never moves a number in memory. "
            "Packing is moving them.",
        ),
        Mistake(
            "remainder dropped",
            lambda b, width: _pack(b, width)[: b.shape[1] // width],
            "This is what you get when the last panel is dropped because it is not full: "
            "its columns belong to the product.",
        ),
        Mistake(
            "columns first",
            lambda b, width: np.ascontiguousarray(_pack(b, width).swapaxes(1, 2)),
            "This is what you get when a panel holds one column after the other. The micro-kernel "
            "reads `width` numbers of one row at once: they must be neighbours.",
        ),
        Mistake(
            "the last column again",
            _last_again,
            "This is what you get when the last panel is filled with copies of the last column: "
            "fill it with zeros, which add nothing to any sum.",
        ),
    ),
    hints=(
        "Seven columns in panels of three: how many panels, and what stands in the last one?",
        "Widen b with columns of zeros until `width` divides their number; then split that axis.",
        "np.zeros((depth, panels * width)), copy, reshape to (depth, panels, width), bring the "
        "panels to the front, and make it contiguous.",
    ),
)


# --- where the taps look -----------------------------------------------------------------------
@composite
def _look_cases(draw: DrawFn) -> Case:
    R, S, padding, dilation = (whole(draw, low, 3) for low in (1, 1, 0, 1))
    H, W = (max(1, dilation * (size - 1) + 1 - 2 * padding) + whole(draw, 0, 3) for size in (R, S))
    return {
        "C": whole(draw, 1, 3),
        "H": H,
        "W": W,
        "R": R,
        "S": S,
        "padding": padding,
        "dilation": dilation,
    }


def _looks(C: int, H: int, W: int, R: int, S: int, padding: int, dilation: int) -> tuple[int, ...]:
    """Number the places of the padded image, and look the taps of the first window up."""
    size = (C, H + 2 * padding, W + 2 * padding)
    places = np.arange(np.prod(size)).reshape(size)
    seen = places[:, : dilation * R : dilation, : dilation * S : dilation]
    return tuple(int(place) for place in seen.ravel())


def _written(
    C: int, R: int, S: int, plane: int, line: int, dilation: int, first: int = 0
) -> tuple[int, ...]:
    return tuple(
        first + c * plane + r * dilation * line + s * dilation
        for c in range(C)
        for r in range(R)
        for s in range(S)
    )


looks = Task(
    name="one_core.looks",
    title="Where each tap looks in the long line",
    cases=_look_cases(),
    oracle=_looks,
    mistakes=(
        Mistake(
            "border forgotten",
            lambda C, H, W, R, S, padding, dilation: _written(C, R, S, H * W, W, dilation),
            "This is what you get when the border is forgotten: in the long line a row has the "
            "picture's columns and the padding on both sides, and so do the columns.",
        ),
        Mistake(
            "border on one side",
            lambda C, H, W, R, S, padding, dilation: _written(
                C, R, S, (H + padding) * (W + padding), W + padding, dilation
            ),
            "This is what you get with padding on one side only: it is on both.",
        ),
        Mistake(
            "dilation forgotten",
            lambda C, H, W, R, S, padding, dilation: _written(
                C, R, S, (H + 2 * padding) * (W + 2 * padding), W + 2 * padding, 1
            ),
            "This is what you get without the dilation: the taps stand `dilation` pixels apart.",
        ),
        Mistake(
            "padding taken off",
            lambda C, H, W, R, S, padding, dilation: _written(
                C,
                R,
                S,
                (H + 2 * padding) * (W + 2 * padding),
                W + 2 * padding,
                dilation,
                -padding * (W + 2 * padding) - padding,
            ),
            "This is what you get when places are counted from the picture's first pixel. The line "
            "begins with the border, and so does the first window.",
        ),
        Mistake(
            "across before down",
            lambda C, H, W, R, S, padding, dilation: tuple(
                c * (H + 2 * padding) * (W + 2 * padding) + dilation * (r * (W + 2 * padding) + s)
                for c in range(C)
                for s in range(S)
                for r in range(R)
            ),
            "This is what you get when the filter's rows run faster than its columns: "
            "the order is that of w in memory, columns last.",
        ),
    ),
    hints=(
        "One row down in the padded picture: how many numbers further on is that?",
        "Take the first window, at the upper left corner. Its taps look at places that you know; "
        "all other windows look at the same places, plus the number of their pixel in the line.",
        "For every c, r, s: c planes, plus r · dilation lines, plus s · dilation. A line has "
        "W + 2 · padding numbers; how many has a plane?",
    ),
)
