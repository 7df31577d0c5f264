"""How `sparse` cuts its work, by what the levels of the cache hold."""

from __future__ import annotations

from typing import NamedTuple

from minicnn.kernels import simd
from minicnn.kernels.implicit import Taps
from minicnn.kernels.microkernel_sparse import width
from minicnn.kernels.phases import Axis, Indices, axis, distances
from minicnn.kernels.shapes import Pair, Shape4

BAND_BYTES = 2**19
"""Size of a band: a part of the second level of cache."""
BLOCK_BYTES = 3 * 2**13
"""Size of the part of a band that some channels and pixels see: most of the first level."""


class Tiling(NamedTuple):
    """How the work is cut.

    channels, rows, pixels
        Channels in a block, rows of the output in a band, pixels in a block, counted as wide as
        the band.
    down, across
        What a band sees of the rows and the columns of the image.
    distance
        From an output pixel to what it sees, for each tap of a block of channels.
    """

    channels: int
    rows: int
    pixels: int
    down: Axis
    across: Axis
    distance: Indices

    def numbers(
        self, stride: Pair
    ) -> tuple[int, int, int, Indices, Pair, Indices, Indices, Pair, Pair]:
        """Return what the compiled loops want to know."""
        down, across = self.down, self.across
        return (
            self.channels, self.rows, self.pixels, self.distance, (down.first, across.first),
            down.phases, across.phases, (down.size, across.size), stride,
        )  # fmt: skip


def cut(y_shape: Shape4, w_shape: Shape4, taps: Taps, stride: Pair, itemsize: int) -> Tiling:
    """Cut the work by what the levels of the cache hold."""
    (P, Q), C = y_shape[2:], w_shape[1]
    across = axis(taps[1], stride[1], Q)

    def row_bytes(rows: int) -> int:  # of one channel
        down = axis(taps[0], stride[0], rows)
        phases = len(down.phases) * len(across.phases)
        return phases * down.size * across.size * itemsize

    border = row_bytes(1) - (row_bytes(2) - row_bytes(1))
    most = (BAND_BYTES // C - border) // (row_bytes(2) - row_bytes(1))
    rows = -(-P // -(-P // min(P, max(1, most))))
    wide, lanes = (rows - 1) * across.size + Q, max(1, simd.REGISTER_BYTES // itemsize)
    blocks = -(-wide // width(itemsize))
    pixels = min(width(itemsize), -(-wide // (blocks * lanes)) * lanes)
    seen = min(rows, (pixels - 2) // across.size + 2)  # may begin in the middle of a row
    channels = min(C, max(1, BLOCK_BYTES // row_bytes(seen)))
    down = axis(taps[0], stride[0], rows)
    return Tiling(channels, rows, pixels, down, across, distances(channels, down, across))
