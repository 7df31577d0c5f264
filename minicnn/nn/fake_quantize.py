"""Numbers on a grid of few steps: how they get there, and how the grid learns.

A number x stands on a grid as a whole number q, with x ≈ step · (q - zero). To round is flat, its
derivative zero or nothing; training goes on as if rounding were not there (the straight-through
estimator: Bengio et al. 2013), where x lies within the grid. The step learns as well (Esser et al.
2020, "Learned step size quantization", equation 3):

    d(step · (q - zero)) / d step  =  (q - zero) - x / step    within the grid: the rounding error
                                      (q - zero)               beyond its ends

What is stored is the logarithm of the step to base 2. The step is then always positive, and the
same change of it is the same share of a small and of a large one (Jain et al. 2020, "Trained
quantization thresholds").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.nn import _check
from minicnn.nn.layer import Layer, register
from minicnn.nn.parameter import Parameter


def on_grid(x: np.ndarray, step: Any, zero: float, low: float, high: float) -> np.ndarray:
    """Return the whole numbers q of x, from low to high, half rounded to even; the dtype of x."""
    q = np.divide(x, step, dtype=x.dtype)
    np.rint(q, out=q)
    q += x.dtype.type(zero)  # makes -0.0 plain 0 too
    np.clip(q, low, high, out=q)
    return q


def as_integers(
    x: np.ndarray, step: Any, zero: float, low: float, high: float, dtype: Any = np.uint8
) -> np.ndarray:
    """Return them as uint8 or int8; NaN, for which there is no such number, becomes the lowest."""
    q = on_grid(x, step, zero, low, high)
    return np.fmax(q, low, out=q).astype(dtype)


def grid_gradients(
    dy: np.ndarray, x: np.ndarray, step: Any, zero: float, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of x and of log2(step), the latter number by number, to be summed."""
    steps = np.divide(x, step, dtype=x.dtype)
    q = np.rint(steps)
    q += x.dtype.type(zero)
    within = (q >= low) & (q <= high)
    np.clip(q, low, high, out=q)
    q -= x.dtype.type(zero)
    q -= steps * within
    dlog: np.ndarray = q * dy * (step * np.log(x.dtype.type(2)))
    return dy * within, dlog


@register
class FakeQuantize(Layer):
    """Round x to bytes of its own grid and back: floats in, floats out, as few different as 2^bits.

    ``to_bytes`` gives the bytes themselves, which integer kernels read.

    Parameters
    ----------
    step, zero
        The first step (it learns, as parameter ``log_step`` (1,)), and the byte that stands for 0,
        a buffer.
    bits
        From 2 to 8.
    """

    buffer_names = ("zero_point",)

    def __init__(
        self, step: float = 1 / 255, zero: int = 0, *, bits: int = 8, dtype: Any = np.float32
    ) -> None:
        self.bits = check_bits("bits", bits)
        dtype = _check.float_dtype(dtype)
        if not step > 0:
            raise ValueError(f"step is {step}; FakeQuantize wants a step above 0. Use 1 / 255.")
        if not 0 <= zero <= self.high:
            raise ValueError(
                f"zero is {zero}; FakeQuantize of {bits} bits wants 0 to {self.high}. "
                "Let the range include 0 when you calibrate."
            )
        self.log_step = Parameter(np.log2(np.array([step], dtype)), name="log_step")
        self.zero_point = np.array([zero], dtype)

    @property
    def high(self) -> int:
        """The largest byte."""
        return 2**self.bits - 1

    @property
    def step(self) -> float:
        """What one step stands for."""
        return float(np.exp2(self.log_step.data[0]))

    @property
    def zero(self) -> int:
        """The byte that stands for 0."""
        return int(self.zero_point[0])

    @property
    def _grid(self) -> tuple[np.ndarray, int, int, int]:
        return np.exp2(self.log_step.data), self.zero, 0, self.high

    def to_bytes(self, x: np.ndarray) -> np.ndarray:
        """Return the bytes, uint8."""
        return as_integers(x, *self._grid)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Round x, of any shape, to the grid."""
        _same_dtype(self, x, self.log_step.dtype)
        y = on_grid(x, *self._grid)
        y -= x.dtype.type(self.zero)
        y *= self._grid[0]
        if training:
            self._saved = x
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Pass dy where x was within the grid; the step learns from the rest."""
        dx, dlog = grid_gradients(dy, self._spend(), *self._grid)
        self.log_step.add_grad(dlog.sum().reshape(1))
        return dx

    def config(self) -> dict[str, Any]:
        """Return bits and dtype; step and zero point are stored as arrays."""
        return {"bits": self.bits, "dtype": self.log_step.dtype.name}

    def __repr__(self) -> str:
        return f"FakeQuantize(step={self.step:.3g}, zero={self.zero}, bits={self.bits})"


def check_bits(name: str, value: Any) -> int:
    """Return a number of bits from 2 to 8."""
    if _check.whole(name, value) not in range(2, 9):
        raise ValueError(f"{name} is {value}; quantisation here wants 2 to 8. Use {name}=8.")
    return int(value)


def _same_dtype(layer: Layer, x: np.ndarray, dtype: np.dtype) -> None:
    if x.dtype != dtype:
        raise TypeError(
            f"x has dtype {x.dtype}; this {type(layer).__name__} wants {dtype}. "
            f"Use x.astype(np.{dtype})."
        )
