"""Sparse while learning: a step of the optimiser, then a step that makes zeros.

An L1 penalty has a corner at zero, and a gradient step can only hop over a corner. The proximal
operator steps on it::

    prox(v) = argmin over w of  ½ ‖w - v‖² + t penalty(w)

    penalty |w|             sign(v) max(|v| - t, 0)          soft threshold    `ProximalL1`
    penalty ‖w‖ of a group  v max(1 - t / ‖v‖, 0)            the same for its length
    at most k not zero      the k largest stay as they are   hard threshold    `HardThreshold`

Nothing is masked: a zero may come back as soon as its gradient is worth the price. Call
`compress.sparsify` afterwards to keep the zeros for good.

References: Tibshirani (1996), "Regression shrinkage and selection via the lasso"; Daubechies et al.
(2004), "An iterative thresholding algorithm for linear inverse problems"; Wen et al. (2016),
"Learning structured sparsity in deep neural networks"; Blumensath and Davies (2009), "Iterative
hard thresholding for compressed sensing".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minicnn import nn
from minicnn.compress.prune import Sparsity, masks
from minicnn.training import Hook
from minicnn.training.history import History

UNITS = ("weight", "filter")


def soft_threshold(v: np.ndarray, t: float) -> np.ndarray:
    """Move every number of v towards zero by t, and no further: the proximal operator of t |w|."""
    shrunk: np.ndarray = np.sign(v) * np.maximum(np.abs(v) - t, 0)
    return shrunk


def shrink_groups(v: np.ndarray, t: float) -> np.ndarray:
    """Shorten each slice ``v[k]`` by t, or make it zero: the proximal operator of t ‖w[k]‖."""
    lengths = np.sqrt(np.square(v).sum(axis=tuple(range(1, v.ndim)), keepdims=True))
    left = np.maximum(lengths - t, 0)
    shrunk: np.ndarray = v * (left / np.maximum(lengths, np.finfo(v.dtype).tiny))
    return shrunk


class ProximalL1(Hook):
    """A hook for `fit`: after each step, a soft threshold by learning rate times ``strength``.

    With plain SGD this is proximal gradient descent on ``loss + strength Σ |w|``. Momentum m makes
    1 / (1 - m) steps of every gradient, but not of the threshold: the penalty weighs less by that
    factor. With Adam the price is the same for every weight, however large its own
    steps are: decoupled, as the decay of AdamW is.

    Parameters
    ----------
    strength
        The price of a weight of size 1, added to the loss; 1e-4 to 1e-2 are usual.
    lr
        The optimiser's learning rate: the same number, or the same schedule.
    per
        "weight", or "filter": then the price is for the length (root of the sum of squares) of a
        filter's weights, so that whole filters become zero.
    weights
        Dotted names, or starts of names, of the weights to shrink; all by default.
    """

    def __init__(
        self,
        strength: float,
        *,
        lr: float | Callable[[int], float] = 1e-3,
        per: str = "weight",
        weights: Sequence[str] = (),
    ) -> None:
        self.strength = positive("strength", strength, "ProximalL1")
        self.lr = lr if callable(lr) else positive("lr", lr, "ProximalL1")
        self.per, self.weights = check_unit(per), tuple(weights)

    def on_batch_end(self, model: nn.Layer, step: int) -> None:
        """Shrink."""
        t = self.strength * float(self.lr(step) if callable(self.lr) else self.lr)
        shrink = soft_threshold if self.per == "weight" else shrink_groups
        for parameter in chosen_weights(model, self.weights).values():
            if parameter.trainable:
                parameter.data[...] = shrink(parameter.data, t)
                parameter.project()

    def penalty(self, model: nn.Layer) -> float:
        """Return what the weights cost: the part of the objective that `fit` does not report."""
        total = 0.0
        for parameter in chosen_weights(model, self.weights).values():
            w = parameter.data
            sizes = (
                np.abs(w) if self.per == "weight" else np.linalg.norm(w.reshape(len(w), -1), 2, 1)
            )
            total += float(sizes.sum())
        return self.strength * total


class HardThreshold(Hook):
    """A hook for `fit`: every so many batches the smallest weights are set to zero, not masked.

    In between all weights learn, so that a zero can grow and take the place of another; with
    ``every=1`` it has a single step to do so. Zeros are exact after each epoch.

    Parameters
    ----------
    sparsity
        Share of the weights to set to zero, as in `prune`.
    every
        Batches from one threshold to the next.
    begin
        The first batch after which weights are set to zero, counted from 0 over the whole fit.
    scope
        "global" or "layer", as in `prune`.
    """

    def __init__(
        self, sparsity: Sparsity, *, every: int = 10, begin: int = 0, scope: str = "global"
    ) -> None:
        if every < 1 or begin < 0:
            raise ValueError(
                f"every is {every} and begin {begin}; HardThreshold wants every from 1 and begin "
                "from 0, counted in batches. Use every=10."
            )
        one = nn.Parameter(np.ones((1, 1), np.float32), name="weight")
        names = sparsity if isinstance(sparsity, Mapping) else ("0",)
        masks({f"{name}.weight": one for name in names}, sparsity, scope)  # only to check
        self.sparsity, self.every, self.begin, self.scope = sparsity, every, begin, scope
        self._last = -1

    def on_batch_end(self, model: nn.Layer, step: int) -> None:
        """Set to zero, if it is time."""
        self._last = step
        if step >= self.begin and (step - self.begin) % self.every == 0:
            self._apply(model)

    def on_epoch_end(self, model: nn.Layer, epoch: int, history: History) -> None:  # noqa: ARG002
        """Set to zero."""
        if self._last >= self.begin:
            self._apply(model)

    def _apply(self, model: nn.Layer) -> None:
        weights = chosen_weights(model)
        for name, keep in masks(weights, self.sparsity, self.scope).items():
            weights[name].data[~keep] = 0


def chosen_weights(model: nn.Layer, names: Sequence[str] = ()) -> dict[str, nn.Parameter]:
    """Return the weights of convolutions and linear layers by name, all or under some names."""
    every = {
        name: parameter
        for name, parameter in model.parameters().items()
        if parameter.name == "weight" and parameter.data.ndim > 1
    }
    if not names:
        return every
    for prefix in names:
        if not any(name == prefix or name.startswith(prefix + ".") for name in every):
            raise ValueError(
                f"weights names {prefix!r}, but no weight lies there; the weights are "
                f"{', '.join(every)}. Use one of these, or the start of one."
            )
    return {
        name: parameter
        for name, parameter in every.items()
        if any(name == prefix or name.startswith(prefix + ".") for prefix in names)
    }


def positive(what: str, value: Any, who: str) -> float:
    """Return a finite number above zero, or zero."""
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(
            f"{what} is {value}; {who} wants a finite number, 0 or more. Try {what}=1e-3."
        )
    return float(value)


def check_unit(per: str) -> str:
    """Return what a penalty is for, or say what there is."""
    if per not in UNITS:
        raise ValueError(f'per is {per!r}; expected "weight" or "filter". Use one of them.')
    return per
