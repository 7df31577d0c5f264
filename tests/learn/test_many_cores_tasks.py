"""The tasks on many cores against the engine and against trying everything."""

from itertools import permutations, product

import numpy as np
import pytest

from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.many_cores import challenge, laws, order
from minicnn.parallel import amdahl, makespan, simulate


def cases(name, count=60):
    return draw_cases(get_task(f"many_cores.{name}").cases, count, 3)


def test_speedups_are_amdahls():
    for case in cases("speedup"):
        p = case["shared"] / (case["serial"] + case["shared"])
        assert laws._speedup(**case) == pytest.approx(amdahl(p, case["threads"]))


def test_ends_are_those_of_the_simulation():
    for case in cases("finish"):
        assert laws._finish(**case) == makespan(simulate(case["costs"], case["threads"]))


def test_endings_by_playing_every_order():
    for case in cases("endings", 20):
        adds = case["first"], case["second"]
        if sum(map(len, adds)) > 4:
            continue
        ends = set()
        for steps in set(permutations([0] * 2 * len(adds[0]) + [1] * 2 * len(adds[1]))):
            counter, held, left = 0, {}, [list(adds[0]), list(adds[1])]
            for thread in steps:
                if thread in held:
                    counter = held.pop(thread) + left[thread].pop(0)
                else:
                    held[thread] = counter
            ends.add(counter)
        assert order._endings(**case) == tuple(sorted(ends))


def test_the_fixed_sum_is_near_the_true_one_and_deaf_to_the_order():
    for case in cases("fixed_sum"):
        x, block = case["x"], case["block"]
        total = order._fixed_sum(x, block, case["order"])
        assert total.dtype == np.float32
        assert total == order._fixed_sum(x, block, case["order"][::-1])
        assert abs(float(total) - x.sum(dtype=np.float64)) <= 1e-6 * np.abs(x).sum() * len(x)


def test_the_earliest_end_by_trying_every_assignment():
    for case in cases("assign", 40):
        costs, threads = case["costs"], case["threads"]
        if len(costs) <= 6:
            ways = product(range(threads), repeat=len(costs))
            best = min(max(challenge._loads(costs, threads, who)) for who in ways)
            assert challenge._earliest(tuple(costs), threads) == best
        assert challenge._earliest(tuple(costs), threads) == sum(costs) // threads


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("01", "list with the number"),
        ([0], "2 blocks"),
        ([0, 2], "numbered 0 to 1"),
        ([0, 0], "2 would be possible"),
    ],
)
def test_the_judge_says_what_is_wrong(answer, message):
    assert message in challenge._judge(answer, [2, 2], 2).message
