"""Huffman's codes: short words of bits for frequent symbols, long ones for rare.

Symbols are whole numbers from 0. A code is given by the *length* of each symbol's word alone: the
words themselves are numbered in order of (length, symbol), which is called canonical, so a table
of lengths is all that a file has to hold. No word begins another, so words need no gaps between
them and can be read one by one, from a file that arrives in pieces (`Decoder`).

References: Huffman (1952), "A method for the construction of minimum-redundancy codes"; Schwartz
and Kallick (1964), "Generating a canonical prefix encoding".
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numba import njit

LONGEST = 56
"""Bits in a word at most, so that a word and a byte fit into 64 bits."""


def code_lengths(counts: np.ndarray) -> np.ndarray:
    """Return the length (uint8) of each symbol's word from how often each occurs; 0 for never.

    The sum of ``counts * lengths`` is the least that words of whole bits can reach. A single
    symbol gets a word of length 1.
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise ValueError(
            f"counts is {counts.dtype} of shape {counts.shape}; code_lengths wants one whole "
            "number from 0 for each symbol. Use np.bincount(symbols)."
        )
    lengths = np.zeros(len(counts), np.uint8)
    used = np.flatnonzero(counts)
    if len(used) == 1:
        lengths[used] = 1
    # Join the two rarest trees until one is left; each join makes all words in them longer.
    heap: list[tuple[int, int, Any]] = [(int(counts[s]), int(s), [int(s)]) for s in used]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, first, left), (b, second, right) = heapq.heappop(heap), heapq.heappop(heap)
        joined = left + right
        lengths[joined] += 1
        heapq.heappush(heap, (a + b, min(first, second), joined))
    if lengths.size and lengths.max() > LONGEST:
        raise ValueError(
            f"counts lead to words of {lengths.max()} bits; code_lengths wants at most {LONGEST}. "
            "Scale the counts down: counts >> 8, but at least 1."
        )
    return lengths


def canonical_codes(lengths: np.ndarray) -> np.ndarray:
    """Return each symbol's word (uint64, the last bit is the last of the word).

    Raises
    ------
    ValueError
        No code has words of these lengths: the sum of 2^-length is above 1 (Kraft).
    """
    lengths = _checked(lengths)
    codes = np.zeros(len(lengths), np.uint64)
    code = previous = 0
    for symbol in np.lexsort((np.arange(len(lengths)), lengths)):
        length = int(lengths[symbol])
        if length:
            code <<= length - previous
            codes[symbol] = code
            code, previous = code + 1, length
    return codes


def encode(symbols: np.ndarray, lengths: np.ndarray) -> bytes:
    """Write symbols as a row of bits, the first in the highest bit; filled up with zeros."""
    symbols, lengths = np.asarray(symbols).ravel(), _checked(lengths)
    if symbols.size and (symbols.min() < 0 or symbols.max() >= len(lengths)):
        raise ValueError(
            f"symbols go from {symbols.min()} to {symbols.max()}; expected 0 to "
            f"{len(lengths) - 1}, for which the code has words. Make the lengths"
            " from these symbols."
        )
    if (lengths[symbols] == 0).any():
        raise ValueError(
            "symbols hold one whose word has length 0; encode wants a word for each. "
            "Make the lengths from the counts of these symbols."
        )
    return pack_bits(canonical_codes(lengths)[symbols], lengths[symbols])


