"""A parameter: an array that learns, and its gradient."""

from __future__ import annotations

import numpy as np

from minicnn.nn.constraint import Constraint


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
    constraints
        Rules that the values keep in training, in this order (`nn.constraint`).
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
        self.constraints: list[Constraint] = []

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
        for constraint in self.constraints:
            grad = constraint.gradient(grad)
        if self.grad is None:
            self.grad = grad
        else:
            self.grad = self.grad + grad

    def constrain(self, constraint: Constraint) -> None:
        """Put a rule on the values, at once and from now on; it takes the place of its kind."""
        constraint.check(self.shape)
        kept = [other for other in self.constraints if type(other) is not type(constraint)]
        for other in kept:
            constraint = constraint.under(other)
        self.constraints = [*(other.under(constraint) for other in kept), constraint]
        self.project()

    def project(self) -> None:
        """Set the values right by every constraint; optimisers do so after a step."""
        for constraint in self.constraints:
            constraint.project(self.data)

    def take(self, indices: np.ndarray, axis: int) -> Parameter:
        """Return a new parameter of some slices along an axis, under the same rules."""
        part = Parameter(self.data.take(indices, axis), name=self.name, trainable=self.trainable)
        part.constraints = [rule.take(np.asarray(indices), axis) for rule in self.constraints]
        return part

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def __repr__(self) -> str:
        frozen = "" if self.trainable else ", trainable=False"
        return f"Parameter({self.name!r}, shape={self.shape}, dtype={self.dtype}{frozen})"
