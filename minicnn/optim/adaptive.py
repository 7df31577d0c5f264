"""Optimisers that give every weight a rate of its own, with PyTorch's formulas.

g is the gradient, lr the learning rate of this step; weight decay adds
``weight_decay * parameter`` to g first, in all but AdamW.
"""

from __future__ import annotations

import math

import numpy as np

from minicnn.kernels import updates
from minicnn.nn import Parameter
from minicnn.optim.base import Optimizer, State, in_range, in_rows
from minicnn.optim.schedules import Schedule


class AdaGrad(Optimizer):
    """Each weight's rate falls with its own past gradients (Duchi et al. 2011).

    s = s + g^2;  parameter -= lr g / (sqrt(s) + eps).
    """

    def __init__(
        self, lr: float | Schedule = 1e-2, eps: float = 1e-10, weight_decay: float = 0.0
    ) -> None:
        super().__init__(lr, weight_decay)
        self.eps = in_range("eps", eps, 0.0)

    def _begin(self, data: np.ndarray) -> State:
        return {"square_sum": np.zeros_like(data)}

    def _update(self, data: np.ndarray, g: np.ndarray, lr: float, state: State) -> None:
        in_rows(updates.adagrad, (data, g, state["square_sum"]), (lr, self.eps))


class RMSProp(Optimizer):
    """AdaGrad that forgets (Hinton 2012, lecture 6e).

    s = alpha s + (1 - alpha) g^2;  parameter -= lr g / (sqrt(s) + eps), or with momentum
    v = momentum v + g / (sqrt(s) + eps);  parameter -= lr v.
    """

    def __init__(
        self,
        lr: float | Schedule = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay)
        self.alpha = in_range("alpha", alpha, 0.0, 1.0)
        self.eps = in_range("eps", eps, 0.0)
        self.momentum = in_range("momentum", momentum, 0.0, 1.0)

    def _begin(self, data: np.ndarray) -> State:
        state = {"square_mean": np.zeros_like(data)}
        if self.momentum:
            state["velocity"] = np.zeros_like(data)
        return state

    def _update(self, data: np.ndarray, g: np.ndarray, lr: float, state: State) -> None:
        arrays = (data, g, state["square_mean"], state.get("velocity"))
        in_rows(updates.rmsprop, arrays, (lr, self.alpha, self.eps, self.momentum))


class Adam(Optimizer):
    """Momentum and RMSProp, both corrected for starting at zero (Kingma and Ba 2015, alg. 1).

    m = b1 m + (1 - b1) g;  s = b2 s + (1 - b2) g^2;
    parameter -= lr m / (1 - b1^t) / (sqrt(s / (1 - b2^t)) + eps),  t = 1, 2, ... per parameter.
    """

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay)
        self.betas = (
            in_range("betas[0]", betas[0], 0.0, 1.0),
            in_range("betas[1]", betas[1], 0.0, 1.0),
        )
        self.eps = in_range("eps", eps, 0.0)

    def _begin(self, data: np.ndarray) -> State:
        return {
            "mean": np.zeros_like(data),
            "square_mean": np.zeros_like(data),
            "t": np.array(0),
        }

    def _update(self, data: np.ndarray, g: np.ndarray, lr: float, state: State) -> None:
        state["t"] += 1
        self._move(data, g, lr, state, 1.0)

    def _move(
        self, data: np.ndarray, g: np.ndarray, lr: float, state: State, shrink: float
    ) -> None:
        (b1, b2), t = self.betas, int(state["t"])
        rate, root = lr / (1.0 - b1**t), 1.0 / math.sqrt(1.0 - b2**t)
        arrays = (data, g, state["mean"], state["square_mean"])
        in_rows(updates.adam, arrays, (rate, self.betas, root, self.eps, shrink))


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself (Loshchilov and Hutter 2019, alg. 2).

    parameter -= lr weight_decay parameter, then Adam's step on the plain gradient.
    """

    def __init__(
        self,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay)

    def _decayed(self, parameter: Parameter) -> np.ndarray:
        assert parameter.grad is not None
        return parameter.grad

    def _update(self, data: np.ndarray, g: np.ndarray, lr: float, state: State) -> None:
        state["t"] += 1
        self._move(data, g, lr, state, 1.0 - lr * self.weight_decay)
