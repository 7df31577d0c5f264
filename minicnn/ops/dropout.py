"""Dropout: switch numbers off at random while training."""

from __future__ import annotations

import numpy as np

from minicnn.kernels.shapes import FloatArray
from minicnn.ops import _check


def dropout(x: FloatArray, p: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Zero each number with probability p and divide the rest by 1 - p; return (y, mask).

    The mask holds 0 or 1 / (1 - p), so the mean of y is that of x and inference needs no change
    ("inverted" dropout; Srivastava et al. 2014).
    """
    _check.floats(x, "x", "dropout")
    p = _check.fraction(p, "p", "dropout")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is a {type(rng).__name__}; dropout wants a numpy.random.Generator, so that runs "
            "can be repeated. Use np.random.default_rng(0)."
        )
    keep = rng.random(x.shape, dtype=x.dtype) >= p
    mask: FloatArray = keep.astype(x.dtype) / (1 - p)
    return x * mask, mask


def dropout_backward(dy: FloatArray, mask: FloatArray) -> FloatArray:
    """dx from the mask that dropout returned."""
    op = "dropout_backward"
    _check.floats(dy, "dy", op)
    _check.floats(mask, "mask", op)
    _check.same_dtype(op, dy=dy, mask=mask)
    _check.same_shape(dy, "dy", op, mask.shape, "the shape of mask")
    return dy * mask
