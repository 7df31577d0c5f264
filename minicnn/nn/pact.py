"""An activation that learns where to stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.nn import _check
from minicnn.nn.layer import Layer, register
from minicnn.nn.parameter import Parameter


@register
class PACT(Layer):
    """min(max(x, 0), alpha) with a learned alpha (Choi et al. 2018, eq. 1).

    A bounded output can be written in few bits, and alpha weighs what is cut off against how fine
    the steps are. The gradient of alpha is the sum of dy over all places that are cut off; where
    alpha is not above 0 nothing comes through.

    Parameters
    ----------
    alpha
        The first value of the parameter ``alpha``, of shape (1,).
    """

    def __init__(self, alpha: float = 6.0, *, dtype: Any = np.float32) -> None:
        alpha = _check.real("alpha", alpha, low=0.0)
        self.alpha = Parameter(np.array([alpha], _check.float_dtype(dtype)), name="alpha")

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Cut off below 0 and above alpha."""
        if x.dtype != self.alpha.dtype:
            raise TypeError(
                f"x has dtype {x.dtype}; this PACT wants {self.alpha.dtype}. "
                f"Use x.astype(np.{self.alpha.dtype})."
            )
        y: np.ndarray = np.minimum(np.maximum(x, 0), np.maximum(self.alpha.data, 0))
        if training:
            self._saved = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Pass dy between 0 and alpha; what is above moves alpha."""
        x = self._spend()
        alpha = self.alpha.data
        above = x >= alpha
        self.alpha.add_grad(np.where(above, dy, 0).sum(keepdims=True).reshape(1) * (alpha > 0))
        dx: np.ndarray = np.where((x > 0) & ~above, dy, 0)
        return dx

    def config(self) -> dict[str, Any]:
        """Return the dtype; the value of alpha is a parameter."""
        return {"dtype": self.alpha.dtype.name}

    def __repr__(self) -> str:
        return f"PACT(alpha={float(self.alpha.data[0]):.3g})"
