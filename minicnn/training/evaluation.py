"""How good a model is, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.nn import Layer
from minicnn.training.inputs import Data, check_count, check_data, check_images
from minicnn.training.losses import LossFunction, count_wrong, loss_function


@dataclass(frozen=True)
class Evaluation:
    """Mean loss, fraction wrong, fraction right (0 to 1), and over how many samples."""

    loss: float
    error: float
    accuracy: float
    n: int


def evaluate(
    model: Layer,
    data: Data,
    batch_size: int = 256,
    *,
    loss: str | LossFunction = "softmax_cross_entropy",
) -> Evaluation:
    """Measure a model on (x, y) in inference, where dropout rests and statistics are the running.

    Parameters
    ----------
    data
        x (N, C, H, W) or (N, features) of the model's dtype, y (N,) of whole numbers.
    batch_size
        How many samples at a time: memory, not meaning.
    loss
        As in `fit`.
    """
    x, y = check_data("data", model, data, loss)
    return measure(model, x, y, loss_function(loss), check_count("batch_size", batch_size))


def measure(
    model: Layer, x: np.ndarray, y: np.ndarray, compare: LossFunction, batch_size: int
) -> Evaluation:
    """`evaluate` without the checks."""
    total_loss, wrong = 0.0, 0.0
    for start in range(0, len(x), batch_size):
        target = y[start : start + batch_size]
        output = model.forward(x[start : start + batch_size], training=False)
        total_loss += compare(output, target)[0] * len(target)
        wrong += count_wrong(output, target)
    n = len(x)
    return Evaluation(loss=total_loss / n, error=wrong / n, accuracy=(n - wrong) / n, n=n)


def predict(model: Layer, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Return the model's outputs for x, computed batch by batch; for classes take the argmax."""
    check_images("x", model, x)
    step = check_count("batch_size", batch_size)
    return np.concatenate(
        [model.forward(x[start : start + step]) for start in range(0, len(x), step)]
    )
