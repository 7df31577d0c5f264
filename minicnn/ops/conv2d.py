"""Convolution (cross-correlation, as in every deep-learning library) and its gradients."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any, NamedTuple, TypedDict

from minicnn import plan
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.ops import _check
from minicnn.ops._check import PaddingArg, Size


class Window(TypedDict):
    """How the filters move over the image, in the form that kernels take."""

    stride: Pair
    padding: Padding
    dilation: Pair
    groups: int


class _Setup(NamedTuple):
    window: Window
    y_shape: Shape4


def conv2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: FloatArray | None = None,
) -> FloatArray:
    """Convolve x (N, C, H, W) with the filters w (K, C/groups, R, S); y is (N, K, P, Q).

    Parameters
    ----------
    b
        One number (K,) added to each output channel.
    padding
        Zeros put round the image: an int, (rows, columns), ((top, bottom), (left, right)),
        "same" (P = ceil(H / stride)) or "valid" (none).
    groups
        Output channels see only the input channels of their own group; groups = C is depthwise.
    algorithm
        A name from ``plan.ALGORITHMS``, or "auto".
    out
        An array (N, K, P, Q) to write y into; a new one unless given.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit; the message says how to mend it.
    """
    x, w = _check.images(x, "x", "conv2d"), _weights(w, "conv2d")
    _check.same_dtype("conv2d", x=x, w=w, b=b)
    window, y_shape = _setup("conv2d", x.shape, w.shape, stride, padding, dilation, groups)
    if b is not None:
        b = _check.vector(b, "b", "conv2d", w.shape[0], "filter")
    into: dict[str, FloatArray] = (
        {} if out is None else {"out": _check.output(out, "conv2d", y_shape, x)}
    )
    kernel = _kernel(algorithm, x.shape, w.shape, window)
    y: FloatArray = kernel.forward(x, w, **window, **into, bias=b)
    return y


def conv2d_backward(
    dy: FloatArray,
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients (dx, dw, db) of conv2d from dy (N, K, P, Q); dw and db are sums over the batch."""
    op = "conv2d_backward"
    dy, x, w = _check.images(dy, "dy", op), _check.images(x, "x", op), _weights(w, op)
    _check.same_dtype(op, dy=dy, x=x, w=w)
    window, y_shape = _setup(op, x.shape, w.shape, stride, padding, dilation, groups)
    _check.same_shape(dy, "dy", op, y_shape, "the shape of conv2d's output")
    kernel = _kernel(algorithm, x.shape, w.shape, window)
    dx: FloatArray = kernel.backward_input(dy, w, x.shape, **window)
    dw: FloatArray = kernel.backward_weight(dy, x, w.shape, **window)
    return dx, dw, channel_sum(dy)


def conv2d_backward_input(
    dy: FloatArray,
    w: FloatArray,
    x_shape: Shape4,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
) -> FloatArray:
    """Gradient dx (N, C, H, W); zero where no window reaches. The transpose of conv2d."""
    op = "conv2d_backward_input"
    dy, w = _check.images(dy, "dy", op), _weights(w, op)
    x_shape = _check.shape4(x_shape, "x_shape", op)
    _check.same_dtype(op, dy=dy, w=w)
    window, y_shape = _setup(op, x_shape, w.shape, stride, padding, dilation, groups)
    _check.same_shape(dy, "dy", op, y_shape, "the shape of conv2d's output")
    kernel = _kernel(algorithm, x_shape, w.shape, window)
    dx: FloatArray = kernel.backward_input(dy, w, x_shape, **window)
    return dx


def conv2d_backward_weight(
    dy: FloatArray,
    x: FloatArray,
    w_shape: Shape4,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
) -> FloatArray:
    """Gradient dw (K, C/groups, R, S), summed over the batch."""
    op = "conv2d_backward_weight"
    dy, x = _check.images(dy, "dy", op), _check.images(x, "x", op)
    w_shape = _check.shape4(w_shape, "w_shape", op)
    _check.same_dtype(op, dy=dy, x=x)
    window, y_shape = _setup(op, x.shape, w_shape, stride, padding, dilation, groups)
    _check.same_shape(dy, "dy", op, y_shape, "the shape of conv2d's output")
    kernel = _kernel(algorithm, x.shape, w_shape, window)
    dw: FloatArray = kernel.backward_weight(dy, x, w_shape, **window)
    return dw


