"""What `fit` and `evaluate` accept, checked before anything is computed."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from minicnn.nn import Layer
from minicnn.training.losses import LossFunction, is_labels

Data = tuple[np.ndarray, np.ndarray]


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """Return a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(
            f"{name} is {value!r}; expected a whole number. Use for example {name}={minimum}."
        )
    if value < minimum:
        raise ValueError(f"{name} is {value}; expected at least {minimum}. Use a larger {name}.")
    return int(value)


def check_images(name: str, model: Layer, x: Any) -> np.ndarray:
    """Return x, an array (N, C, H, W) or (N, features) of the model's dtype, all finite."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{name} is a {type(x).__name__}; expected an array. Use np.asarray(x).")
    if x.ndim not in (2, 4) or len(x) == 0:
        raise ValueError(
            f"{name} has shape {x.shape}; expected (N, C, H, W) or (N, features), N at least 1. "
            "Grey images (N, H, W)? Use x[:, None]. One image (C, H, W)? Use x[None]."
        )
    dtype = model.dtype or np.dtype(np.float32)
    if x.dtype != dtype:
        raise TypeError(
            f"{name} is {x.dtype} and the model {dtype}; expected the same. "
            f"Use x.astype(np.{dtype})."
        )
    if not np.isfinite(x).all():
        raise ValueError(
            f"{name} holds NaN or infinity; expected finite numbers. "
            "Find them with np.argwhere(~np.isfinite(x))."
        )
    return x


def check_data(name: str, model: Layer, data: Any, loss: str | LossFunction) -> Data:
    """Return (x, y) that fit one another, the model and the loss."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(
            f"{name} is a {type(data).__name__}; expected a pair (x, y). Use (x_train, y_train)."
        )
    x = check_images(f"x of {name}", model, data[0])
    y = np.asarray(data[1])
    if len(x) != (len(y) if y.ndim else 0):
        raise ValueError(
            f"{name} has {len(x)} images and targets of shape {y.shape}; "
            "expected one target for each image. Cut both to the same length."
        )
    out_shape = tuple(model.out_shape(x.shape[1:]))
    if is_labels(y) and not callable(loss):
        _check_labels(name, y, out_shape)
    elif loss == "softmax_cross_entropy":
        raise TypeError(
            f"y of {name} is {y.dtype} of shape {y.shape}; softmax_cross_entropy wants whole "
            "numbers (N,). One-hot vectors? Use y.argmax(axis=1)."
        )
    elif loss == "mse" and (y.shape[1:] != out_shape or y.dtype != x.dtype):
        raise ValueError(
            f"y of {name} is {y.dtype} {y.shape[1:]} for one image; the model gives {x.dtype} "
            f"{out_shape}. Reshape y, or change the last layer."
        )
    return x, y


def _check_labels(name: str, y: np.ndarray, out_shape: tuple[int, ...]) -> None:
    if len(out_shape) != 1:
        raise ValueError(
            f"the model gives {out_shape} for one image; classes want (num_classes,). "
            "Put nn.Flatten() and nn.Linear(..., num_classes) at its end."
        )
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= out_shape[0]:
        raise ValueError(
            f"labels of {name} run from {low} to {high}; the model's {out_shape[0]} outputs want "
            f"0 to {out_shape[0] - 1}. Build it with num_classes={high + 1}, or mend the labels."
        )
