"""Batch normalisation (Ioffe and Szegedy 2015, "Batch normalization", algorithms 1 and 2).

Every channel is normalised by itself, so a core takes a few channels at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicnn.kernels import norms
from minicnn.kernels.elementwise import in_blocks
from minicnn.kernels.shapes import FloatArray
from minicnn.ops import _check
from minicnn.ops.conv2d import channel_sum

BLOCK_BYTES = 2**19
"""Channels are normalised in blocks of about this size, which stay in a core's cache."""


class BatchNormCache(NamedTuple):
    """What the backward pass needs: statistics of each channel (C,), and x (N, C, H, W) itself.

    x is not copied: leave it as it is until the backward pass is done.
    """

    mean: FloatArray
    var: FloatArray  # biased: divided by N·H·W
    inv_std: FloatArray
    x: FloatArray

    @property
    def x_hat(self) -> FloatArray:
        """The normalised x, with mean 0 and variance 1; computed anew each time."""
        return (self.x - _wide(self.mean)) * _wide(self.inv_std)


def batch_norm2d(
    x: FloatArray, gamma: FloatArray, beta: FloatArray, *, eps: float = 1e-5, relu: bool = False
) -> tuple[FloatArray, BatchNormCache]:
    """Give each channel of x (N, C, H, W) mean beta and standard deviation gamma, both (C,).

    Mean and (biased) variance are those of this batch: the training form. With ``relu`` what is
    negative is cut off on the way. Returns (y, cache).
    """
    op = "batch_norm2d"
    x = _check.images(x, "x", op)
    _check_channels(op, x, eps, gamma=gamma, beta=beta)
    y = np.empty(x.shape, x.dtype)
    mean, var, inv_std = np.empty_like(gamma), np.empty_like(gamma), np.empty_like(gamma)
    x_rows, y_rows = _rows(x), _rows(y)

    def normalise(c: slice) -> None:
        norms.moments(x_rows, mean, var, c.start, c.stop)
        inv_std[c] = 1 / np.sqrt(var[c] + float(eps))
        scale = gamma * inv_std
        norms.normalise(x_rows, mean, scale, beta, y_rows, relu, c.start, c.stop)

    in_blocks(normalise, x.shape[1], _channels_at_once(x))
    return y, BatchNormCache(mean, var, inv_std, x)


def batch_norm2d_backward(
    dy: FloatArray, gamma: FloatArray, cache: BatchNormCache, *, relu_y: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients (dx, dgamma, dbeta) of batch_norm2d.

    Mean and variance depend on x too: dx is what remains of dy without its mean and without its
    part along x_hat, because no change of x in those two directions changes y::

        dx = gamma · inv_std · (dy - dbeta / count - x_hat · dgamma / count)

    ``relu_y`` is the output, if it was computed with ``relu``.
    """
    op = "batch_norm2d_backward"
    x, shape = cache.x, "the shape of batch_norm2d's output"
    dy = _check.images(dy, "dy", op)
    _check_channels(op, dy, 0.0, gamma=gamma)
    _check.same_dtype(op, dy=dy, x=x, relu_y=relu_y)
    _check.same_shape(dy, "dy", op, x.shape, shape)
    y = dy if relu_y is None else _check.images(relu_y, "relu_y", op)
    _check.same_shape(y, "relu_y", op, x.shape, shape)
    dx = np.empty(dy.shape, dy.dtype)
    dgamma, dbeta = np.empty_like(gamma), np.empty_like(gamma)
    dy_rows, x_rows, y_rows, dx_rows = (_rows(array) for array in (dy, x, y, dx))

    def differentiate(c: slice) -> None:
        norms.differentiate(
            dy_rows, x_rows, relu_y is not None, y_rows, gamma, cache.mean, cache.inv_std,
            dx_rows, dgamma, dbeta, c.start, c.stop,
        )  # fmt: skip

    in_blocks(differentiate, dy.shape[1], _channels_at_once(dy))
    return dx, dgamma, dbeta


def batch_norm2d_inference(
    x: FloatArray,
    gamma: FloatArray,
    beta: FloatArray,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    eps: float = 1e-5,
    out: FloatArray | None = None,
) -> FloatArray:
    """Normalise x (N, C, H, W) with statistics learned in training: one scale and one shift.

    ``out`` is written to if given; it may be x itself.
    """
    op = "batch_norm2d_inference"
    x = _check.images(x, "x", op)
    _check_channels(
        op, x, eps, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var
    )
    scale = gamma / np.sqrt(running_var + float(eps))
    y = _check.output(out, op, x.shape, x, in_place=True)
    x_rows, y_rows = _rows(x), _rows(y)

    def normalise(c: slice) -> None:
        norms.normalise(x_rows, running_mean, scale, beta, y_rows, False, c.start, c.stop)

    in_blocks(normalise, x.shape[1], _channels_at_once(x))
    return y


def batch_norm2d_inference_backward(
    dy: FloatArray,
    x: FloatArray,
    gamma: FloatArray,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    eps: float = 1e-5,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients (dx, dgamma, dbeta) of batch_norm2d_inference; the statistics are constants."""
    op = "batch_norm2d_inference_backward"
    dy = _check.images(dy, "dy", op)
    x = _check.images(x, "x", op)
    _check.same_dtype(op, dy=dy, x=x)
    _check.same_shape(dy, "dy", op, x.shape, "the shape of x")
    _check_channels(op, x, eps, gamma=gamma, running_mean=running_mean, running_var=running_var)
    inv_std = 1 / np.sqrt(running_var + float(eps))
    x_hat = (x - _wide(running_mean)) * _wide(inv_std)
    return dy * _wide(gamma * inv_std), channel_sum(dy * x_hat), channel_sum(dy)


def update_running(
    running_mean: FloatArray,
    running_var: FloatArray,
    cache: BatchNormCache,
    count: int,
    momentum: float = 0.1,
) -> tuple[FloatArray, FloatArray]:
    """Move the running statistics (C,) towards this batch's; returns new (mean, variance).

    ``count`` is N·H·W. As in PyTorch, ``momentum`` is the weight of the new batch, and the
    variance that goes in is the unbiased one, divided by count - 1.
    """
    if count < 2:
        raise ValueError(
            f"count is {count}; update_running wants at least 2 numbers per channel, as one alone "
            "has no variance. Use larger batches or images."
        )
    momentum = float(momentum)
    unbiased = cache.var * (count / (count - 1))
    new_mean = (1 - momentum) * running_mean + momentum * cache.mean
    new_var = (1 - momentum) * running_var + momentum * unbiased
    return new_mean, new_var


def _wide(per_channel: FloatArray) -> FloatArray:
    """Shape (C,) so that it broadcasts over (N, C, H, W)."""
    return per_channel[:, None, None]


def _rows(x: FloatArray) -> FloatArray:
    """View (N, C, H, W) as (N, C, H·W)."""
    return x.reshape(*x.shape[:2], -1)


def _channels_at_once(x: FloatArray) -> int:
    return max(1, BLOCK_BYTES // (x.nbytes // x.shape[1]))


def _check_channels(op: str, x: FloatArray, eps: float, **per_channel: FloatArray) -> None:
    for name, array in per_channel.items():
        _check.vector(array, name, op, x.shape[1], "channel")
    _check.same_dtype(op, x=x, **per_channel)
    if not 0 <= eps < 1:
        raise ValueError(f"eps is {eps}; {op} wants a small positive number. Use eps=1e-5.")
