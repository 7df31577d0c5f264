"""Convolution in integers: bytes times bytes, summed in 32 bits, and bytes again.

A byte of x stands for ``scale_x · (x - zero point)``, one of w for ``scale_w · w``. Then the
convolution of what they stand for is an integer sum times one scale, and no step rounds::

    Σ w · (x - z)  =  Σ w · x  -  z Σ w              z: the zero point of x

The first sum is of plain bytes, the second a constant of each filter. Borders are filled with z,
which stands for zero. A sum fits 32 bits if a filter has no more than `MOST_PRODUCTS` weights.

Work goes by bands of rows: a band becomes words (`interleave`), small enough for the cache, and
each block of its pixels meets all filters (`microkernel_int8`). While the sums are still in the
cache they become bytes of the next layer (`requantize`): a quarter of the memory of float32 is
read and written, and the processor may do four times as many products.

Reference: Jacob et al. (2018), "Quantization and training of neural networks for efficient
integer-arithmetic-only inference".
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minicnn.kernels.int8_check import MOST_PRODUCTS as MOST_PRODUCTS
from minicnn.kernels.int8_check import check_arrays, check_weights, output
from minicnn.kernels.int8_loops import convolve_bands
from minicnn.kernels.interleave import fold, words_of
from minicnn.kernels.microkernel_int8 import ROWS, WAY, WIDTH
from minicnn.kernels.requantize import Requantization
from minicnn.kernels.shapes import Padding, Pair, Shape4, out_shape
from minicnn.kernels.simd_int import CHANNELS, WORDS, pack
from minicnn.kernels.threads import in_threads, num_threads, slices

UNIT = 2**25
"""Multiply-adds in a piece of work for one thread, at least: some tenths of a millisecond."""
BAND_BYTES = 2**17
"""Size of a band of words: with the filters it shares the second level of cache."""
ROW = 256
"""Pixels that make a long row."""
PIECES = 4
"""Fewer pieces than this are made more by sharing out the filters."""

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]


class Weights(NamedTuple):
    """Filters in the order in which they are read; `prepare` makes them, once for many calls."""

    packed: Int32Array  # (groups, filters of a group / rows, depth, rows, words)
    sums: Int32Array  # (K,): Σ w
    shape: Shape4
    groups: int

    @property
    def rows(self) -> int:
        """Filters that are read together."""
        return self.packed.shape[3]


def prepare(w: Int8Array, *, groups: int = 1) -> Weights:
    """Pack int8 filters (K, C/groups, R, S).

    Raises
    ------
    TypeError, ValueError
        If they are not int8, or have so many weights that a sum might not fit 32 bits.
    """
    check_weights(w, groups)
    K = w.shape[0] // groups
    rows = min(ROWS, 2 ** math.ceil(math.log2(K)))
    words = pack(fold(np.ascontiguousarray(w)), WAY).reshape(groups, K, -1, WORDS[WAY])
    words = np.pad(words, ((0, 0), (0, -K % rows), (0, 0), (0, 0)))
    panels = words.reshape(groups, -1, rows, *words.shape[2:]).swapaxes(2, 3)
    sums = w.sum(axis=(1, 2, 3), dtype=np.int32)
    return Weights(np.ascontiguousarray(panels), sums, w.shape, groups)


def forward(
    x: npt.NDArray[np.uint8],
    w: Int8Array | Weights,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    x_zero_point: int = 0,
    bias: Int32Array | None = None,
    out: Int32Array | None = None,
) -> Int32Array:
    """Convolve x - zero point (N, C, H, W) with w (K, C/groups, R, S): int32 sums (N, K, P, Q).

    Parameters
    ----------
    w
        int8 filters, or what `prepare` made of them.
    bias
        int32 numbers (K,), in units of ``scale_x · scale_w``.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit, or sums might not fit 32 bits.
    """
    weights = w if isinstance(w, Weights) else prepare(w, groups=groups)
    check_arrays(x, weights.shape, weights.groups, groups, x_zero_point, bias)
    y = output(out, np.int32, x.shape, weights.shape, stride, padding, dilation)
    none = np.zeros((2, y.shape[1]), np.int32)
    _run(x, weights, stride, padding, dilation, x_zero_point, bias, none, (0, 0, 0), y)
    return y


def forward_requantized(
    x: npt.NDArray[np.uint8],
    w: Int8Array | Weights,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    to: Requantization,
    x_zero_point: int = 0,
    bias: Int32Array | None = None,
    out: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any]:
    """Do the same and make bytes of the sums, as `to` says: y (N, K, P, Q), uint8 or int8.

    ``to`` comes from `requantize.requantization`; a ReLU is part of it. The bytes are those of
    ``requantize(forward(...), to)``, without the int32 array in between.
    """
    weights = w if isinstance(w, Weights) else prepare(w, groups=groups)
    check_arrays(x, weights.shape, weights.groups, groups, x_zero_point, bias, to)
    y = output(out, to.dtype, x.shape, weights.shape, stride, padding, dilation)
    factors = np.stack([to.multiplier, to.shift]).astype(np.int32)
    bounds = to.zero_point, to.low, to.high
    _run(x, weights, stride, padding, dilation, x_zero_point, bias, factors, bounds, y)
    return y


def workspace_bytes(
    x_shape: Shape4,
    w_shape: Shape4,
    itemsize: int,  # noqa: ARG001 (bytes are bytes)
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> int:
    """Bytes that `forward` needs besides x, w and y, at most, with filters not yet prepared."""
    y_shape = out_shape(x_shape, w_shape, stride, padding, dilation)
    rows = _rows(w_shape, y_shape, stride, dilation)
    band = words_of(w_shape, rows, y_shape[3], stride, dilation)
    depth = len(band.distance)
    filters = -(-w_shape[0] // groups // ROWS) * ROWS * groups * depth * (WORDS[WAY] + 1)
    return 4 * (filters + num_threads() * (band.size + (ROWS + 1) * WIDTH))


def _rows(w_shape: Shape4, y_shape: Shape4, stride: Pair, dilation: Pair) -> int:
    """Rows of the output in a band: what the cache holds, and no more than a piece of work."""
    K, (P, Q) = w_shape[0], y_shape[2:]
    one, two = (words_of(w_shape, rows, Q, stride, dilation).size for rows in (1, 2))
    by_cache = (BAND_BYTES // CHANNELS - one) // max(1, two - one) + 1
    by_work = -(-UNIT // (K * math.prod(w_shape[1:]) * Q))
    bands = -(-P // max(1, min(by_cache, by_work)))
    return -(-P // bands)


def _run(
    x: npt.NDArray[np.uint8],
    weights: Weights,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    x_zero_point: int,
    bias: Int32Array | None,
    factors: Int32Array,
    bounds: tuple[int, int, int],
    y: npt.NDArray[Any],
) -> None:
    """Share out the work."""
    x = np.ascontiguousarray(x)
    if weights.shape[2:] == stride == (1, 1) and not np.any(padding):
        x, y = (a.reshape(_longer_rows(a.shape)) for a in (x, y))  # y is a view
    (N, K, P, Q), groups = y.shape, weights.groups
    one_group = (K // groups, *weights.shape[1:])
    constant = -x_zero_point * weights.sums
    if bias is not None:
        constant = constant + bias
    rows = _rows(one_group, y.shape, stride, dilation)
    band = words_of(one_group, rows, Q, stride, dilation)
    work = math.prod(one_group) * rows * Q
    panels, several = weights.packed.shape[1], max(1, UNIT // work)
    pictures = list(slices(N * groups, several if rows == P else 1))
    bands = list(slices(P, rows))
    shares = 1
    if len(pictures) * len(bands) < PIECES:  # one small picture: share out the filters
        shares = min(panels, max(1, work // UNIT), PIECES)

    def convolve(block: tuple[slice, slice, slice]) -> None:
        pictures, p, k = block
        convolve_bands(
            x, weights.packed, constant.astype(np.int32), *band, stride,
            (-padding[0][0], -padding[1][0]), x_zero_point, factors, *bounds, y,
            pictures.start, pictures.stop, p.start, p.stop, k.start, k.stop,
        )  # fmt: skip

    blocks = itertools.product(pictures, bands, slices(panels, -(-panels // shares)))
    in_threads(convolve, list(blocks))


def _longer_rows(shape: Shape4) -> Shape4:
    """Join rows of a picture, which a 1×1 filter does not notice: long ones are copied faster."""
    N, C, H, W = shape
    joined = next((n for n in range(1, H) if H % n == 0 and n * W >= ROW), H)
    return N, C, H // joined, joined * W
