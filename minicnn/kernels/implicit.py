"""Convolution as a matrix product whose column matrix never exists.

`im2col` writes out the whole matrix of patches and multiplies it. But a blocked product copies its
right factor anyway, a small block at a time, into panels (`gemm`). So we fill the panels straight
from the image (`patches`): the columns live in the cache for as long as they are needed, and no
padded copy is made. Libraries call it an implicit product. All three functions are one product
each, over different axes::

    forward          y   (K, pixels)   =  w   (K, C·R·S)     @  patches of x  (C·R·S, pixels)
    backward_input   dx  (C, pixels)   =  wᵀ  (C, K·R·S)     @  patches of dy (K·R·S, pixels)
    backward_weight  dwᵀ (C·R·S, K)    =  patches of x       @  dyᵀ           (pixels, K)

With a stride of 2, dx falls apart into four pictures of every second row and column, each a
convolution with its own part of the filter: row h meets the filter's row r only if
h + top - r · dilation is a multiple of the stride.

Reference: Chetlur et al. (2014), "cuDNN: Efficient primitives for deep learning", section 3.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numba import njit

from minicnn.kernels import im2col, microkernel
from minicnn.kernels.gemm import BLOCK_BYTES, DEPTH, block_columns, multiply, panel_width
from minicnn.kernels.patches import fill, fill_transposed
from minicnn.kernels.shapes import FloatArray, Padding, Pair, Shape4, out_shape
from minicnn.kernels.threads import in_threads, num_threads, slices

UNIT = 2**24
"""Multiply-adds in a piece of work for one thread, at least: some tenths of a millisecond."""
SMALL = 4
"""Pictures of fewer panels than this are taken together."""
ROWS = 128
"""Least number of filters in a piece of work: the panels are filled anew for each."""
CHANNELS = 16
"""Least number of channels in a piece of work of backward_weight."""
PIXELS = 384
"""Pixels that backward_weight takes at once."""
SHARES, SHARE_BYTES = 8, 2**24
"""Partial sums of dw: so many at most, and so many bytes all together."""

Taps = tuple[np.ndarray, np.ndarray]
"""Where the rows and columns of a filter look, counted from output pixel · stride."""


def forward(
    x: FloatArray,
    w: FloatArray,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: FloatArray | None = None,
) -> FloatArray:
    """Convolve x (N, C, H, W) with w (K, C/groups, R, S) into y (N, K, P, Q)."""
    y_shape = out_shape(x.shape, w.shape, stride, padding, dilation)
    y = np.empty(y_shape, x.dtype) if out is None else out
    rows = w.reshape(groups, w.shape[0] // groups, -1)
    _correlate(x, rows, taps_of(w.shape, padding, dilation), stride, y)
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
    """Gradient dx (N, C, H, W) from dy (N, K, P, Q).

    Few channels would leave most rows of the micro-kernel idle, and a dx much larger than dy would
    mean many sums over borders: there `im2col`, which works on dy's pixels, has less to do.
    """
    K, C, R, S = w.shape
    pixels, steps = math.prod(x_shape[2:]), math.prod(stride) * math.prod(dy.shape[2:])
    if -(-C // microkernel.ROWS) * microkernel.ROWS * pixels > 1.3 * C * steps:
        return im2col.backward_input(
            dy, w, x_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
    turned = _swapped(w.reshape(groups, K // groups, C, R * S))
    turned = turned.reshape(groups, C, K // groups, R, S)
    dx = np.empty(x_shape, dy.dtype)
    axes = [
        list(phases(size, count, step, pad[0], gap))
        for size, count, step, pad, gap in zip(
            x_shape[2:], (R, S), stride, padding, dilation, strict=True
        )
    ]
    for (rows, r, row_taps), (columns, s, column_taps) in itertools.product(*axes):
        part = dx[:, :, rows, columns]
        if len(r) and len(s):
            filters = turned[..., r[:, None], s] if stride != (1, 1) else turned
            filters = np.ascontiguousarray(filters).reshape(groups, C, -1)
            _correlate(dy, filters, (row_taps, column_taps), (1, 1), part)
        else:
            part[...] = 0  # between the windows
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
    """Gradient dw (K, C/groups, R, S) from dy (N, K, P, Q): sums over shares of the pixels.

    Here filters are the lanes: if there are few in a group, `im2col` does better.
    """
    K, C, R, S = w_shape
    if K // groups < microkernel.ROWS:
        return im2col.backward_weight(
            dy, x, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
    N, _, P, Q = dy.shape
    taps = taps_of(w_shape, padding, dilation)
    x, hw = _one_row(x, (P, Q), taps, stride)
    size = C * R * S * K * x.itemsize
    shares = min(SHARES, max(1, SHARE_BYTES // size))
    pixels = -(-N * P * Q // (shares * PIXELS)) * PIXELS
    pieces = list(slices(N * P * Q, pixels))
    # Where the pixels make few pieces, the channels make more; each copies its part of dy again.
    channels = max(CHANNELS, -(-C * len(pieces) * groups // SHARES))
    sums = np.empty((len(pieces), groups, C * R * S, K // groups), x.dtype)

    def share(block: tuple[int, int, slice]) -> None:
        piece, group, c = block
        _weight_gradient(
            dy, x, sums[piece, group], group, c.start, c.stop, *taps, stride, hw,
            pieces[piece].start, pieces[piece].stop,
        )  # fmt: skip

    blocks = itertools.product(range(len(pieces)), range(groups), slices(C, channels))
    each(share, list(blocks))
    total: FloatArray = sum(sums[1:], sums[0])
    return _swapped(total[..., None]).reshape(w_shape)


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,
    *,
    stride: Pair,  # noqa: ARG001 (the blocks are of one size whatever the picture)
    padding: Padding,  # noqa: ARG001
    dilation: Pair,  # noqa: ARG001
    groups: int,
) -> int:
    """Bytes that `forward` needs besides x, w and y, at most, all threads together."""
    K, C, R, S = w_shape
    depth = min(C, _channels(R * S)) * R * S
    columns = block_columns(depth, itemsize)
    piece = K // groups * columns if x_shape[0] > 1 else 0
    return num_threads() * (depth * columns + piece) * itemsize


def taps_of(w_shape: Shape4, padding: Padding, dilation: Pair) -> Taps:
    """Say where the rows and the columns of the filters look."""
    rows, columns = (np.arange(w_shape[2 + i]) * dilation[i] - padding[i][0] for i in (0, 1))
    return rows, columns


def phases(size: int, count: int, stride: int, before: int, dilation: int):  # type: ignore[no-untyped-def]
    """For every first, first + stride ... along an axis of x: which taps meet it, from where."""
    every = np.arange(count)
    for first in range(min(stride, size)):
        distance = first + before - every * dilation
        met = every[distance % stride == 0]
        yield slice(first, None, stride), met, distance[met] // stride


def _channels(taps: int) -> int:
    """Channels in a block of the depth."""
    return max(1, DEPTH // taps)


def _correlate(x: FloatArray, w: FloatArray, taps: Taps, stride: Pair, y: FloatArray) -> None:
    """Fill y (N, groups·rows, P, Q), any view, with w (groups, rows, depth) times patches of x."""
    groups, rows, depth = w.shape
    N, _, P, Q = y.shape
    x, hw = _one_row(x, (P, Q), taps, stride)
    whole = y.flags.c_contiguous
    if whole:
        y = y.reshape(N, -1, 1, P * Q)
    taps_count = len(taps[0]) * len(taps[1])
    channels = _channels(taps_count)
    width = block_columns(min(depth, channels * taps_count), x.itemsize)
    panel = panel_width(x.itemsize)
    # Blocks keep to one image, unless the images are so small that this would waste columns.
    pixels, images = N * P * Q, 1
    if whole and P * Q // panel >= SMALL:
        pixels, images = P * Q, N
    width = min(width, -(-pixels // panel) * panel)
    columns = max(1, round(UNIT / (rows * depth * width))) * width
    filters = rows
    if pixels <= columns and images == 1:  # too few to share: share the filters
        filters = max(ROWS, UNIT // (depth * pixels))

    def convolve(block: tuple[int, int, slice, slice]) -> None:
        image, group, k, some = block
        start = image * P * Q + some.start
        _convolve(
            x, w, *taps, stride, hw, y, whole, group, k.start, k.stop, channels,
            start, start + some.stop - some.start, width,
        )  # fmt: skip

    each(
        convolve,
        list(
            itertools.product(
                range(images), range(groups), slices(rows, filters), slices(pixels, columns)
            )
        ),
    )


def _one_row(x: FloatArray, hw: Pair, taps: Taps, stride: Pair) -> tuple[FloatArray, Pair]:
    """Make one long row of each picture where filters are 1×1 and nothing is left out."""
    if x.shape[2:] != hw or stride != (1, 1) or any(map(np.any, taps)):
        return x, hw
    N, C, H, W = x.shape
    return x.reshape(N, C, 1, H * W), (1, H * W)


def _swapped(x: FloatArray) -> FloatArray:
    """Return a new (groups, b, a, n) of x (groups, a, b, n)."""
    groups, a, b, n = x.shape
    swapped = np.empty((groups, b, a, n), x.dtype)
    _swap(x, swapped)
    return swapped


def each(work, blocks) -> None:  # type: ignore[no-untyped-def]
    """Do the work, on several threads if there are several blocks."""
    if len(blocks) == 1:
        work(blocks[0])
    else:
        in_threads(work, blocks)


@njit(cache=True, nogil=True)
def _swap(x, swapped):  # type: ignore[no-untyped-def]
    """Swap the middle axes; in strips, so that a few cache lines are written at a time."""
    groups, A, B, n = x.shape
    for group in range(groups):
        for first in range(0, B, 16):
            for a in range(A):
                for b in range(first, min(B, first + 16)):
                    for i in range(n):
                        swapped[group, b, a, i] = x[group, a, b, i]


@njit(cache=True, nogil=True)
def _convolve(  # type: ignore[no-untyped-def]
    x, w, row_taps, column_taps, stride, hw, y, whole, group, k_start, k_stop, step,
    start, stop, width,
):  # fmt: skip
    """Fill some channels and pixels of y (N, K, P, Q); `whole`: y is contiguous, all in a row."""
    _, K, P, Q = y.shape
    _, rows, depth = w.shape
    taps = len(row_taps) * len(column_taps)
    C = depth // taps
    k = group * rows + k_start
    panel = panel_width(x.itemsize)
    panels = np.empty(min(C, step) * taps * width, x.dtype)
    spare = np.empty(0, x.dtype)
    for first in range(start, stop, width):
        columns = min(width, stop - first)
        n, pixel = divmod(first, P * Q)
        in_place = whole and pixel + columns <= P * Q
        if not in_place and len(spare) == 0:
            spare = np.empty((k_stop - k_start) * width, x.dtype)
        for c in range(0, C, step):
            channels = min(step, C - c)
            fill(
                panels, panel, x, group * C + c, channels, row_taps, column_taps, stride, hw,
                first, columns,
            )  # fmt: skip
            factors = (
                k_stop - k_start, columns, channels * taps,
                w, (k * C + c) * taps, depth, 1,
                panels, 0, panel, panel * channels * taps,
            )  # fmt: skip
            if in_place:
                multiply(*factors, y, (n * K + k) * P * Q + pixel, P * Q, c > 0)
            else:
                multiply(*factors, spare, 0, width, c > 0)
        if not in_place:
            _put(spare, width, y, k, k_stop - k_start, first, columns)


@njit(cache=True, nogil=True)
def _put(product, width, y, k, filters, first, columns):  # type: ignore[no-untyped-def]
    """Copy a block of the product to where its pixels belong in y."""
    P, Q = y.shape[2:]
    column = 0
    while column < columns:
        n, pixel = divmod(first + column, P * Q)
        p, q = divmod(pixel, Q)
        run = min(Q - q, columns - column)
        for i in range(filters):
            for j in range(run):
                y[n, k + i, p, q + j] = product[i * width + column + j]
        column += run


@njit(cache=True, nogil=True)
def _weight_gradient(  # type: ignore[no-untyped-def]
    dy, x, dw, group, c_start, c_stop, row_taps, column_taps, stride, hw, start, stop
):  # fmt: skip
    """Fill dw (C·R·S, K), for some channels of a group, with what some pixels give."""
    K = dw.shape[1]
    C = x.shape[1] // (dy.shape[1] // K)
    taps = len(row_taps) * len(column_taps)
    step = min(c_stop - c_start, max(1, BLOCK_BYTES // (taps * PIXELS * x.itemsize)))
    panel = panel_width(x.itemsize)
    patches = np.empty(step * taps * PIXELS, x.dtype)
    panels = np.empty(-(-K // panel) * panel * PIXELS, x.dtype)
    for first in range(start, stop, PIXELS):
        pixels = min(PIXELS, stop - first)
        fill_transposed(panels, panel, dy, group * K, K, first, pixels)
        for c in range(c_start, c_stop, step):
            channels = min(step, c_stop - c)
            fill(
                patches, PIXELS, x, group * C + c, channels, row_taps, column_taps, stride, hw,
                first, pixels,
            )  # fmt: skip
            multiply(
                channels * taps, K, pixels,
                patches, 0, PIXELS, 1,
                panels, 0, panel, panel * pixels,
                dw, c * taps * K, K, first > start,
            )  # fmt: skip
