"""Pooling: one number for each window. Every channel is pooled by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from minicnn.kernels import norms, pooling
from minicnn.kernels.elementwise import in_blocks
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, crop, out_size, pad
from minicnn.kernels.threads import in_threads, slices
from minicnn.ops import _check
from minicnn.ops._check import PaddingArg, Size
from minicnn.ops.unpool import Indices, read

BLOCK_BYTES = 2**19
"""Images are pooled in blocks of about this size, block by block on all cores."""


class _Window(NamedTuple):
    kernel: Pair
    stride: Pair
    padding: Padding
    y_shape: Shape4


@overload
def max_pool2d(
    x: FloatArray,
    kernel_size: Size,
    *,
    stride: Size | None = ...,
    padding: PaddingArg = ...,
    return_indices: Literal[False] = ...,
    out: FloatArray | None = ...,
) -> FloatArray: ...
@overload
def max_pool2d(
    x: FloatArray,
    kernel_size: Size,
    *,
    stride: Size | None = ...,
    padding: PaddingArg = ...,
    return_indices: Literal[True],
) -> tuple[FloatArray, Indices]: ...
def max_pool2d(
    x: FloatArray,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: PaddingArg = 0,
    return_indices: bool = False,
    out: FloatArray | None = None,
) -> FloatArray | tuple[FloatArray, Indices]:
    """Keep the largest number of each window; x (N, C, H, W), y (N, C, P, Q).

    The stride is the kernel size unless given. The border counts as -inf, and a NaN in the window
    wins. With ``return_indices`` also say where each maximum was: its position in the flattened
    H·W picture, as in PyTorch. ``out`` (N, C, P, Q) is written to if given.
    """
    x = _check.images(x, "x", "max_pool2d")
    window = _window("max_pool2d", x.shape, kernel_size, stride, padding)
    if return_indices:
        indices = _argmax(x, window)
        return read(x, indices), indices
    y = _check.output(out, "max_pool2d", window.y_shape, x)
    if window.stride[1] > pooling.STRIDE:
        y[...] = read(x, _argmax(x, window))
        return y
    x_planes, y_planes, place = _planes(x), _planes(y), _place(window)

    def reduce(planes: slice) -> None:
        pooling.maximum(x_planes, y_planes, *place, planes.start, planes.stop)

    in_blocks(reduce, len(x_planes), _planes_at_once(x))
    return y


def max_pool2d_backward(
    dy: FloatArray,
    x: FloatArray,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: PaddingArg = 0,
) -> FloatArray:
    """dx: each dy goes to its window's maximum, to the first in reading order if several tie."""
    op = "max_pool2d_backward"
    dy, x = _check.images(dy, "dy", op), _check.images(x, "x", op)
    _check.same_dtype(op, dy=dy, x=x)
    window = _window(op, x.shape, kernel_size, stride, padding)
    _check.same_shape(dy, "dy", op, window.y_shape, "the shape of max_pool2d's output")
    dx = np.empty(x.shape, x.dtype)
    dys, xs, dxs, place = _planes(dy), _planes(x), _planes(dx), _place(window)
    found = _planes(_argmax(x, window)) if window.stride[1] > pooling.STRIDE else None

    def spread(planes: slice) -> None:
        dxs[planes] = 0
        if place == ((2, 2), (2, 2), (0, 0)):
            pooling.halves_backward(dys, xs, dxs, planes.start, planes.stop)
        elif found is None:
            pooling.maximum_backward(dys, xs, dxs, *place, planes.start, planes.stop)
        else:
            pooling.scatter(dys, found, dxs, planes.start, planes.stop)

    in_blocks(spread, len(xs), _planes_at_once(x))
    return dx


def avg_pool2d(
    x: FloatArray,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: PaddingArg = 0,
    count_include_pad: bool = True,
    out: FloatArray | None = None,
) -> FloatArray:
    """Mean of each window; x (N, C, H, W), y (N, C, P, Q).

    The stride is the kernel size unless given. The border counts as zeros, or, with
    ``count_include_pad=False``, not at all. ``out`` (N, C, P, Q) is written to if given.
    """
    x = _check.images(x, "x", "avg_pool2d")
    window = _window("avg_pool2d", x.shape, kernel_size, stride, padding)
    y = _check.output(out, "avg_pool2d", window.y_shape, x)
    counts = _counts(x, window, count_include_pad)

    def reduce(block: slice) -> None:
        padded = pad(x[block], window.padding)
        y[block] = 0
        for tap in _taps(window):
            y[block] += padded[tap]
        y[block] /= counts

    in_threads(reduce, _blocks(x))
    return y


def avg_pool2d_backward(
    dy: FloatArray,
    x_shape: Shape4,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: PaddingArg = 0,
    count_include_pad: bool = True,
) -> FloatArray:
    """dx (N, C, H, W): every pixel of a window gets an equal share of its dy."""
    op = "avg_pool2d_backward"
    dy = _check.images(dy, "dy", op)
    x_shape = _check.shape4(x_shape, "x_shape", op)
    window = _window(op, x_shape, kernel_size, stride, padding)
    _check.same_shape(dy, "dy", op, window.y_shape, "the shape of avg_pool2d's output")
    dx = np.zeros(x_shape, dy.dtype)
    counts = _counts(dx, window, count_include_pad)

    def spread(block: slice) -> None:
        share = dy[block] / counts
        padded = pad(dx[block], window.padding)
        for tap in _taps(window):
            padded[tap] += share
        dx[block] = crop(padded, window.padding)

    in_threads(spread, _blocks(dx))
    return dx


