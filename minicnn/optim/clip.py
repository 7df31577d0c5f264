"""Gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from minicnn.nn import Parameter


def clip_grad_norm(parameters: Mapping[str, Parameter], max_norm: float) -> float:
    """Scale all gradients together so that their common norm is at most ``max_norm``.

    The direction stays, only the length changes (Pascanu et al. 2013, algorithm 1).

    Parameters
    ----------
    parameters
        As from ``model.parameters()``; those without a gradient count as zero.
    max_norm
        The largest Euclidean norm allowed, above 0.

    Returns
    -------
    float
        The norm before clipping. A norm that is infinite or NaN leaves the gradients as they are.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}; expected a number above 0. Try max_norm=1.0.")
    grads = [p.grad for p in parameters.values() if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads))
    if max_norm < norm < math.inf:
        for grad in grads:
            grad *= max_norm / norm
    return norm