def pack_bits(words: np.ndarray, widths: np.ndarray) -> bytes:
    """Write words of `widths` bits each one after the other."""
    packed = np.zeros(-(-int(widths.sum(dtype=np.int64)) // 8), np.uint8)
    _pack(np.ascontiguousarray(words, np.uint64), np.ascontiguousarray(widths, np.uint8), packed)
    return packed.tobytes()


def unpack_bits(data: bytes, widths: np.ndarray) -> np.ndarray:
    """Read the words (int64) that `pack_bits` wrote."""
    widths = np.ascontiguousarray(widths, np.int64)
    if widths.sum() > 8 * len(data):
        raise ValueError(
            f"data has {len(data)} bytes and the widths add up to {widths.sum()} bits; unpack_bits "
            "wants all of them. The data was cut short."
        )
    words = np.zeros(len(widths), np.int64)
    _split(np.frombuffer(data, np.uint8), widths, words)
    return words


def decode(data: bytes, count: int, lengths: np.ndarray) -> np.ndarray:
    """Read `count` symbols (int64) that `encode` wrote."""
    decoder = Decoder(lengths)
    symbols = decoder.feed(data, count)
    if len(symbols) < count:
        raise ValueError(
            f"data ends after {len(symbols)} of {count} symbols; decode wants all of them. "
            "It was cut short, or the lengths are not those of the encoder."
        )
    return symbols


class Decoder:
    """Reads symbols from bytes that come piece by piece.

    The rule for canonical words: among the words of one length, symbols are in order, and the
    number of a word minus the first number of its length says which (`_unpack`).
    """

    def __init__(self, lengths: np.ndarray) -> None:
        lengths = _checked(lengths)
        order = np.lexsort((np.arange(len(lengths)), lengths))
        self.symbols = order[lengths[order] > 0].astype(np.int64)
        self.counts = np.bincount(lengths, minlength=LONGEST + 1).astype(np.int64)
        self.counts[0] = 0
        self.word = np.zeros(4, np.int64)  # bits so far, how many, first of this length, index
        self.left: bytes = b""

    def feed(self, data: bytes, most: int) -> np.ndarray:
        """Return at most so many more symbols; bytes not used are kept for the next call."""
        data = self.left + data
        symbols = np.empty(min(most, 8 * len(data)), np.int64)
        found, used = _unpack(
            np.frombuffer(data, np.uint8), self.symbols, self.counts, self.word, symbols
        )
        if found < 0:
            raise ValueError(
                "data holds bits that are no word of this code; expected what encode wrote with "
                "the same lengths. The data is damaged."
            )
        self.left = data[used:]
        return symbols[:found]


def _checked(lengths: np.ndarray) -> np.ndarray:
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"lengths is {lengths.dtype} of shape {lengths.shape}; expected whole numbers, one a "
            "symbol. Use code_lengths(counts)."
        )
    used = lengths[lengths > 0].astype(np.int64)
    if used.size and (used.max() > LONGEST or (1 << (LONGEST - used)).sum() > 1 << LONGEST):
        raise ValueError(
            f"lengths {lengths[:10].tolist()}... are those of no code; expected a sum of "
            f"2^-length of at most 1, and none above {LONGEST}. Use code_lengths(counts)."
        )
    return lengths.astype(np.uint8)


@njit(cache=True, nogil=True)
def _pack(words, widths, packed):  # type: ignore[no-untyped-def]
    """Write words into bytes, from the highest bit down."""
    position = 0
    for i in range(len(words)):
        for bit in range(int(widths[i]) - 1, -1, -1):
            if words[i] >> np.uint64(bit) & np.uint64(1):
                packed[position >> 3] |= np.uint8(128 >> (position & 7))
            position += 1


@njit(cache=True, nogil=True)
def _split(data, widths, words):  # type: ignore[no-untyped-def]
    """Read words of known widths."""
    position = 0
    for i in range(len(widths)):
        for _ in range(widths[i]):
            words[i] = words[i] << 1 | data[position >> 3] >> (7 - (position & 7)) & 1
            position += 1


@njit(cache=True, nogil=True)
def _unpack(data, alphabet, counts, word, symbols):  # type: ignore[no-untyped-def]
    """Fill symbols; return how many, or -1, and how many bytes are done with.

    ``word`` carries what is read of a word, and the bit to go on from, from one call to the next.
    """
    code, length, first, index = word
    position = length >> 32  # bits of the first byte that were read before
    length &= 0xFFFFFFFF
    found = 0
    while found < len(symbols) and position < 8 * len(data):
        code = code << 1 | data[position >> 3] >> (7 - (position & 7)) & 1
        position += 1
        length += 1
        if length >= len(counts):
            return -1, 0
        count = counts[length]
        if code - first < count:
            symbols[found] = alphabet[index + code - first]
            found += 1
            code = length = first = index = 0
        else:
            first = first + count << 1
            index += count
    word[0], word[1], word[2], word[3] = code, length | (position & 7) << 32, first, index
    return found, position >> 3
