"""An average pooling in front of a 1x1 convolution, with a border of zeros that counts."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


def average(x: np.ndarray, k: int, stride: int, padding: int) -> np.ndarray:
    """Average pooling in which the zeros of the frame count as pixels."""
    return ref.pool_windows(ref.pad(x, padding), k, stride).mean(axis=(-2, -1))


@composite
def _pointwise_cases(draw: DrawFn) -> Case:
    n, channels, outputs = whole(draw, 1, 2), whole(draw, 1, 3), whole(draw, 1, 3)
    k, stride = whole(draw, 1, 3), whole(draw, 1, 3)
    padding = min(whole(draw, 0, 1), k // 2)
    h = max(1, k - 2 * padding + whole(draw, 0, 3))
    w = max(1, k - 2 * padding + whole(draw, 0, 3))
    x = fill((n, channels, h, w), draw_seed(draw))
    return {
        "pooled": average(x, k, stride, padding),
        "w": fill((outputs, channels), draw_seed(draw), salt=1),
        "b": fill((outputs,), draw_seed(draw), salt=2),
        "size": (h, w),
        "k": k,
        "stride": stride,
        "padding": padding,
    }


def _mixed(pooled: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.einsum("kc,ncpq->nkpq", w, pooled)


def _share(size: tuple[int, int], k: int, stride: int, padding: int) -> np.ndarray:
    """How much of each window is picture."""
    return average(np.ones((1, 1, *size)), k, stride, padding)


def _pool_before_pointwise(
    pooled: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    size: tuple[int, int],
    k: int,
    stride: int,
    padding: int,
) -> np.ndarray:
    """Give the convolution one channel more, of ones, with the bias as its weights."""
    ones = np.broadcast_to(_share(size, k, stride, padding), (len(pooled), 1, *pooled.shape[2:]))
    return _mixed(np.concatenate([pooled, ones], axis=1), np.column_stack([w, b]))


pool_before_pointwise = Task(
    name="pooling_exchange.pool_before_pointwise",
    title="Pool first, and get the border right",
    cases=_pointwise_cases(),
    oracle=_pool_before_pointwise,
    mistakes=(
        Mistake(
            "whole bias at the border",
            lambda pooled, w, b, size, k, stride, padding: _mixed(pooled, w) + b[:, None, None],
            "This adds the whole bias everywhere. In the order that was asked for, the zeros of "
            "the frame come after the convolution: they have no bias, and are averaged with it.",
        ),
        Mistake(
            "bias forgotten",
            lambda pooled, w, b, size, k, stride, padding: _mixed(pooled, w),
            "This is what you get without the bias.",
        ),
        Mistake(
            "bias divided by the window",
            lambda pooled, w, b, size, k, stride, padding: (
                _mixed(pooled, w) + b[:, None, None] / k**2
            ),
            "This divides the bias by the number of pixels in a window. "
            "The mean of a bias that all pixels have is that bias.",
        ),
        Mistake(
            "everything shrunk at the border",
            lambda pooled, w, b, size, k, stride, padding: (
                (_mixed(pooled, w) + b[:, None, None]) * _share(size, k, stride, padding)
            ),
            "This shrinks the pooled numbers at the border too. "
            "They have been averaged with the zeros already; the bias alone has not.",
        ),
        Mistake(
            "frame not counted",
            lambda pooled, w, b, size, k, stride, padding: (
                _mixed(pooled, w) / _share(size, k, stride, padding) + b[:, None, None]
            ),
            "This is the average that leaves the frame out. "
            "It is the better average, but here the zeros of the frame count.",
        ),
    ),
    hints=(
        "In a corner of a 3x3 window with padding 1, how many of the 9 averaged numbers have "
        "got the bias?",
        "Without a bias the exchange is exact, border or not: mix the channels of `pooled`. Only "
        "the bias needs care: pool, by itself, a picture that is b everywhere.",
        "Pool a picture of ones of the given size, in a frame of zeros; that is the share of each "
        "window that is real. Mixed channels, plus b times that share.",
    ),
)
