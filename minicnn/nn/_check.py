"""What a layer's constructor accepts, checked once and told clearly."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

Pair = tuple[int, int]
IntOrPair = int | tuple[int, int]
Padding = int | str | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]
Seed = int | np.random.Generator


def whole(name: str, value: Any, *, minimum: int = 1) -> int:
    """Return ``value`` as an int of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(
            f"{name} is {value!r} ({type(value).__name__}); expected a whole number. "
            f"Use for example {name}={minimum}."
        )
    if value < minimum:
        raise ValueError(f"{name} is {value}; expected at least {minimum}. Use a larger {name}.")
    return int(value)


def pair(name: str, value: Any, *, minimum: int = 1) -> Pair:
    """Return an int or a pair of ints as (height, width)."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(
                f"{name} is {value!r}; expected one number or two (height, width). "
                f"Use for example {name}={minimum}."
            )
        return whole(name, value[0], minimum=minimum), whole(name, value[1], minimum=minimum)
    side = whole(name, value, minimum=minimum)
    return side, side


def padding(value: Any) -> Padding:
    """Return a padding argument in one of its documented forms, lists made tuples."""
    if isinstance(value, str):
        if value not in ("same", "valid"):
            raise ValueError(
                f'padding is {value!r}; the two words are "same" and "valid". '
                "Use one of them, or numbers of pixels."
            )
        return value
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], (tuple, list)):
        if len(value) != 2:
            raise ValueError(
                f"padding is {value!r}; expected ((top, bottom), (left, right)). Give two pairs."
            )
        rows, columns = (pair("padding", side, minimum=0) for side in value)
        return rows, columns
    if isinstance(value, (tuple, list)):
        return pair("padding", value, minimum=0)
    return whole("padding", value, minimum=0)


def real(name: str, value: Any, *, low: float, high: float = float("inf")) -> float:
    """Return a finite number of the half-open range [low, high)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
        raise TypeError(
            f"{name} is {value!r} ({type(value).__name__}); expected a number. "
            f"Use for example {name}={low}."
        )
    if not low <= value < high:
        raise ValueError(
            f"{name} is {value}; expected {low} <= {name} < {high}. Use a {name} of that range."
        )
    return float(value)


def float_dtype(dtype: Any) -> np.dtype:
    """Return float32 or float64 as a NumPy dtype."""
    result = np.dtype(dtype)
    if result not in (np.float32, np.float64):
        raise TypeError(
            f"dtype is {result}; layers compute in float32 or float64. Use dtype=np.float32."
        )
    return result


def generator(seed: Seed) -> np.random.Generator:
    """Return the generator given, or a new one from a seed."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(whole("seed", seed, minimum=0))


def image_shape(
    layer: object, in_shape: Sequence[int], channels: int | None = None
) -> tuple[int, int, int]:
    """Return ``in_shape``, checked against the layer's channels."""
    if len(in_shape) != 3 or (channels is not None and in_shape[0] != channels):
        wanted = "C" if channels is None else channels
        raise ValueError(
            f"in_shape is {tuple(in_shape)}; {layer!r} wants ({wanted}, H, W), without the batch "
            "axis. Mend the shape, or the layer before this one."
        )
    C, H, W = (int(size) for size in in_shape)
    return C, H, W
