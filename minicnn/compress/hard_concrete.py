"""L0 training: a price on every weight that is not zero, whatever its size.

The count of weights that are not zero has no gradient. So each weight (or each filter) gets a gate
z, a random number which is exactly 0 or exactly 1 with some probability, and something in between
otherwise; and the *expected* count has a gradient. The gates are "hard concrete": a smooth random
number in (0, 1), stretched a little and clipped::

    s = sigmoid((log u - log(1 - u) + log_alpha) / BETA)       u uniform in (0, 1)
    z = min(1, max(0, s (ZETA - GAMMA) + GAMMA))
    P(z is not 0) = sigmoid(log_alpha - BETA log(-GAMMA / ZETA))

The network computes with w z. After training the noise is left out: z from sigmoid(log_alpha).

Reference: Louizos, Welling and Kingma (2018), "Learning sparse neural networks through L0
regularization", section 2.3 and eq. 10 to 13.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minicnn import nn
from minicnn.compress.proximal import check_unit, chosen_weights, positive
from minicnn.compress.sparsify import keep_only
from minicnn.training import Hook

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
"""Temperature, and the ends of the stretched interval (Louizos et al., section 4)."""


class Gates(NamedTuple):
    """Gates and their slope dz/dlog_alpha."""

    z: np.ndarray
    slope: np.ndarray


def draw(log_alpha: np.ndarray, u: np.ndarray) -> Gates:
    """Return the gates for noise u, uniform in (0, 1), of the same shape."""
    s = _sigmoid((np.log(u) - np.log1p(-u) + log_alpha) / BETA)
    return _stretched(s, s * (1 - s) / BETA)


def settled(log_alpha: np.ndarray) -> np.ndarray:
    """Return the gates without noise, as they are after training."""
    s = _sigmoid(log_alpha)
    return _stretched(s, s * (1 - s)).z


def open_chance(log_alpha: np.ndarray) -> np.ndarray:
    """Return the probability that a gate is not zero."""
    return _sigmoid(log_alpha - BETA * math.log(-GAMMA / ZETA))


def _stretched(s: np.ndarray, slope: np.ndarray) -> Gates:
    wide = s * (ZETA - GAMMA) + GAMMA
    inside = (wide > 0) & (wide < 1)
    return Gates(np.clip(wide, 0, 1), np.where(inside, slope * (ZETA - GAMMA), 0))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    half: np.ndarray = 0.5 * (1 + np.tanh(0.5 * x))  # never overflows
    return half


class _Gated:
    """The gates of one parameter, with their optimiser's memory (Adam)."""

    def __init__(self, parameter: nn.Parameter, axis: int | None, start: float) -> None:
        w = parameter.data
        shape = list(w.shape) if axis is None else [1] * w.ndim
        if axis is not None:
            shape[axis] = w.shape[axis]
        self.parameter, self.free = parameter, w.copy()
        self.log_alpha = np.full(shape, start, w.dtype)
        self.each = w.size // self.log_alpha.size  # weights behind one gate
        self.noisy = Gates(np.ones_like(w), np.zeros_like(w))
        self.m, self.v, self.steps = np.zeros_like(self.log_alpha), np.zeros_like(self.log_alpha), 0

    def expected(self) -> float:
        return self.each * float(open_chance(self.log_alpha).sum())

    def gradient(self, gradient: np.ndarray, strength: float) -> np.ndarray:
        """Return that of log_alpha: through the loss, and from the price."""
        through = gradient * self.free * self.noisy.slope
        axes = tuple(i for i, n in enumerate(self.log_alpha.shape) if n != through.shape[i])
        p = open_chance(self.log_alpha)
        total: np.ndarray = through.sum(axis=axes, keepdims=True) + strength * self.each * p * (
            1 - p
        )
        return total

    def learn(self, gradient: np.ndarray, lr: float) -> None:
        self.steps += 1
        self.m += 0.1 * (gradient - self.m)
        self.v += 0.001 * (gradient**2 - self.v)
        m, v = self.m / (1 - 0.9**self.steps), self.v / (1 - 0.999**self.steps)
        self.log_alpha -= lr * m / (np.sqrt(v) + 1e-8)


