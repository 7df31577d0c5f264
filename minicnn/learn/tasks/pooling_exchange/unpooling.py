"""Max unpooling: the pooling's output becomes its input."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


def _switches(x: np.ndarray, k: int, stride: int) -> np.ndarray:
    """Where in the flattened picture each window's first maximum is."""
    height, width = x.shape[2:]
    numbers = np.broadcast_to(np.arange(height * width).reshape(height, width), x.shape)
    windows = ref.pool_windows(x, k, stride)
    flat = windows.reshape(*windows.shape[:4], k * k)
    first = flat.argmax(axis=-1)[..., None]
    places = ref.pool_windows(numbers, k, stride).reshape(flat.shape)
    return np.take_along_axis(places, first, axis=-1)[..., 0]


@composite
def _unpool_cases(draw: DrawFn) -> Case:
    n, c, k, stride = (whole(draw, 1, 2), whole(draw, 1, 2), whole(draw, 1, 3), whole(draw, 1, 3))
    h, w = k + whole(draw, 0, 3), k + whole(draw, 0, 3)
    x = fill((n, c, h, w), draw_seed(draw))
    return {
        "y": ref.max_pool(x, k, stride),
        "switches": _switches(x, k, stride),
        "height": h,
        "width": w,
    }


def _unpool(y: np.ndarray, switches: np.ndarray, height: int, width: int) -> np.ndarray:
    x = np.zeros((*y.shape[:2], height, width), dtype=y.dtype)
    for n, c, p, q in np.ndindex(y.shape):
        place = switches[n, c, p, q]
        x[n, c, place // width, place % width] = y[n, c, p, q]
    return x


def _added_up(y: np.ndarray, switches: np.ndarray, height: int, width: int) -> np.ndarray:
    x = np.zeros((*y.shape[:2], height, width), dtype=y.dtype)
    for n, c, p, q in np.ndindex(y.shape):
        row, column = divmod(int(switches[n, c, p, q]), width)
        x[n, c, row, column] += y[n, c, p, q]
    return x


def _first_picture(y: np.ndarray, switches: np.ndarray, height: int, width: int) -> np.ndarray:
    x = np.zeros((*y.shape[:2], height, width), dtype=y.dtype)
    x.reshape(-1)[switches.ravel()] = y.ravel()
    return x


def _columns_first(y: np.ndarray, switches: np.ndarray, height: int, width: int) -> np.ndarray:
    return _unpool(y, switches, width, height).swapaxes(2, 3)


max_unpool = Task(
    name="pooling_exchange.max_unpool",
    title="Unpooling",
    cases=_unpool_cases(),
    oracle=_unpool,
    mistakes=(
        Mistake(
            "added up",
            _added_up,
            "This adds where two windows had the same winner. That is the gradient of max pooling; "
            "unpooling puts the number back, once.",
        ),
        Mistake(
            "all in the first picture",
            _first_picture,
            "This puts everything into the first picture: "
            "the switches count the pixels of each channel of each image from 0.",
        ),
        Mistake(
            "columns first",
            _columns_first,
            "This counts down the columns. The switches count row by row: "
            "a step to the next row is `width` numbers.",
        ),
        Mistake(
            "counted from one",
            lambda y, switches, height, width: _unpool(y, switches - 1, height, width),
            "This is what you get when the pixels are counted from 1; the first one is number 0.",
        ),
    ),
    hints=(
        "In a picture 5 pixels wide, which row and column has pixel number 13?",
        "divmod(number, width) gives the row and the column; or flatten the last two axes of a "
        "picture of zeros, write there, and give it back its shape.",
        "Zeros (N, C, H, W); loop over all n, c, p, q; set the pixel that the switch names to "
        "y[n, c, p, q].",
    ),
)
