"""Huffman's codes: shortest, canonical, prefix-free, read piece by piece."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.compress import huffman

symbol_lists = st.lists(st.integers(0, 20), min_size=1, max_size=200)


def lengths_of(symbols):
    return huffman.code_lengths(np.bincount(symbols))


@given(symbol_lists)
def test_round_trip(symbols):
    lengths = lengths_of(symbols)
    data = huffman.encode(np.array(symbols), lengths)
    assert huffman.decode(data, len(symbols), lengths).tolist() == symbols
    bits = sum(int(lengths[s]) for s in symbols)
    assert len(data) == -(-bits // 8)


@given(symbol_lists, st.integers(1, 5))
def test_the_decoder_takes_any_pieces(symbols, size):
    lengths = lengths_of(symbols)
    data = huffman.encode(np.array(symbols), lengths)
    decoder, found = huffman.Decoder(lengths), []
    for i in range(0, len(data), size):
        found += decoder.feed(data[i : i + size], len(symbols) - len(found)).tolist()
    assert found == symbols


@given(st.lists(st.integers(1, 50), min_size=2, max_size=5))
def test_no_other_code_is_shorter(counts):
    lengths = huffman.code_lengths(np.array(counts))
    best = min(
        sum(c * n for c, n in zip(counts, some, strict=True))
        for some in itertools.product(range(1, len(counts)), repeat=len(counts))
        if sum(2.0**-n for n in some) <= 1
    )
    assert (lengths * counts).sum() == best


@given(symbol_lists)
def test_within_a_bit_of_the_entropy(symbols):
    counts = np.bincount(symbols)
    shares = counts[counts > 0] / len(symbols)
    entropy = -(shares * np.log2(shares)).sum()
    mean = (huffman.code_lengths(counts) * counts).sum() / len(symbols)
    assert entropy - 1e-9 <= mean <= entropy + 1


@given(symbol_lists)
def test_no_word_begins_another_and_words_are_in_order(symbols):
    lengths = lengths_of(symbols)
    codes = huffman.canonical_codes(lengths)
    words = {s: format(int(codes[s]), f"0{lengths[s]}b") for s in np.flatnonzero(lengths)}
    for a, b in itertools.permutations(words, 2):
        assert not words[b].startswith(words[a])
    in_order = sorted(words, key=lambda s: (len(words[s]), s))
    assert [words[s] for s in in_order] == sorted(words.values())


def test_the_textbook_example():
    # Cormen et al., Introduction to Algorithms, section 16.3: 224 bits for 100 letters.
    counts = np.array([45, 13, 12, 16, 9, 5])
    assert (huffman.code_lengths(counts) * counts).sum() == 224


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 40)), max_size=40))
def test_bits_of_any_width(pairs):
    widths = np.array([w for _, w in pairs], np.int64)
    words = np.array([v & (1 << w) - 1 for v, w in pairs], np.int64)
    data = huffman.pack_bits(words, widths)
    assert huffman.unpack_bits(data, widths).tolist() == words.tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: huffman.code_lengths(np.array([0.5])),
        lambda: huffman.code_lengths(np.array([-1])),
        lambda: huffman.canonical_codes(np.array([1, 1, 1])),
        lambda: huffman.canonical_codes(np.array([60])),
        lambda: huffman.canonical_codes(np.array([0.5])),
        lambda: huffman.encode(np.array([3]), np.array([1, 1])),
        lambda: huffman.encode(np.array([1]), np.array([1, 0])),
        lambda: huffman.decode(b"", 1, np.array([1, 1])),
        lambda: huffman.decode(b"\xff" * 8, 1, np.array([1])),  # 1... is no word
        lambda: huffman.unpack_bits(b"a", np.array([9])),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(ValueError, match=r"want|expected"):
        wrong()
