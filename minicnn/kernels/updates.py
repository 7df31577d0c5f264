"""One step of an optimiser, each in one pass over a parameter, its gradient and what is remembered.

All arrays are rows of numbers of one dtype; those called data and the memories are changed in
place. The formulas are PyTorch's, see `minicnn.optim`.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def descend(data, g, lr):  # type: ignore[no-untyped-def]
    """data -= lr g."""
    lr = data.dtype.type(lr)
    for i in range(len(data)):
        data[i] -= lr * g[i]


@njit(cache=True, nogil=True)
def momentum(data, g, velocity, lr, keep, nesterov):  # type: ignore[no-untyped-def]
    """v = keep v + g; data -= lr v, or with `nesterov` lr (g + keep v)."""
    lr, keep = data.dtype.type(lr), data.dtype.type(keep)
    for i in range(len(data)):
        v = keep * velocity[i] + g[i]
        velocity[i] = v
        data[i] -= lr * (g[i] + keep * v if nesterov else v)


@njit(cache=True, nogil=True)
def adagrad(data, g, total, lr, eps):  # type: ignore[no-untyped-def]
    """s = s + g²; data -= lr g / (sqrt(s) + eps)."""
    lr, eps = data.dtype.type(lr), data.dtype.type(eps)
    for i in range(len(data)):
        total[i] += g[i] * g[i]
        data[i] -= lr * g[i] / (np.sqrt(total[i]) + eps)


@njit(cache=True, nogil=True)
def rmsprop(data, g, square, velocity, lr, alpha, eps, keep):  # type: ignore[no-untyped-def]
    """s = alpha s + (1 - alpha) g²; data -= lr v, v = keep v + g / (sqrt(s) + eps).

    Without momentum, `velocity` is None and v is the second term alone.
    """
    rest = data.dtype.type(1.0 - alpha)
    lr, alpha = data.dtype.type(lr), data.dtype.type(alpha)
    eps, keep = data.dtype.type(eps), data.dtype.type(keep)
    for i in range(len(data)):
        square[i] = alpha * square[i] + rest * g[i] * g[i]
        v = g[i] / (np.sqrt(square[i]) + eps)
        if velocity is not None:
            v += keep * velocity[i]
            velocity[i] = v
        data[i] -= lr * v


@njit(cache=True, nogil=True)
def adam(data, g, mean, square, rate, betas, root, eps, shrink):  # type: ignore[no-untyped-def]
    """m = b1 m + (1 - b1) g; s = b2 s + (1 - b2) g²; data -= rate m / (root sqrt(s) + eps).

    `rate` and `root` are corrected for the start; before that, data is multiplied by `shrink`.
    """
    b1, rest1 = data.dtype.type(betas[0]), data.dtype.type(1.0 - betas[0])
    b2, rest2 = data.dtype.type(betas[1]), data.dtype.type(1.0 - betas[1])
    rate, root = data.dtype.type(rate), data.dtype.type(root)
    eps, shrink = data.dtype.type(eps), data.dtype.type(shrink)
    for i in range(len(data)):
        mean[i] = b1 * mean[i] + rest1 * g[i]
        square[i] = b2 * square[i] + rest2 * g[i] * g[i]
        data[i] = shrink * data[i] - rate * (mean[i] / (root * np.sqrt(square[i]) + eps))
