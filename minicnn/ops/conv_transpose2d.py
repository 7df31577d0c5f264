"""Transposed convolution: the input gradient of conv2d, used as a layer.

It needs no kernel of its own: going forward it is a convolution going backward, and its own
gradient is a convolution going forward (Dumoulin and Visin 2016, chapter 4).
"""

from __future__ import annotations

from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4
from minicnn.ops import _check
from minicnn.ops._check import PaddingArg, Size
from minicnn.ops.conv2d import (
    channel_sum,
    conv2d,
    conv2d_backward_input,
    conv2d_backward_weight,
)


def conv_transpose2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
) -> FloatArray:
    """Spread x (N, C, H, W) with the filters w (C, K/groups, R, S) into y (N, K, P, Q).

    P = (H - 1) stride - top - bottom + dilation (R - 1) + output_padding + 1; padding is cut off
    y, not put round x. "same" gives P = H · stride.

    Parameters
    ----------
    output_padding
        Rows and columns added at the bottom and right, less than the stride: a convolution with
        that stride rounds several sizes of y to the same x, and this says which was meant.
    """
    op = "conv_transpose2d"
    _check.floats(x, "x", op, "(N, C, H, W)")
    _check.floats(w, "w", op, "(C, K/groups, R, S)")
    _check.same_dtype(op, x=x, w=w, b=b)
    y_shape, pads = _out_shape(
        op, x.shape, w.shape, stride, padding, output_padding, dilation, groups
    )
    if b is not None:
        _check.vector(b, "b", op, y_shape[1], "output channel")
    y = conv2d_backward_input(
        x,
        w,
        y_shape,
        stride=stride,
        padding=pads,
        dilation=dilation,
        groups=groups,
        algorithm=algorithm,
    )
    if b is not None:
        y += b[:, None, None]
    return y


def conv_transpose2d_backward(
    dy: FloatArray,
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients (dx, dw, db) of conv_transpose2d from dy (N, K, P, Q)."""
    op = "conv_transpose2d_backward"
    dy = _check.images(dy, "dy", op)
    _check.floats(x, "x", op, "(N, C, H, W)")
    _check.floats(w, "w", op, "(C, K/groups, R, S)")
    _check.same_dtype(op, dy=dy, x=x, w=w)
    y_shape, pads = _out_shape(
        op, x.shape, w.shape, stride, padding, output_padding, dilation, groups
    )
    _check.same_shape(dy, "dy", op, y_shape, "the shape of conv_transpose2d's output")
    dx = conv2d(
        dy, w, stride=stride, padding=pads, dilation=dilation, groups=groups, algorithm=algorithm
    )
    dw = conv2d_backward_weight(
        x,
        dy,
        w.shape,
        stride=stride,
        padding=pads,
        dilation=dilation,
        groups=groups,
        algorithm=algorithm,
    )
    return dx, dw, channel_sum(dy)


def conv_transpose2d_out_shape(
    x_shape: Shape4,
    w_shape: Shape4,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Shape4:
    """Shape (N, K, P, Q) of conv_transpose2d's output, without computing it."""
    op = "conv_transpose2d_out_shape"
    x_shape = _check.shape4(x_shape, "x_shape", op)
    w_shape = _check.shape4(w_shape, "w_shape", op)
    return _out_shape(op, x_shape, w_shape, stride, padding, output_padding, dilation, groups)[0]


def _out_shape(
    op: str,
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Size,
    padding: PaddingArg,
    output_padding: Size,
    dilation: Size,
    groups: int,
) -> tuple[Shape4, Padding]:
    strides = _check.pair(stride, "stride", op)
    dilations = _check.pair(dilation, "dilation", op)
    extra = _check.pair(output_padding, "output_padding", op, least=0)
    if w_shape[0] != x_shape[1]:
        raise ValueError(
            f"w has shape {w_shape} but x has {x_shape[1]} channels; {op} wants w.shape[0] = "
            f"{x_shape[1]}, its filters being (C, K/groups, R, S). Is w that of conv2d? "
            "Use w.swapaxes(0, 1)."
        )
    _check.divides(groups, op, input=x_shape[1])
    if any(extra[i] >= strides[i] for i in (0, 1)):
        raise ValueError(
            f"output_padding is {extra} with stride {strides}; {op} wants less than the stride. "
            "Use output_padding=0, or a larger stride."
        )
    hw, rs = x_shape[2:], w_shape[2:]
    full: Pair = (hw[0] * strides[0], hw[1] * strides[1])
    pads = _check.padding_pairs(padding, op, full, rs, strides, dilations)
    if padding == "same":
        P, Q = full
    else:
        P, Q = (
            (hw[i] - 1) * strides[i] - sum(pads[i]) + dilations[i] * (rs[i] - 1) + extra[i] + 1
            for i in (0, 1)
        )
    if min(P, Q) < 1:
        raise ValueError(
            f"padding {pads} leaves an output of {P} x {Q} pixels; {op} wants at least 1 x 1. "
            "Use less padding, a larger kernel or a larger stride."
        )
    return (x_shape[0], w_shape[1] * groups, P, Q), pads
