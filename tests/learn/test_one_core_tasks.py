"""The tasks on one core against the engine, and against counting step by step."""

import numpy as np

from minicnn.cost.roofline import Roofline
from minicnn.kernels import room
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.one_core import challenge


def cases(name, count=60):
    return draw_cases(get_task(f"one_core.{name}").cases, count, 3)


def test_what_a_block_of_sums_moves_in_closed_form():
    oracle = get_task("one_core.numbers_moved").oracle
    for case in cases("numbers_moved"):
        m, n, depth, rows, columns = case.values()
        aside, below = -(-n // columns), -(-m // rows)
        assert oracle(**case) == depth * (m * aside + n * below) + m * n


def test_panels_give_the_product():
    oracle = get_task("one_core.pack").oracle
    for case in cases("pack"):
        b = case["b"]
        a = np.arange(3.0 * len(b)).reshape(3, -1)
        products = [a @ panel for panel in oracle(**case)]
        np.testing.assert_array_equal(np.concatenate(products, axis=1)[:, : b.shape[1]], a @ b)


def test_taps_look_where_the_engine_looks():
    oracle = get_task("one_core.looks").oracle
    for case in cases("looks"):
        C, H, W, R, S, padding, dilation = case.values()
        x = np.ones((1, C, H, W))
        taps = tuple(np.arange(size) * dilation - padding for size in (R, S))
        hw = tuple(
            size + 2 * padding - dilation * (k - 1) for size, k in zip((H, W), (R, S), strict=True)
        )
        assert oracle(**case) == tuple(room.rooms(x, C, taps, (1, 1), hw)[1])


def test_the_roof_is_the_engines():
    oracle = get_task("one_core.attainable").oracle
    for case in cases("attainable"):
        operations, moved, peak, bandwidth = case.values()
        roof = Roofline(peak, {str(i): speed for i, speed in enumerate(bandwidth)}, "float64")
        expected = [
            min(roof.attainable(count / amount, level) for level, amount in enumerate_text(amounts))
            for count, amounts in zip(operations, moved, strict=True)
        ]
        np.testing.assert_allclose(oracle(**case), expected)


def enumerate_text(values):
    return [(str(i), value) for i, value in enumerate(values)]


def counted(m, n, depth, lanes, rows, vectors, steps):
    """Run through the blocks and count every instruction."""
    total = 0
    for k in range(0, depth, steps):
        here = min(steps, depth - k)
        for _ in range(0, m, rows):
            for j in range(0, n, vectors * lanes):
                wide = -(-min(vectors * lanes, n - j) // lanes)
                total += challenge.START
                total += here * (rows * wide + rows + wide)
                total += rows * wide * (2 if k else 1)
    return total


def test_the_price_is_that_of_running_through_the_blocks():
    for case in cases("best_blocking"):
        m, n, depth, registers, lanes, cache = case.values()
        for blocking in challenge._legal(depth, registers, lanes, cache)[::7]:
            price = challenge._price(m, n, depth, lanes, *blocking)
            assert price == counted(m, n, depth, lanes, *blocking)


def test_fewer_steps_never_cost_less():
    for case in cases("best_blocking", 20):
        m, n, depth, registers, lanes, cache = case.values()
        for rows, vectors, most in challenge._legal(depth, registers, lanes, cache)[::5]:
            prices = [
                challenge._price(m, n, depth, lanes, rows, vectors, s) for s in range(1, most + 1)
            ]
            assert min(prices) == prices[-1]


def test_the_rules_are_enforced():
    case = {"m": 8, "n": 64, "depth": 100, "registers": 16, "lanes": 8, "cache": 1000}
    for blocking, message in (
        ((5, 3, 10), "registers"),
        ((4, 2, 60), "cache"),
        ((4, 2, 0), "1 or more"),
        ((4, 2, 101), "to the depth"),
        ((4, 2.0, 10), "three whole numbers"),
        ("abc", "three whole numbers"),
    ):
        verdict = challenge._judge_blocking(blocking, **case)
        assert not verdict.ok
        assert message in verdict.message