class L0(Hook):
    """A hook for `fit`: gates on weights or filters, and a price for each that is expected open.

    The objective is ``loss + strength · expected number of weights that are not zero``. While a
    batch is worked on the model's weights are those under noisy gates; at all other times they are
    those without noise, with exact zeros. The free weights stay in the hook: use one hook for one
    fit, and `finish` (or `compress.sparsify`) to keep the zeros under masks.

    Parameters
    ----------
    strength
        The price of one weight; of the order of 1 / (number of weights).
    per
        "weight": each has its gate. "filter": those of a convolution's filter share one, and so do
        those of a linear layer that read the same input.
    lr
        Learning rate of the gates, which have an Adam of their own.
    closed
        Share of the gates that are closed at the start, on average, by the noise: 0.1 is mild.
    weights
        Dotted names, or starts of names, of the weights that get gates; all by default.
    seed
        Of the noise.
    """

    def __init__(
        self,
        strength: float,
        *,
        per: str = "weight",
        lr: float = 0.05,
        closed: float = 0.1,
        weights: Sequence[str] = (),
        seed: int,
    ) -> None:
        if not 0 < closed < 1:
            raise ValueError(f"closed is {closed}; L0 wants a share above 0 and below 1. Use 0.1.")
        self.strength, self.lr = positive("strength", strength, "L0"), positive("lr", lr, "L0")
        self.per, self.weights = check_unit(per), tuple(weights)
        # P(z = 0) = closed
        self.start = math.log((1 - closed) / closed) + BETA * math.log(-GAMMA / ZETA)
        self._rng = np.random.default_rng(seed)
        self._gated: dict[str, _Gated] = {}

    def on_batch_start(self, model: nn.Layer, step: int) -> None:  # noqa: ARG002
        """Put the weights under noisy gates."""
        if not self._gated:
            self._gated = self._gates(model)
        for gated in self._gated.values():
            u = np.asarray(self._rng.uniform(1e-6, 1 - 1e-6, gated.log_alpha.shape))
            gated.noisy = draw(gated.log_alpha, u.astype(gated.log_alpha.dtype))
            gated.parameter.data[...] = gated.free * gated.noisy.z

    def on_backward_end(self, model: nn.Layer, step: int) -> None:  # noqa: ARG002
        """Send the gradient on to the free weights and to the gates."""
        for gated in self._gated.values():
            gradient = gated.parameter.grad
            if gradient is not None:
                gated.learn(gated.gradient(gradient, self.strength), self.lr)
                gated.parameter.grad = gradient * gated.noisy.z
            gated.parameter.data[...] = gated.free  # the optimiser's step is theirs

    def on_batch_end(self, model: nn.Layer, step: int) -> None:  # noqa: ARG002
        """Keep the free weights, and show the model without noise."""
        for gated in self._gated.values():
            gated.free[...] = gated.parameter.data
            gated.parameter.data[...] = gated.free * settled(gated.log_alpha)

    @property
    def expected_l0(self) -> float:
        """How many of the gated weights are expected not to be zero."""
        return sum(gated.expected() for gated in self._gated.values())

    @property
    def penalty(self) -> float:
        """What is added to the loss."""
        return self.strength * self.expected_l0

    def finish(self, model: nn.Layer) -> int:
        """Put masks on the zeros of the gated weights, in place; return how many there are."""
        weights, count = chosen_weights(model, self.weights), 0
        for name in self._gated:
            keep = weights[name].data != 0
            keep_only(weights[name], keep)
            count += int((~keep).sum())
        return count

    def _gates(self, model: nn.Layer) -> dict[str, _Gated]:
        found = {}
        layers = dict(model.named_layers())
        for name, parameter in chosen_weights(model, self.weights).items():
            if parameter.trainable:
                axis = 1 if isinstance(layers.get(name.rpartition(".")[0]), nn.Linear) else 0
                found[name] = _Gated(parameter, None if self.per == "weight" else axis, self.start)
        return found
