"""An array as few bytes: the cheapest of five ways to write it, each exact to the last bit.

- ``raw``: the numbers as they are.
- ``sparse``: only the numbers that are not zero, and how many zeros are left out before each.
- ``book``: the different numbers once (the codebook), and for each place which one, in Huffman's
  code.
- ``sparse book``: both (Han et al. 2016, "Deep Compression", figure 1).
- ``grid``: where each row is a step times small whole numbers, the steps, and these (`grids`).

The gaps between numbers that are not zero are written in two parts: how many bits gap + 1 has, in
Huffman's code, and then those bits but the first, which is always 1 (Elias 1975). So one rare long
gap costs little, and the table of the code stays short whatever the gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.compress import huffman
from minicnn.compress.grids import find_grid, from_grid

BOOK = 2**12
"""Different numbers in a codebook, at most."""

_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class Reader:
    """Takes bytes from the front of a stream, and says when there are too few."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count < 0 or self.at + count > len(self.data):
            raise ValueError(
                f"{count} bytes are wanted at {self.at} of {len(self.data)}; the data ends too "
                "soon. It is damaged or cut short."
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        """Return a whole number from 0, of 7 bits a byte, the low ones first."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def array(self, dtype: Any, count: int) -> np.ndarray:
        """Return the next numbers, which are in little-endian order."""
        kind = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(self.take(count * kind.itemsize), kind).astype(dtype)


def number(value: int) -> bytes:
    """Write a whole number from 0 as `Reader.number` reads it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def encode(array: np.ndarray) -> bytes:
    """Write the numbers of an array in the cheapest way; shape and dtype are not written."""
    flat = _as_bits(array)
    ways = (_raw, _sparse, _book, _sparse_book)
    written = [w for i, way in enumerate(ways) if (w := _way(i, way, flat)) is not None]
    if (grid := find_grid(array)) is not None:
        written.append(bytes([len(ways)]) + b"".join(map(encode, grid)))
    return min(written, key=len)


def decode(reader: Reader, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Read an array that `encode` wrote."""
    dtype, size = np.dtype(dtype), int(np.prod(shape, dtype=np.int64))
    way = reader.take(1)[0]
    bits = _BITS[dtype.itemsize]
    if way == 0:
        flat = reader.array(bits, size)
    elif way in (1, 3):
        flat = np.zeros(size, bits)
        places = np.cumsum(_read_gaps(reader, size) + 1) - 1
        if places.size and places[-1] >= size:
            raise ValueError(f"a number lies at {places[-1]} of {size}; the data is damaged.")
        flat[places] = (
            reader.array(bits, len(places)) if way == 1 else _read_book(reader, len(places), bits)
        )
    elif way == 2:
        flat = _read_book(reader, size, bits)
    elif way == 4:
        steps = decode(reader, shape[:1], dtype)
        return from_grid(steps, decode(reader, shape, np.int8))
    else:
        raise ValueError(f"the numbers are written in way {way}; known are 0 to 4.")
    return flat.view(dtype).reshape(shape)


def _as_bits(array: np.ndarray) -> np.ndarray:
    """Return the bit patterns, so that -0.0 and NaN come back as they were."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(_BITS[flat.dtype.itemsize])


def _way(index: int, way: Callable[[np.ndarray], bytes | None], flat: np.ndarray) -> bytes | None:
    written = way(flat)
    return None if written is None else bytes([index]) + written


def _raw(flat: np.ndarray) -> bytes:
    return flat.astype(flat.dtype.newbyteorder("<")).tobytes()


def _sparse(flat: np.ndarray) -> bytes | None:
    places = np.flatnonzero(flat)
    return None if 2 * len(places) > len(flat) else _gaps(places) + _raw(flat[places])


def _book(flat: np.ndarray) -> bytes | None:
    values, indices = np.unique(flat, return_inverse=True)
    if not 0 < len(values) <= min(BOOK, len(flat) // 2):
        return None
    return number(len(values)) + _raw(values) + _coded(indices)


def _sparse_book(flat: np.ndarray) -> bytes | None:
    places = np.flatnonzero(flat)
    book = _book(flat[places])
    return None if book is None else _gaps(places) + book


def _read_book(reader: Reader, count: int, bits: Any) -> np.ndarray:
    values = reader.array(bits, reader.number())
    indices = _read_coded(reader, count)
    if indices.size and indices.max() >= len(values):
        raise ValueError(
            f"number {indices.max()} of a codebook of {len(values)}: the data is damaged."
        )
    chosen: np.ndarray = values[indices]
    return chosen


def _coded(symbols: np.ndarray) -> bytes:
    """Write symbols with their table: how many lengths, the lengths, how many bytes, these."""
    lengths = huffman.code_lengths(np.bincount(symbols))
    bits = huffman.encode(symbols, lengths)
    return number(len(lengths)) + lengths.tobytes() + number(len(bits)) + bits


def _read_coded(reader: Reader, count: int) -> np.ndarray:
    lengths = reader.array(np.uint8, reader.number())
    return huffman.decode(reader.take(reader.number()), count, lengths)


def _gaps(places: np.ndarray) -> bytes:
    """Write increasing places: how many, the widths of the gaps, and their low bits."""
    if not len(places):
        return number(0)
    values = np.diff(places, prepend=-1)
    widths = np.frexp(values.astype(np.float64))[1] - 1  # floor(log2)
    low = huffman.pack_bits(values - (1 << widths), widths)
    return number(len(places)) + _coded(widths) + low


def _read_gaps(reader: Reader, most: int) -> np.ndarray:
    count = reader.number()
    if count > most:
        raise ValueError(f"{count} numbers in an array of {most}: the data is damaged.")
    if not count:
        return np.zeros(0, np.int64)
    widths = _read_coded(reader, count)
    if widths.max() > 40:
        raise ValueError(f"a gap has {widths.max()} bits: the data is damaged.")
    data = reader.take(-(-int(widths.sum()) // 8))
    values: np.ndarray = (1 << widths) + huffman.unpack_bits(data, widths)
    return values - 1