def global_avg_pool2d(x: FloatArray, *, out: FloatArray | None = None) -> FloatArray:
    """Mean of each channel's picture; (N, C, H, W) to (N, C, 1, 1), written to `out` if given."""
    x = _check.images(x, "x", "global_avg_pool2d")
    N, C = x.shape[:2]
    y = _check.output(out, "global_avg_pool2d", (N, C, 1, 1), x)
    planes, means = x.reshape(N * C, -1), y.reshape(-1)

    def average(some: slice) -> None:
        norms.plane_means(planes, means, some.start, some.stop)

    in_blocks(average, N * C, _planes_at_once(x))
    return y


def global_avg_pool2d_backward(dy: FloatArray, x_shape: Shape4) -> FloatArray:
    """dx (N, C, H, W): every pixel gets dy / (H·W)."""
    op = "global_avg_pool2d_backward"
    _check.floats(dy, "dy", op, "(N, C, H, W)")
    N, C, H, W = _check.shape4(x_shape, "x_shape", op)
    _check.same_shape(dy, "dy", op, (N, C, 1, 1), "the shape of global_avg_pool2d's output")
    dx: FloatArray = np.broadcast_to(dy / (H * W), (N, C, H, W)).copy()
    return dx


def pool2d_out_shape(
    x_shape: Shape4, kernel_size: Size, *, stride: Size | None = None, padding: PaddingArg = 0
) -> Shape4:
    """Shape (N, C, P, Q) of a pooled (N, C, H, W), without computing it."""
    x_shape = _check.shape4(x_shape, "x_shape", "pool2d_out_shape")
    return _window("pool2d_out_shape", x_shape, kernel_size, stride, padding).y_shape


def _argmax(x: FloatArray, window: _Window) -> Indices:
    """For each window, where in the flattened picture its maximum is."""
    indices = np.empty((len(x), *window.y_shape[1:]), np.int64)
    x_planes, found, place = _planes(x), _planes(indices), _place(window)

    def find(planes: slice) -> None:
        pooling.places(x_planes, found, *place, planes.start, planes.stop)

    in_blocks(find, len(x_planes), _planes_at_once(x))
    return indices


def _planes(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View (N, C, H, W) as (planes, H, W)."""
    return x.reshape(-1, *x.shape[2:])


def _place(window: _Window) -> tuple[Pair, Pair, Pair]:
    """Return what the loops are told: kernel, stride, and the border before the picture."""
    (top, _), (left, _) = window.padding
    return window.kernel, window.stride, (top, left)


def _planes_at_once(x: FloatArray) -> int:
    return max(1, BLOCK_BYTES // (x.shape[2] * x.shape[3] * x.itemsize))


def _blocks(x: FloatArray) -> Iterator[slice]:
    """Cut the batch into blocks of about BLOCK_BYTES."""
    return slices(len(x), max(1, BLOCK_BYTES // (x.nbytes // len(x))))


def _window(
    op: str, x_shape: Shape4, kernel_size: Size, stride: Size | None, padding: PaddingArg
) -> _Window:
    """Normalise the arguments and check that they fit together."""
    kernel = _check.pair(kernel_size, "kernel_size", op)
    strides = kernel if stride is None else _check.pair(stride, "stride", op)
    paddings = _check.padding_pairs(padding, op, x_shape[2:], kernel, strides, (1, 1))
    if any(max(paddings[i]) > kernel[i] // 2 for i in (0, 1)):
        raise ValueError(
            f"padding is {paddings} with kernel_size {kernel}; {op} wants at most half the kernel, "
            "so that no window sees only border. Use less padding, or pad2d before pooling."
        )
    _check.fits(op, "the pooling window", x_shape[2:], kernel, paddings, (1, 1))
    P, Q = (out_size(x_shape[2 + i], kernel[i], strides[i], paddings[i], 1) for i in (0, 1))
    return _Window(kernel, strides, paddings, (x_shape[0], x_shape[1], P, Q))


def _taps(window: _Window) -> list[tuple[Any, ...]]:
    """For each position in the window, the pixels that all windows see there."""
    (R, S), (sh, sw), (P, Q) = window.kernel, window.stride, window.y_shape[2:]
    return [
        (..., slice(r, r + (P - 1) * sh + 1, sh), slice(s, s + (Q - 1) * sw + 1, sw))
        for r in range(R)
        for s in range(S)
    ]


def _counts(x: FloatArray, window: _Window, count_include_pad: bool) -> FloatArray:
    """How many pixels each window averages, (P, Q)."""
    inside = pad(np.ones(x.shape[2:], x.dtype), window.padding, float(count_include_pad))
    counts: FloatArray = np.sum([inside[tap] for tap in _taps(window)], axis=0)
    return counts
