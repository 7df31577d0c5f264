"""The locally connected layer: a convolution whose filters are not shared between positions.

Every output pixel has filters of its own, so w has two axes more than a convolution's. Where
``w[p, q]`` is the same everywhere, this is a convolution (LeCun 1989, "Generalization and network
design strategies", calls the two "local connections" and "shared weights").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, crop, out_size, pad
from minicnn.ops import _check
from minicnn.ops._check import PaddingArg, Size

_X_AXES = "(N, C, H, W)"
_W_AXES = "(P, Q, K, C, R, S)"


class _Window(NamedTuple):
    kernel: Pair
    stride: Pair
    padding: Padding
    dilation: Pair
    y_shape: Shape4


def locally_connected2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
) -> FloatArray:
    """Apply the filters w[p, q] at position (p, q) of x (N, C, H, W); y is (N, K, P, Q).

    Parameters
    ----------
    w
        Filters (P, Q, K, C, R, S): those of a convolution, once for each output pixel.
    b
        One number (K, P, Q) for each output; not shared either.
    stride, padding, dilation
        As in `conv2d`.
    """
    op = "locally_connected2d"
    x = _check.images(x, "x", op)
    _check.floats(w, "w", op, _W_AXES)
    _check.same_dtype(op, x=x, w=w, b=b)
    window = _window(op, x.shape, w.shape, stride, padding, dilation)
    if b is not None:
        _check.floats(b, "b", op, "(K, P, Q)")
        _check.same_shape(b, "b", op, window.y_shape[1:], "one number for each output")
    y = np.matmul(_patches(x, window), _as_matrices(w).swapaxes(1, 2))  # (P·Q, N, K)
    N, K, P, Q = window.y_shape
    y = np.ascontiguousarray(y.reshape(P, Q, N, K).transpose(2, 3, 0, 1))
    if b is not None:
        y += b
    return y


def locally_connected2d_backward(
    dy: FloatArray,
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients (dx, dw, db) from dy (N, K, P, Q); dw and db are sums over the batch only."""
    op = "locally_connected2d_backward"
    dy, x = _check.images(dy, "dy", op), _check.images(x, "x", op)
    _check.floats(w, "w", op, _W_AXES)
    _check.same_dtype(op, dy=dy, x=x, w=w)
    window = _window(op, x.shape, w.shape, stride, padding, dilation)
    _check.same_shape(dy, "dy", op, window.y_shape, "the shape of locally_connected2d's output")
    N, K, P, Q = window.y_shape
    rows = dy.transpose(2, 3, 0, 1).reshape(P * Q, N, K)
    dw = np.matmul(rows.swapaxes(1, 2), _patches(x, window)).reshape(w.shape)
    dx = _unpatch(np.matmul(rows, _as_matrices(w)), x.shape, window)
    return dx, dw, dy.sum(axis=0)


def locally_connected2d_out_shape(
    x_shape: Shape4,
    kernel_size: Size,
    out_channels: int,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
) -> Shape4:
    """Shape (N, K, P, Q) of the output, and so the first sizes (P, Q, K) of the filters."""
    op = "locally_connected2d_out_shape"
    x_shape = _check.shape4(x_shape, "x_shape", op)
    kernel = _check.pair(kernel_size, "kernel_size", op)
    return _place(op, x_shape, kernel, out_channels, stride, padding, dilation).y_shape


def _as_matrices(w: FloatArray) -> FloatArray:
    """Filters (P, Q, K, C, R, S) as one matrix (K, C·R·S) for each position, (P·Q, K, C·R·S)."""
    P, Q, K = w.shape[:3]
    return w.reshape(P * Q, K, -1)


def _patches(x: FloatArray, window: _Window) -> FloatArray:
    """What each position sees, (P·Q, N, C·R·S)."""
    N, _, P, Q = window.y_shape
    return _windows(pad(x, window.padding), window).reshape(P * Q, N, -1)


def _unpatch(patches: FloatArray, x_shape: Shape4, window: _Window) -> FloatArray:
    """Add patches (P·Q, N, C·R·S) back to where they were seen: the transpose of `_patches`."""
    (R, S), (N, _, P, Q) = window.kernel, window.y_shape
    split = patches.reshape(P, Q, N, x_shape[1], R, S)
    padded = pad(np.zeros(x_shape, patches.dtype), window.padding)
    for r in range(R):  # within one tap no pixel is met twice, so += is safe
        for s in range(S):
            _windows(padded, window)[..., r, s] += split[..., r, s]
    return np.ascontiguousarray(crop(padded, window.padding))


def _windows(padded: FloatArray, window: _Window) -> FloatArray:
    """View the padded x as (P, Q, N, C, R, S), without copying a number."""
    (R, S), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    (N, C), (P, Q) = padded.shape[:2], window.y_shape[2:]
    n, c, row, column = padded.strides
    return as_strided(
        padded,
        (P, Q, N, C, R, S),
        (row * sh, column * sw, n, c, row * dh, column * dw),
    )


def _window(
    op: str,
    x_shape: Shape4,
    w_shape: tuple[int, ...],
    stride: Size,
    padding: PaddingArg,
    dilation: Size,
) -> _Window:
    P, Q, K, C, R, S = w_shape
    window = _place(op, x_shape, (R, S), K, stride, padding, dilation)
    wanted = (*window.y_shape[2:], K, x_shape[1])
    if wanted != (P, Q, K, C):
        raise ValueError(
            f"w has shape {w_shape}; for x {x_shape} {op} wants {_W_AXES} = "
            f"{(*wanted, R, S)}, filters for each output pixel. "
            "Use locally_connected2d_out_shape for P and Q; other image sizes need other filters."
        )
    return window


def _place(
    op: str,
    x_shape: Shape4,
    kernel: Pair,
    out_channels: int,
    stride: Size,
    padding: PaddingArg,
    dilation: Size,
) -> _Window:
    """Normalise the arguments and check that they fit together."""
    strides = _check.pair(stride, "stride", op)
    dilations = _check.pair(dilation, "dilation", op)
    hw = x_shape[2:]
    pads = _check.padding_pairs(padding, op, hw, kernel, strides, dilations)
    _check.fits(op, "the filter", hw, kernel, pads, dilations)
    P, Q = (out_size(hw[i], kernel[i], strides[i], pads[i], dilations[i]) for i in (0, 1))
    return _Window(kernel, strides, pads, dilations, (x_shape[0], out_channels, P, Q))
