"""A referee for the open challenge: the fewest FLOPs on digits, at an error of 3 % at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minicnn import cost, data, models, nn, optim, training

SEEDS = (0, 1, 2)
LARGEST_ERROR = 0.03
IN_SHAPE = (1, 8, 8)
Train = tuple[np.ndarray, np.ndarray]


class Result(NamedTuple):
    """FLOPs of the largest and error of the worst of the networks, and whether that is allowed."""

    flops: int
    error: float
    allowed: bool


def start(seed: int, train: Train) -> nn.Sequential:
    """Return the network that everybody begins with: `models.small_cnn`, trained."""
    model = models.small_cnn(seed=seed)
    training.fit(model, train, epochs=10, seed=seed, progress=False, optimizer=optim.Adam(lr=3e-3))
    return model


def referee(shrink: Callable[[nn.Sequential, Train], nn.Sequential]) -> Result:
    """Run ``shrink(model, (x, y))`` for three networks, and measure what comes back.

    The rules: it gets the training images only, and returns a plain `Sequential` with ten logits
    for images (1, 8, 8). The worst of the three counts, on the test images. Zeros are multiplied
    like other numbers.

    Raises
    ------
    TypeError, ValueError
        What came back is no such network.
    """
    x, y, x_test, y_test = data.load("digits")
    flops, errors = [], []
    for seed in SEEDS:
        model = shrink(start(seed, (x.copy(), y.copy())), (x.copy(), y.copy()))
        if type(model) is not nn.Sequential:
            raise TypeError(
                f"shrink returned a {type(model).__name__}; the referee wants a plain "
                "nn.Sequential. A pass returns (model, report): take the first."
            )
        if model.out_shape(IN_SHAPE) != (10,):
            raise ValueError(
                f"the network makes {model.out_shape(IN_SHAPE)} of an image; the referee wants "
                "(10,), a logit for each digit. Keep the last layer as wide as it is."
            )
        flops.append(cost.summary(model, IN_SHAPE).flops)
        errors.append(training.evaluate(model, (x_test, y_test)).error)
    return Result(max(flops), max(errors), max(errors) <= LARGEST_ERROR)
