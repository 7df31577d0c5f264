"""Huffman's bits without the tree, and words read one bit at a time."""

from __future__ import annotations

import heapq
import math
from fractions import Fraction

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Case, Mistake, Task


# --- bits of the best code --------------------------------------------------------------------
@composite
def _count_cases(draw: DrawFn) -> Case:
    rng = np.random.default_rng([draw_seed(draw), 1])
    size, most = whole(draw, 1, 8), [3, 10, 200][whole(draw, 0, 2)]
    return {"counts": [int(count) for count in rng.integers(1, most + 1, size)]}


def _lengths(counts: list[int]) -> list[int]:
    """Follow every symbol through the joins (Huffman 1952)."""
    if len(counts) == 1:
        return [1]
    depth = [0] * len(counts)
    heap = [(count, symbol, [symbol]) for symbol, count in enumerate(counts)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, first, left), (b, second, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            depth[symbol] += 1
        heapq.heappush(heap, (a + b, min(first, second), left + right))
    return depth


def _bits(counts: list[int]) -> int:
    return sum(count * length for count, length in zip(counts, _lengths(counts), strict=True))


def _shannon(counts: list[int]) -> int:
    """Words as long as Shannon's proof has them: the whole number above log2(1 / p)."""
    bits, total = 0, sum(counts)
    for count in counts:
        length = 0
        while Fraction(1, 2**length) > Fraction(count, total):
            length += 1
        bits += count * max(1, length)
    return bits


def _unsorted(counts: list[int]) -> int:
    """Put each sum at the end of the row, not where its size belongs."""
    if len(counts) == 1:
        return counts[0]
    row, bits = sorted(counts), 0
    while len(row) > 1:
        joined = row[0] + row[1]
        row, bits = [*row[2:], joined], bits + joined
    return bits


code_bits = Task(
    name="low_rank_and_codes.code_bits",
    title="The bits of Huffman's code",
    cases=_count_cases(),
    oracle=_bits,
    mistakes=(
        Mistake(
            "equal lengths",
            lambda counts: sum(counts) * max(1, (len(counts) - 1).bit_length()),
            "These are the bits of words of equal length: frequent symbols may have shorter ones.",
        ),
        Mistake(
            "each on its own",
            _shannon,
            "This is what you get when each symbol's word is log2(1 / p) bits, rounded up: a code "
            "with these lengths exists, but joining the two rarest gives a better one.",
        ),
        Mistake(
            "sums at the end",
            _unsorted,
            "This is what you get when a sum goes to the end of the row: it may be one of the two "
            "smallest again, so it belongs where its size puts it.",
        ),
        Mistake(
            "the entropy",
            lambda counts: math.ceil(
                sum(count * math.log2(sum(counts) / count) for count in counts) - 1e-9
            ),
            "This is the entropy, rounded up: words have whole bits each, so the code takes more.",
        ),
        Mistake(
            "nothing for one",
            lambda counts: 0 if len(counts) == 1 else _bits(counts),
            "A single symbol needs a word, too: one bit each time, by the rule of the task.",
        ),
    ),
    hints=(
        "When two trees are joined, by how many bits do all the words in them grow, counted with "
        "how often each is used?",
        "By the sum of the two counts. So nobody needs the tree: a heap of numbers is enough "
        "(heapq.heapify, heappop, heappush).",
        "Until one number is left: take the two smallest, add their sum to the answer, put it back "
        "in. One symbol alone is a case of its own.",
    ),
)


# --- canonical words --------------------------------------------------------------------------
@composite
def _decode_cases(draw: DrawFn) -> Case:
    number = draw_seed(draw)
    rng = np.random.default_rng([number, 2])
    counts = [int(2 ** rng.integers(0, 6)) for _ in range(whole(draw, 1, 6))]
    lengths = _lengths(counts)
    if number % 2:  # a symbol that does not occur
        lengths.insert(int(rng.integers(0, len(lengths) + 1)), 0)
    used = [symbol for symbol, length in enumerate(lengths) if length]
    symbols = [used[i] for i in rng.integers(0, len(used), whole(draw, 1, 8))]
    words = {symbol: word for word, symbol in _words(lengths).items()}
    return {"bits": "".join(words[symbol] for symbol in symbols), "lengths": lengths}


def _words(lengths: list[int]) -> dict[str, int]:
    """Number the words as binary fractions: each begins where the one before ends."""
    words, at = {}, Fraction(0)
    for length, symbol in sorted((length, s) for s, length in enumerate(lengths) if length):
        words[f"{int(at * 2**length):0{length}b}"] = symbol
        at += Fraction(1, 2**length)
    return words


def _read(bits: str, words: dict[str, int]) -> tuple[int, ...]:
    found, word = [], ""
    for bit in bits:
        word += bit
        if word in words:
            found.append(words[word])
            word = ""
    return tuple(found)


def _by_symbol(bits: str, lengths: list[int]) -> tuple[int, ...]:
    """Number the words in the order of the symbols."""
    words, at = {}, Fraction(0)
    for symbol, length in enumerate(lengths):
        if length:
            words[f"{int(at * 2**length) % 2**length:0{length}b}"] = symbol
            at += Fraction(1, 2**length)
    return _read(bits, words)


def _no_shift(bits: str, lengths: list[int]) -> tuple[int, ...]:
    """Count on without the zeros when the words get longer."""
    order = sorted((length, s) for s, length in enumerate(lengths) if length)
    words = {f"{word % 2**n:0{n}b}": symbol for word, (n, symbol) in enumerate(order)}
    return _read(bits, words)


def _ties_turned(bits: str, lengths: list[int]) -> tuple[int, ...]:
    """Number equal lengths from the last symbol to the first."""
    size = len(lengths)
    turned = _read(bits, _words(lengths[::-1]))
    return tuple(size - 1 - symbol for symbol in turned)


decode = Task(
    name="low_rank_and_codes.decode",
    title="A decoder of canonical words",
    cases=_decode_cases(),
    oracle=lambda bits, lengths: _read(bits, _words(lengths)),
    mistakes=(
        Mistake(
            "in order of the symbols",
            _by_symbol,
            "This is what you get when words are given out in the order of the symbols: short "
            "words come first, and the order of the symbols decides among equal lengths only.",
        ),
        Mistake(
            "no zeros appended",
            _no_shift,
            "This is what you get when the number is not shifted where the words get longer: "
            "append a zero for each bit more, or a word begins another.",
        ),
        Mistake(
            "the last symbol first",
            _ties_turned,
            "This is what you get when words of the same length go to the larger symbols first: "
            "the smaller one is first.",
        ),
        Mistake(
            "bits turned round",
            lambda bits, lengths: _read(bits[::-1], _words(lengths)),
            "This is what you get when the bits are read from the last to the first.",
        ),
    ),
    hints=(
        "Which symbols get words at all, and in which order are the words numbered?",
        "Sort pairs (length, symbol). Keep a number that grows by one each time, and is doubled "
        "for each bit by which the words get longer; f'{number:0{length}b}' writes it.",
        "Make a dictionary from word to symbol. Then add bit after bit to a string, and whenever "
        "it is in the dictionary, note the symbol and begin with an empty string again.",
    ),
)
