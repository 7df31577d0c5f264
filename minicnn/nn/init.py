"""How large the first weights should be.

A layer keeps the size of its signal when the variance of its weights is about 1 / fan-in. ReLU
throws half of the signal away, hence He's factor 2 (He et al. 2015, eq. 10); Glorot's middle way
between fan-in and fan-out also keeps the gradient's size (Glorot and Bengio 2010, eq. 16).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.nn._check import float_dtype


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight of shape (out, in) or (out, in, R, S).

    Fan-in is how many numbers one output sums. In a grouped convolution the weight's second axis
    already is the channels of one group, so fan-in needs no correction; fan-out is counted over
    all groups, as in PyTorch.
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(
            f"the weight's shape is {shape}; expected (out, in) or (out, in, R, S). "
            "Vectors such as biases start at zero."
        )
    taps = int(np.prod(shape[2:], dtype=np.int64))
    return shape[1] * taps, shape[0] * taps


def _normal(
    shape: tuple[int, ...], variance: float, rng: np.random.Generator, dtype: Any
) -> np.ndarray:
    values = rng.standard_normal(shape) * np.sqrt(variance)
    return values.astype(float_dtype(dtype))


def _uniform(
    shape: tuple[int, ...], variance: float, rng: np.random.Generator, dtype: Any
) -> np.ndarray:
    bound = np.sqrt(3.0 * variance)  # a uniform on (-b, b) has variance b^2 / 3
    return rng.uniform(-bound, bound, shape).astype(float_dtype(dtype))


def he_normal(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: Any = np.float32
) -> np.ndarray:
    """Normal of variance 2 / fan_in (He et al. 2015)."""
    return _normal(shape, 2.0 / fans(shape)[0], rng, dtype)


def he_uniform(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: Any = np.float32
) -> np.ndarray:
    """Uniform of variance 2 / fan_in (He et al. 2015)."""
    return _uniform(shape, 2.0 / fans(shape)[0], rng, dtype)


def xavier_normal(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: Any = np.float32
) -> np.ndarray:
    """Normal of variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
    return _normal(shape, 2.0 / sum(fans(shape)), rng, dtype)


def xavier_uniform(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: Any = np.float32
) -> np.ndarray:
    """Uniform of variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
    return _uniform(shape, 2.0 / sum(fans(shape)), rng, dtype)


Initializer = Callable[[tuple[int, ...], np.random.Generator, Any], np.ndarray]

INITIALIZERS: dict[str, Initializer] = {
    "he": he_normal,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "xavier": xavier_uniform,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
}


def by_name(name: str) -> Initializer:
    """Return an initialiser by the name that layers take."""
    if name not in INITIALIZERS:
        raise ValueError(f"init is {name!r}; known are {', '.join(INITIALIZERS)}. Use one of them.")
    return INITIALIZERS[name]
