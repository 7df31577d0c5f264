"""The tasks on low rank and codes against the engine, and against trying everything."""

from itertools import combinations

import numpy as np
import pytest

from minicnn import compress, nn
from minicnn.compress import huffman
from minicnn.compress.cluster import kmeans
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.low_rank_and_codes import challenge, codes


def cases(name, count=60):
    return draw_cases(get_task(f"low_rank_and_codes.{name}").cases, count, 3)


def test_the_last_rank_that_pays_is_the_last_that_the_engine_takes():
    oracle = get_task("low_rank_and_codes.thrifty_rank").oracle
    for case in cases("thrifty_rank", 12):
        K, C, R, S = case.values()
        conv = nn.Conv2d(C, K, (R, S), bias=False, seed=0)
        rank = oracle(**case)
        for r in {rank, rank + 1} & set(range(1, min(K * S, C * R) + 1)):
            w = conv.weight.data
            rng = np.random.default_rng(0)
            factors = rng.normal(size=(K * S, r)) @ rng.normal(size=(r, C * R))
            w[...] = factors.reshape(K, S, C, R).transpose(0, 2, 3, 1)
            how = {"energy": 1 - 1e-10, "method": "separable"}
            small, _ = compress.low_rank(nn.Sequential(conv), **how)
            if (R, S) != (1, 1):
                assert (len(small) == 2) == (r <= rank)


def test_gradients_are_what_ties_let_through():
    oracle = get_task("low_rank_and_codes.codebook_gradient").oracle
    for case in cases("codebook_gradient"):
        grad, which, count = case.values()
        sums = oracle(grad, which, count)
        through = nn.Tied(which).gradient(grad)
        np.testing.assert_allclose(through[which >= 0], sums[which[which >= 0]])


def test_bits_and_words_are_those_of_the_engine():
    for case in cases("code_bits"):
        counts = np.array(case["counts"])
        lengths = huffman.code_lengths(counts)
        assert codes._bits(case["counts"]) == (counts * lengths).sum()
        assert codes._lengths(case["counts"]) == lengths.tolist()
    oracle = get_task("low_rank_and_codes.decode").oracle
    for case in cases("decode"):
        bits, lengths = case["bits"], np.array(case["lengths"])
        symbols = oracle(**case)
        packed = huffman.encode(np.array(symbols), lengths)
        assert "".join(f"{byte:08b}" for byte in packed)[: len(bits)] == bits
        assert huffman.decode(packed, len(symbols), lengths).tolist() == list(symbols)


def test_the_fewest_values_by_trying_every_split():
    for case in cases("fewest_values", 60):
        row, limit = np.sort(case["weights"]), case["limit"]
        if len(row) > 9:
            continue
        best = next(
            count
            for count in range(1, len(row) + 1)
            for ends in combinations(range(1, len(row)), count - 1)
            if sum(((p - p.mean()) ** 2).sum() for p in np.split(row, ends)) <= limit + 1e-6
        )
        assert challenge._fewest(tuple(case["weights"].tolist()), limit) == best


def test_lloyds_rounds_get_near_and_not_always_there():
    got = sum(
        next(
            count
            for count in range(1, 121)
            if challenge._off(case["weights"], kmeans(case["weights"], count)[0]) <= case["limit"]
        )
        for case in challenge.BOARD
    )
    best = get_task("low_rank_and_codes.fewest_values").board.best
    assert best < got < 2 * best


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("ab", "row of numbers"),
        ([], "finite numbers"),
        ([np.nan], "finite numbers"),
        ([0.0], "above the limit"),
        ([0, 1, 2, 10, 11, 12], "2 can do it"),
    ],
)
def test_the_judge_says_what_is_wrong(answer, message):
    weights = np.array([0.0, 1, 2, 10, 11, 12])
    verdict = challenge._judge(answer, weights, 4)
    assert not verdict.ok
    assert message in verdict.message