def conv2d_out_shape(
    x_shape: Shape4,
    w_shape: Shape4,
    *,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Shape4:
    """Shape (N, K, P, Q) of conv2d's output, without computing it."""
    op = "conv2d_out_shape"
    x_shape = _check.shape4(x_shape, "x_shape", op)
    w_shape = _check.shape4(w_shape, "w_shape", op)
    return _setup(op, x_shape, w_shape, stride, padding, dilation, groups).y_shape


def conv2d_workspace(
    x_shape: Shape4,
    w_shape: Shape4,
    *,
    itemsize: int = 4,
    stride: Size = 1,
    padding: PaddingArg = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
) -> int | None:
    """Bytes that conv2d's algorithm needs besides x, w and y; None if it does not say."""
    op = "conv2d_workspace"
    x_shape, w_shape = (_check.shape4(s, "a shape", op) for s in (x_shape, w_shape))
    window, _ = _setup(op, x_shape, w_shape, stride, padding, dilation, groups)
    kernel = _kernel(algorithm, x_shape, w_shape, window)
    if not hasattr(kernel, "workspace_bytes"):
        return None
    needed: int = kernel.workspace_bytes(x_shape, w_shape, itemsize, **window)
    return needed


def channel_sum(dy: FloatArray) -> FloatArray:
    """Sum (N, K, P, Q) over all but the channels: the gradient of a bias."""
    N, K = dy.shape[:2]
    db: FloatArray = dy.reshape(N, K, -1).sum(axis=2).sum(axis=0)
    return db


def _weights(w: FloatArray, op: str) -> FloatArray:
    return _check.for_loops(_check.floats(w, "w", op, "(K, C/groups, R, S)"))


def _setup(
    op: str,
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Size,
    padding: PaddingArg,
    dilation: Size,
    groups: int,
) -> _Setup:
    """Normalise the arguments and check that they fit together.

    Most calls are like an earlier one, and its answer is kept: for a tiny image, checking would
    take longer than the convolution. Only for plain ints, though, as 1 == 1.0 == True.
    """
    setup = _kept_set_up if _plain((stride, padding, dilation, groups)) else _set_up
    return setup(op, x_shape, w_shape, stride, padding, dilation, groups)


def _plain(value: Any) -> bool:
    """Say whether it is an int, a string, or a tuple of such."""
    return type(value) in (int, str) or (type(value) is tuple and all(map(_plain, value)))


def _set_up(
    op: str,
    x_shape: Shape4,
    w_shape: Shape4,
    stride: Size,
    padding: PaddingArg,
    dilation: Size,
    groups: int,
) -> _Setup:
    strides = _check.pair(stride, "stride", op)
    dilations = _check.pair(dilation, "dilation", op)
    hw, rs = x_shape[2:], w_shape[2:]
    paddings = _check.padding_pairs(padding, op, hw, rs, strides, dilations)
    C, K = x_shape[1], w_shape[0]
    _check.divides(groups, op, input=C, output=K)
    if w_shape[1] != C // groups:
        raise ValueError(
            f"w has shape {w_shape}, for {w_shape[1]} channels per group; x has {C} channels in "
            f"{groups} group(s), and {op} wants w.shape[1] = {C // groups}. "
            "Is x in the order (N, C, H, W), and is groups right?"
        )
    _check.fits(op, "w", hw, rs, paddings, dilations)
    window = Window(stride=strides, padding=paddings, dilation=dilations, groups=groups)
    return _Setup(window, out_shape(x_shape, w_shape, strides, paddings, dilations))


_kept_set_up = functools.lru_cache(maxsize=2**12)(_set_up)


def _kernel(algorithm: str, x_shape: Shape4, w_shape: Shape4, window: Window) -> ModuleType:
    name = plan.choose(x_shape, w_shape, **window) if algorithm == "auto" else algorithm
    return plan.get(name)
