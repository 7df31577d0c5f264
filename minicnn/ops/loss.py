"""How wrong is the network? Losses are means over the batch, as Python floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from minicnn.kernels.shapes import FloatArray
from minicnn.ops import _check
from minicnn.ops.activation import log_softmax, softmax

Labels = npt.NDArray[np.integer[Any]]


def softmax_cross_entropy(
    logits: FloatArray, labels: Labels, *, label_smoothing: float = 0.0
) -> float:
    """Mean of -log softmax(logits)[label] for logits (N, classes) and labels (N,).

    With label smoothing e, the wanted probabilities are 1 - e for the label plus e / classes for
    every class (Szegedy et al. 2016, "Rethinking the Inception architecture", section 7).

    Raises
    ------
    TypeError, ValueError
        If the labels are not integers in [0, classes), one per row of logits.
    """
    op = "softmax_cross_entropy"
    smoothing = _check_classes(op, logits, labels, label_smoothing)
    log_p = log_softmax(logits)
    loss = -log_p[np.arange(len(labels)), labels].mean()
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing * log_p.mean()
    return float(loss)


def softmax_cross_entropy_backward(
    logits: FloatArray, labels: Labels, *, label_smoothing: float = 0.0
) -> FloatArray:
    """dlogits (N, classes): (softmax(logits) - wanted probabilities) / N."""
    op = "softmax_cross_entropy_backward"
    smoothing = _check_classes(op, logits, labels, label_smoothing)
    N, classes = logits.shape
    dlogits = softmax(logits)
    dlogits -= smoothing / classes
    dlogits[np.arange(N), labels] -= 1 - smoothing
    dlogits /= N
    return dlogits


def mse(prediction: FloatArray, target: FloatArray) -> float:
    """Mean of (prediction - target)² over all numbers of two arrays of one shape."""
    _check_pair("mse", prediction, target)
    return float(np.square(prediction - target).mean())


def mse_backward(prediction: FloatArray, target: FloatArray) -> FloatArray:
    """dprediction: 2 (prediction - target) / size."""
    _check_pair("mse_backward", prediction, target)
    return (prediction - target) * (2 / prediction.size)


def _check_classes(op: str, logits: FloatArray, labels: Labels, label_smoothing: float) -> float:
    _check.floats(logits, "logits", op, "(N, classes)")
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        given = labels.dtype if isinstance(labels, np.ndarray) else type(labels).__name__
        raise TypeError(
            f"labels are {given}; {op} wants an array of integers. "
            "Use np.asarray(labels, np.int64), or labels.argmax(1) if they are one-hot."
        )
    N, classes = logits.shape
    if labels.shape != (N,):
        raise ValueError(
            f"labels have shape {labels.shape}; {op} wants ({N},), one for each row of logits "
            f"{logits.shape}. One-hot labels? Use labels.argmax(1)."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; {op} wants 0 to {classes - 1}, as "
            f"logits have {classes} classes. Count labels from 0, or give the model more classes."
        )
    return _check.fraction(label_smoothing, "label_smoothing", op)


def _check_pair(op: str, prediction: FloatArray, target: FloatArray) -> None:
    _check.floats(prediction, "prediction", op)
    _check.floats(target, "target", op)
    _check.same_dtype(op, prediction=prediction, target=target)
    _check.same_shape(target, "target", op, prediction.shape, "the shape of prediction")
