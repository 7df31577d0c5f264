"""The middle of an image, the gradient of a lid, and gradients that are too long."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import math

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- the middle -------------------------------------------------------------------------------
@composite
def _crop_cases(draw: DrawFn) -> Case:
    height, width = whole(draw, 1, 6), whole(draw, 1, 6)
    x = fill((whole(draw, 1, 2), 1, height, width), draw_seed(draw))
    return {"x": x, "h": whole(draw, 1, height), "w": whole(draw, 1, width)}


def _crop(x: np.ndarray, h: int, w: int) -> np.ndarray:
    """Take rows and columns off, at the end and at the front in turn."""
    while x.shape[2] > h:
        x = x[:, :, :-1] if (x.shape[2] - h) % 2 else x[:, :, 1:]
    while x.shape[3] > w:
        x = x[..., :-1] if (x.shape[3] - w) % 2 else x[..., 1:]
    return x


def _window(x: np.ndarray, top: int, left: int, h: int, w: int) -> np.ndarray:
    return x[:, :, top : top + h, left : left + w]


crop = Task(
    name="clipping.crop",
    title="The middle of an image",
    cases=_crop_cases(),
    oracle=_crop,
    mistakes=(
        Mistake(
            "the corner",
            lambda x, h, w: x[:, :, :h, :w],
            "This is the upper left corner: as much has to go above as below.",
        ),
        Mistake(
            "rounded up",
            lambda x, h, w: _window(x, (x.shape[2] - h + 1) // 2, (x.shape[3] - w + 1) // 2, h, w),
            "Where an odd number of rows goes, this takes the larger part from the front; asked is "
            "the larger part from the end.",
        ),
        Mistake(
            "minus zero",
            lambda x, h, w: x[
                :,
                :,
                (x.shape[2] - h) // 2 : -((x.shape[2] - h + 1) // 2),
                (x.shape[3] - w) // 2 : -((x.shape[3] - w + 1) // 2),
            ],
            "This counts from the end, x[a:-b]; where nothing is to go, b is 0, and x[a:-0] is "
            "empty.",
        ),
        Mistake(
            "swapped",
            lambda x, h, w: _window(x, (x.shape[2] - w) // 2, (x.shape[3] - h) // 2, w, h),
            "This has height and width swapped: the axes are (N, C, H, W).",
        ),
    ),
    hints=(
        "How many rows have to go in all, and how many of them above?",
        "(H - h) // 2 above, the rest below; with columns it is the same.",
        "top, left = ...; then x[:, :, top : top + h, left : left + w].",
    ),
)


# --- the gradient of a lid --------------------------------------------------------------------
@composite
def _lid_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 3), whole(draw, 1, 4))
    number = draw_seed(draw)
    return {
        "dy": fill(shape, number, salt=1),
        "x": fill(shape, number, salt=2),
        "alpha": float(whole(draw, 1, 4)),
    }


def _alpha_gradient(dy: np.ndarray, x: np.ndarray, alpha: float) -> np.ndarray:
    """Move alpha a little down and up, as y depends on it in straight pieces."""
    total = 0.0
    for value, weight in zip(x.ravel(), dy.ravel(), strict=True):
        h = 1 / 64
        if value == alpha:  # at the corner: the side on which the lid holds
            total += float(weight)
            continue
        above, below = (min(max(float(value), 0.0), a) for a in (alpha + h, alpha - h))
        total += float(weight) * (above - below) / (2 * h)
    return np.asarray(total)


alpha_gradient = Task(
    name="clipping.alpha_gradient",
    title="The gradient of a lid",
    cases=_lid_cases(),
    oracle=_alpha_gradient,
    mistakes=(
        Mistake(
            "below the lid",
            lambda dy, x, alpha: np.asarray((dy * ((x > 0) & (x < alpha))).sum()),
            "This sums where the number passes: there the output is x, and alpha does nothing.",
        ),
        Mistake(
            "at the lid nothing",
            lambda dy, x, alpha: np.asarray((dy * (x > alpha)).sum()),
            "This leaves out the places where x is alpha exactly; they count as held by the lid.",
        ),
        Mistake(
            "the mean",
            lambda dy, x, alpha: np.asarray((dy * (x >= alpha)).mean()),
            "This is the mean over all places: one alpha serves all of them, so their gradients "
            "are summed.",
        ),
        Mistake(
            "a count",
            lambda dy, x, alpha: np.asarray(float((x >= alpha).sum())),
            "This counts the places; each has to count with its dy.",
        ),
        Mistake(
            "one number each",
            lambda dy, x, alpha: dy * (x >= alpha),
            "This is one number for each place. There is one alpha: sum them.",
        ),
    ),
    hints=(
        "Where does the output change when alpha moves a little, and by how much?",
        "Only where x >= alpha: there y is alpha, so dy/dalpha is 1. All places share one alpha.",
        "Sum dy over the places where x >= alpha.",
    ),
)


# --- gradients that are too long --------------------------------------------------------------
@composite
def _long_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 4), whole(draw, 1, 4))
    return {
        "grads": fill(shape, draw_seed(draw)),
        "max_norm": draw(st.sampled_from([1.0, 2.0, 5.0, 100.0])),
    }


def _shorten(grads: np.ndarray, max_norm: float) -> np.ndarray:
    norm = math.hypot(*(float(g) for g in grads.ravel()))
    return grads.copy() if norm <= max_norm else np.array(grads / (norm / max_norm))


def _scaled(grads: np.ndarray, norm: np.ndarray, max_norm: float) -> np.ndarray:
    return grads * np.minimum(1, max_norm / np.maximum(norm, 1e-300))


shorten = Task(
    name="clipping.shorten",
    title="Gradients that are too long",
    cases=_long_cases(),
    oracle=_shorten,
    mistakes=(
        Mistake(
            "each layer apart",
            lambda grads, max_norm: _scaled(
                grads, np.linalg.norm(grads, axis=1, keepdims=True), max_norm
            ),
            "This shortens every layer by itself. That bends the direction: all layers together "
            "have one norm.",
        ),
        Mistake(
            "each number apart",
            lambda grads, max_norm: np.clip(grads, -max_norm, max_norm),
            "This clips every number by itself, which changes the direction; all are to be scaled "
            "by one factor.",
        ),
        Mistake(
            "always as long",
            lambda grads, max_norm: grads * (max_norm / max(np.linalg.norm(grads), 1e-300)),
            "This makes short gradients longer, too: those within the norm stay as they are.",
        ),
        Mistake(
            "the largest number",
            lambda grads, max_norm: _scaled(grads, np.abs(grads).max(), max_norm),
            "This takes the largest number for the norm: the norm is the root of the sum of all "
            "squares.",
        ),
        Mistake(
            "no root",
            lambda grads, max_norm: _scaled(grads, (grads**2).sum(), max_norm),
            "This compares the sum of the squares with the norm: take its root.",
        ),
    ),
    hints=(
        "What has to stay the same about the gradients of all layers together?",
        "Their direction. So one factor for all: 1 if the norm is small enough, otherwise "
        "max_norm / norm.",
        "norm = np.sqrt((grads**2).sum()); return grads * min(1, max_norm / norm), and look out "
        "for a norm of 0.",
    ),
)
