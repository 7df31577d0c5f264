"""What `fit` makes small: a function of (output, target) that gives its value and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn import ops

LossFunction = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]
"""(output, target) to (mean loss over the batch, gradient with respect to the output)."""

NAMES = ("softmax_cross_entropy", "mse")


def loss_function(loss: str | LossFunction, label_smoothing: float = 0.0) -> LossFunction:
    """Return the function that ``loss`` names, or ``loss`` itself where it is one."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"label_smoothing is {label_smoothing}; expected 0 <= label_smoothing < 1. Try 0.1."
        )
    if label_smoothing and loss != "softmax_cross_entropy":
        raise ValueError(
            f"label_smoothing is {label_smoothing} with the loss {loss!r}; only "
            '"softmax_cross_entropy" knows it. Use label_smoothing=0.'
        )
    if callable(loss):
        return loss
    if loss == "mse":
        return _mean_squared_error
    if loss == "softmax_cross_entropy":
        return _cross_entropy(label_smoothing)
    raise ValueError(
        f"loss is {loss!r}; known are {', '.join(map(repr, NAMES))}. "
        "Use one of these, or a function (output, target) -> (loss, gradient)."
    )


def _cross_entropy(label_smoothing: float) -> LossFunction:
    def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
        loss = ops.softmax_cross_entropy(logits, labels, label_smoothing=label_smoothing)
        gradient = ops.softmax_cross_entropy_backward(
            logits, labels, label_smoothing=label_smoothing
        )
        return loss, gradient

    return cross_entropy


def _mean_squared_error(output: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Compare with the target, or with one-hot vectors where the target is class labels."""
    if is_labels(target):
        target = np.eye(output.shape[1], dtype=output.dtype)[target]
    return ops.mse(output, target), ops.mse_backward(output, target)


def is_labels(target: np.ndarray) -> bool:
    """Tell whether a target is one class label for each sample."""
    return target.ndim == 1 and np.issubdtype(target.dtype, np.integer)


def count_wrong(output: np.ndarray, target: np.ndarray) -> float:
    """Return how many samples have their largest output elsewhere; NaN where that means nothing."""
    if not is_labels(target) or output.ndim != 2:
        return float("nan")
    return float(np.count_nonzero(output.argmax(axis=1) != target))
