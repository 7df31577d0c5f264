"""Depthwise convolution, where each filter sees one channel: no matrix product to be had.

A product of matrices pays when each number is used many times. Here an input meets only the R·S
weights of its own channel, so the plain loops are best, with vectors along a row of the output: a
weight is spread over all lanes and multiplied with a piece of a row of the image, shifted by one
for every column of the filter. 3×3 filters have loops of their own (`three_rows`), all others
share those of `depthwise_loops`.

One function does the output and the gradient of the input, which is the same sum with the filter
turned round; with a stride the gradient falls apart as in :mod:`~minicnn.kernels.implicit`.
"""

from __future__ import annotations

import itertools

import numpy as np

from minicnn.kernels import three_rows
from minicnn.kernels.depthwise_loops import slide_planes, weight_gradient
from minicnn.kernels.implicit import phases, taps_of
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import in_threads, slices

UNIT = 2**20
"""Multiply-adds in a piece of work for one thread, at least."""


def supports(
    x_shape: Shape4,
    w_shape: Shape4,
    *,
    stride: Pair,  # noqa: ARG001 (any window will do)
    padding: Padding,  # noqa: ARG001
    dilation: Pair,  # noqa: ARG001
    groups: int,
) -> bool:
    """Say whether this kernel can do it: as many groups as input channels."""
    return groups == x_shape[1] and w_shape[1] == 1


def forward(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: FloatArray | None = None,
    bias: FloatArray | None = None,
    relu: bool = False,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, 1, R, S) into y (N, K, P, Q); K is a multiple of C.

    Raises
    ------
    ValueError
        If a filter sees more than one channel.
    """
    _check(x.shape, w.shape, groups)
    y_shape = out_shape(x.shape, w.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    b = np.zeros(w.shape[0], x.dtype) if bias is None else bias
    _slide_all(x, w, y, *taps_of(w.shape, padding, dilation), stride, b, relu)
    return y


def backward_input(
    dy: FloatArray,
    w: FloatArray,
    x_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q)."""
    _check(x_shape, w.shape, groups)
    (_, C, H, W), (K, _, R, S) = x_shape, w.shape
    filters = w.reshape(C, K // C, R, S)
    dx, none = np.empty(x_shape, dy.dtype), np.zeros(C, dy.dtype)
    axes = [
        list(phases(size, count, step, pad[0], gap))
        for size, count, step, pad, gap in zip(
            (H, W), (R, S), stride, padding, dilation, strict=True
        )
    ]
    for (rows, r, row_taps), (columns, s, column_taps) in itertools.product(*axes):
        part = dx[:, :, rows, columns]
        target = part if part.flags.c_contiguous else np.empty(part.shape, dx.dtype)
        met = np.ascontiguousarray(filters[:, :, r[:, None], s])
        _slide_all(dy, met, target, row_taps, column_taps, (1, 1), none, False)
        if target is not part:
            part[...] = target
    return dx


def backward_weight(
    dy: FloatArray,
    x: FloatArray,
    w_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """Gradient dw (K, 1, R, S) from dy (N, K, P, Q)."""
    _check(x.shape, w_shape, groups)
    dw = np.empty(w_shape, dy.dtype)
    rows, columns = taps_of(w_shape, padding, dilation)
    three = three_rows.fits(rows, columns, stride)

    def filters(block: slice) -> None:
        weight_gradient(dy, x, dw, rows, columns, stride, three, block.start, block.stop)

    share = _share(dy.size // w_shape[0], w_shape)
    in_threads(filters, slices(w_shape[0], share), blas=False)
    return dw


def workspace_bytes(*_: object, **__: object) -> int:
    """None is needed."""
    return 0


def _check(x_shape: Shape4, w_shape: Shape4, groups: int) -> None:
    if groups != x_shape[1] or w_shape[1] != 1:
        raise ValueError(
            f"groups is {groups} with {x_shape[1]} input channels; a depthwise convolution wants "
            "one group for each channel. Use algorithm='auto'."
        )


def _share(pixels: int, w_shape: Shape4) -> int:
    """How many planes of so many pixels are a piece of work."""
    return max(1, UNIT // (pixels * w_shape[2] * w_shape[3]))


def _slide_all(
    x: FloatArray,
    w: FloatArray,
    y: FloatArray,
    row_taps: np.ndarray,
    column_taps: np.ndarray,
    stride: Pair,
    bias: FloatArray,
    relu: bool,
) -> None:
    """Fill y (N, targets, P, Q) with w (targets, members, R, S) slid over x."""
    if len(row_taps) == 0 or len(column_taps) == 0:
        y[...] = 0
        return
    if row_taps[0] > row_taps[-1]:  # for gradients they come from below and from the right
        row_taps, w = row_taps[::-1].copy(), w[:, :, ::-1]
    if column_taps[0] > column_taps[-1]:
        column_taps, w = column_taps[::-1].copy(), w[..., ::-1]
    weights = np.ascontiguousarray(w)
    three = three_rows.fits(row_taps, column_taps, stride)
    planes = y.shape[0] * y.shape[1]

    def some(block: slice) -> None:
        slide_planes(
            x, weights, y, row_taps, column_taps, stride, three, bias, relu,
            block.start, block.stop,
        )  # fmt: skip

    share = _share(y.size // planes * w.shape[1], w.shape)
    in_threads(some, slices(planes, share), blas=False)
