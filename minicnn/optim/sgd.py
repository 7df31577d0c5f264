"""Stochastic gradient descent, with PyTorch's formulas.

g is the gradient, lr the learning rate of this step; weight decay adds
``weight_decay * parameter`` to g first.
"""

from __future__ import annotations

import numpy as np

from minicnn.kernels import updates
from minicnn.optim.base import Optimizer, State, in_range, in_rows
from minicnn.optim.schedules import Schedule


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Polyak 1964; Sutskever et al. 2013).

    v = momentum v + g;  parameter -= lr v,  or with ``nesterov`` lr (g + momentum v).
    """

    def __init__(
        self,
        lr: float | Schedule,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay)
        self.momentum = in_range("momentum", momentum, 0.0, 1.0)
        self.nesterov = nesterov
        if nesterov and momentum == 0:
            raise ValueError("nesterov=True with momentum=0; it needs some. Try momentum=0.9.")

    def _begin(self, data: np.ndarray) -> State:
        return {"velocity": np.zeros_like(data)} if self.momentum else {}

    def _update(self, data: np.ndarray, g: np.ndarray, lr: float, state: State) -> None:
        if self.momentum:
            settings = (lr, self.momentum, self.nesterov)
            in_rows(updates.momentum, (data, g, state["velocity"]), settings)
        else:
            in_rows(updates.descend, (data, g), (lr,))
