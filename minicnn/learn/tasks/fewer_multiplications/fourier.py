"""One tile by Fourier transforms: what is wrapped round, and what is an answer."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


@composite
def _cases(draw: DrawFn) -> Case:
    R, S = whole(draw, 1, 4), whole(draw, 1, 4)
    A, B = R + whole(draw, 0, 5), S + whole(draw, 0, 5)
    return {"tile": fill((A, B), draw_seed(draw)), "w": fill((R, S), draw_seed(draw), salt=1)}


def _fft_tile(tile: np.ndarray, w: np.ndarray) -> np.ndarray:
    return ref.correlate(tile[None, None], w[None, None])[0, 0]


def _wrapped(tile: np.ndarray, w: np.ndarray) -> np.ndarray:
    """All A x B numbers of the circular correlation, by the sum that defines it."""
    y = np.zeros(tile.shape)
    for r, s in np.ndindex(w.shape):
        y += w[r, s] * np.roll(tile, (-r, -s), axis=(0, 1))
    return y


def _circular_convolution(tile: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = np.zeros(tile.shape)
    for r, s in np.ndindex(w.shape):
        y += w[r, s] * np.roll(tile, (r, s), axis=(0, 1))
    return y


fft_tile = Task(
    name="fewer_multiplications.fft_tile",
    title="A tile by Fourier transforms",
    cases=_cases(),
    oracle=_fft_tile,
    mistakes=(
        Mistake(
            "conjugate forgotten",
            lambda tile, w: _circular_convolution(tile, w)[
                : tile.shape[0] - w.shape[0] + 1, : tile.shape[1] - w.shape[1] + 1
            ],
            "This is what you get without the conjugate: a convolution with its flip, and wrapped "
            "round besides. A layer correlates.",
        ),
        Mistake(
            "convolution",
            lambda tile, w: _circular_convolution(tile, w)[w.shape[0] - 1 :, w.shape[1] - 1 :],
            "This is what you get without the conjugate: a convolution, with the filter flipped. "
            "A layer correlates.",
        ),
        Mistake(
            "wrapped answers kept",
            _wrapped,
            "This is what you get when every number is kept. The last rows and columns have "
            "wrapped round: they saw the beginning of the tile as if it came after its end.",
        ),
        Mistake(
            "wrong end dropped",
            lambda tile, w: _wrapped(tile, w)[w.shape[0] - 1 :, w.shape[1] - 1 :],
            "This is what you get when the first rows and columns are dropped. In a correlation "
            "the last ones have wrapped round.",
        ),
    ),
    hints=(
        "Which outputs see pixels from both ends of the tile?",
        "Transform both to the same size, multiply number by number, transform back. For a "
        "correlation one of the two transforms is conjugated.",
        "np.fft.rfft2(array, shape) fills up with zeros to `shape`; np.fft.irfft2(product, shape) "
        "goes back. Keep the first A - R + 1 rows and B - S + 1 columns.",
    ),
)
