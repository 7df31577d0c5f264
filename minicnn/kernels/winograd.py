"""3×3 convolution with fewer multiplications: Winograd's F(4×4, 3×3).

Six neighbours of a row and three weights make four outputs, plainly with 4 · 3 = 12
multiplications. Read as polynomials, inputs and weights are multiplied at six points instead, and
six products are enough. In two dimensions a tile of 6×6 inputs gives 4×4 outputs with 36
multiplications for 144::

    V = Bᵀ d B        tiles d (6, 6) of the image      36 numbers a tile and channel
    U = G g Gᵀ        filters g (3, 3)                 36 numbers a filter
    M = Σ U · V       over channels: for each of the 36 a matrix product (K, C) @ (C, tiles)
    y = Aᵀ M A        4×4 outputs a tile

The transforms are additions and multiplications by small constants. They are the same for all
filters, so with many channels they hardly count. The price is rounding: the transforms add large
numbers that cancel, and the error is about twice that of summing one product after the other, as
`implicit` does (see `transforms`, where the smaller F(2×2, 3×3) is too).

Work goes by blocks of tile rows: transform, 36 products, transform back, while all of it is in
the cache (`winograd_blocks`, with its loops in `tiles`). The image is read as it is, its border as
zeros. Gradients are the same three steps backwards: for dx with the filters turned round, for dw
by the chain rule (`winograd_gradient`).

References: Winograd (1980), "Arithmetic complexity of computations"; Lavin and Gray (2016), "Fast
algorithms for convolutional neural networks".
"""

from __future__ import annotations

import numpy as np

from minicnn.kernels import winograd_gradient
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import num_threads
from minicnn.kernels.winograd_blocks import (
    FILTERS,
    LANES,
    SHARE,
    convolve,
    rows_in_block,
    transformed,
)

TILE = 4
"""Outputs of a tile, on each side."""


def supports(
    x_shape: Shape4,  # noqa: ARG001 (a picture of any size will do)
    w_shape: Shape4,
    *,
    stride: Pair,
    padding: Padding,  # noqa: ARG001
    dilation: Pair,
    groups: int,
) -> bool:
    """Say whether this kernel can do it: 3×3 filters, stride and dilation 1, one group."""
    return w_shape[2:] == (3, 3) and stride == dilation == (1, 1) and groups == 1


def prepare(
    w: FloatArray,
    *,
    x_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    tile: int = TILE,
) -> FloatArray:
    """Transform the filters w (K, C, 3, 3) once, for many calls of `forward`."""
    check(x_shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return transformed(w, tile, turned=False)


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
    prepared: FloatArray | None = None,
    tile: int = TILE,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, C, 3, 3) into y (N, K, P, Q).

    Raises
    ------
    ValueError
        If the filters are not 3×3, or there is a stride, a dilation or groups.
    """
    window = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    check(x.shape, w.shape, **window)
    y_shape = out_shape(x.shape, w.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    b = np.empty(0, x.dtype) if bias is None else bias
    convolve(x, w, y, padding, tile, b, relu, prepared)
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
    tile: int = TILE,
) -> FloatArray:
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q): convolve dy with the filters turned round."""
    check(x_shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    dx = np.empty(x_shape, dy.dtype)
    (top, bottom), (left, right) = padding
    around = ((2 - top, 2 - bottom), (2 - left, 2 - right))  # below zero it cuts pixels off
    convolve(dy, w, dx, around, tile, np.empty(0, dy.dtype), turned=True)
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
    tile: int = TILE,
) -> FloatArray:
    """Gradient dw (K, C, 3, 3) from dy (N, K, P, Q), by products at the same points."""
    check(x.shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return winograd_gradient.backward_weight(dy, x, w_shape, padding, tile)


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,  # noqa: ARG001
    tile: int = TILE,
) -> int:
    """Bytes that `forward` needs besides x, w and y, all threads together."""
    y_shape = N, K, P, Q = out_shape(x_shape, w_shape, stride, padding, dilation)
    C, points = x_shape[1], (tile + 2) ** 2
    rows = rows_in_block(y_shape, C, itemsize, tile)
    tiles = rows * -(-Q // tile) + LANES
    blocks = -(-N * -(-P // tile) // rows)
    filters = K if blocks > 1 else SHARE * num_threads()
    threads = min(num_threads(), blocks)
    return (threads * (C + min(K, FILTERS)) * tiles + filters * (C + LANES)) * points * itemsize


def check(x_shape: Shape4, w_shape: Shape4, **window) -> None:  # type: ignore[no-untyped-def]
    """Refuse what `supports` does not allow."""
    if not supports(x_shape, w_shape, **window):
        raise ValueError(
            f"w has shape {w_shape}, with stride {window['stride']}, dilation {window['dilation']} "
            f"and groups {window['groups']}; Winograd's algorithm wants 3x3 filters and 1 for all "
            "of these. Use algorithm='auto'."
        )
