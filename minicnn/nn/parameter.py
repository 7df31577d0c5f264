"""A parameter: an array that learns, and its gradient."""

from __future__ import annotations

import numpy as np


class Parameter:
    """An array that an optimiser may change.

    Attributes
    ----------
    data
        The values, a C-contiguous float32 or float64 array of its own.
    grad
        The gradient summed by every ``backward`` since ``zero_grad``; None means zero.
    trainable
        When False no gradient is kept and optimisers leave ``data`` alone.
    name
        What the layer calls it: ``"weight"``, ``"bias"``, ...
    """

    def __init__(self, data: np.ndarray, *, name: str = "", trainable: bool = True) -> None:
        data = np.array(data, order="C")  # a copy: two parameters never share memory
        if data.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"a Parameter got {data.dtype} data; expected float32 or float64. "
                "Use x.astype(np.float32)."
            )
        self.data = data
        self.grad: np.ndarray | None = None
        self.trainable = trainable
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of the values."""
        return self.data.dtype

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return self.data.size

    def add_grad(self, grad: np.ndarray) -> None:
        """Add to the gradient; a frozen parameter forgets it at once."""
        if not self.trainable:
            return
        if self.grad is None:
            self.grad = grad
        else:
            self.grad = self.grad + grad

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def __repr__(self) -> str:
        frozen = "" if self.trainable else ", trainable=False"
        return f"Parameter({self.name!r}, shape={self.shape}, dtype={self.dtype}{frozen})"
