"""What `int8` accepts. The message says what was given, what is wanted and how to mend it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from minicnn.kernels.requantize import Requantization
from minicnn.kernels.shapes import Padding, Pair, Shape4, out_shape

MOST_PRODUCTS = (2**31 - 1) // (255 * 128)
"""So many products of a byte and a weight fit 32 bits, whatever they are: 65793."""


def check_weights(w: Any, groups: int) -> None:
    """Refuse filters that are not int8 (K, C/groups, R, S), or too large for exact sums."""
    if not isinstance(w, np.ndarray) or w.dtype != np.int8:
        raise TypeError(
            f"w is {_kind(w)}; int8 wants an array of int8, or what int8.prepare returned. "
            "Quantise the weights first."
        )
    if w.ndim != 4 or w.size == 0:
        raise ValueError(
            f"w has shape {w.shape}; int8 wants 4 axes (K, C/groups, R, S), none empty. "
            "Use w.reshape(...)."
        )
    if groups < 1 or w.shape[0] % groups:
        raise ValueError(
            f"groups is {groups} and w has {w.shape[0]} filters; int8 wants groups to divide them. "
            "Is w in the order (K, C/groups, R, S)?"
        )
    products = math.prod(w.shape[1:])
    if products > MOST_PRODUCTS:
        raise ValueError(
            f"w has shape {w.shape}, so an output is a sum of {products} products; int8 wants at "
            f"most {MOST_PRODUCTS}, whose sum fits 32 bits for certain. Split the channels and add "
            "in int64."
        )


def check_arrays(
    x: Any,
    w_shape: Shape4,
    prepared_for: int,
    groups: int,
    x_zero_point: int,
    bias: Any,
    to: Requantization | None = None,
) -> None:
    """Refuse images, zero points, biases and factors that do not fit the filters."""
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8:
        raise TypeError(
            f"x is {_kind(x)}; int8 wants an array of uint8. Signed bytes? Use "
            "(x.astype(np.int16) + 128).astype(np.uint8) and a zero point 128 higher."
        )
    if x.ndim != 4 or x.size == 0:
        raise ValueError(
            f"x has shape {x.shape}; int8 wants 4 axes (N, C, H, W), none empty. "
            "One image? Use x[None]."
        )
    if groups != prepared_for or x.shape[1] != w_shape[1] * groups:
        raise ValueError(
            f"x has {x.shape[1]} channels, groups is {groups}, and w has shape {w_shape} for "
            f"{prepared_for} group(s); int8 wants x.shape[1] = w.shape[1] * groups. "
            "Are prepare and forward given the same groups?"
        )
    if not 0 <= x_zero_point <= 255:
        raise ValueError(
            f"x_zero_point is {x_zero_point}; int8 wants a byte, 0 to 255. "
            "Let the range of x include 0 when you calibrate."
        )
    K = w_shape[0]
    if bias is not None:
        if not isinstance(bias, np.ndarray) or bias.dtype != np.int32 or bias.shape != (K,):
            raise TypeError(
                f"bias is {_kind(bias)} of shape {np.shape(bias)}; int8 wants int32 of shape "
                f"({K},). Use np.rint(b / (scale_x * scale_w)).astype(np.int32)."
            )
        most = int(np.abs(bias.astype(np.int64)).max())
        room = 2**31 - 1 - math.prod(w_shape[1:]) * 255 * 128
        if most > room:
            raise ValueError(
                f"bias has values up to {most}, and with the products a sum might not fit 32 bits; "
                f"int8 wants at most {room}. Use larger scales."
            )
    if to is not None and to.multiplier.shape != (K,):
        raise ValueError(
            f"to has {len(to.multiplier)} multipliers and w {K} filters; int8 wants one each. "
            f"Use requantization(factor, {K})."
        )


def output(
    out: npt.NDArray[Any] | None,
    dtype: Any,
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> npt.NDArray[Any]:
    """Return a new array for y, or `out` if it can be that."""
    y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    if min(y_shape) < 1:
        raise ValueError(
            f"the filters {w_shape[2:]} with dilation {dilation} do not fit into x {x_shape[2:]} "
            f"with padding {padding}; int8 wants one position at least. Use more padding."
        )
    if out is None:
        return np.empty(y_shape, dtype)
    if out.shape != y_shape or out.dtype != dtype or not out.flags.carray:
        raise ValueError(
            f"out is {out.dtype} of shape {out.shape}; int8 wants a C-contiguous writeable "
            f"{np.dtype(dtype)} array {y_shape}. Use np.empty({y_shape}, np.{np.dtype(dtype)})."
        )
    return out


def _kind(value: Any) -> str:
    return str(value.dtype) if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
