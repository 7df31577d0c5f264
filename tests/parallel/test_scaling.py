"""Amdahl's law, its inverse and its fit; the measuring function, without looking at the clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.cost import Comparison
from minicnn.kernels import threads
from minicnn.parallel import (
    Scaling,
    amdahl,
    fit_amdahl,
    gustafson,
    makespan,
    serial_part,
    simulate,
    speedup,
)

fractions = st.floats(0, 1)
counts = st.integers(2, 1000)


def test_amdahl_is_what_the_simulation_does():
    for n in (1, 2, 4, 8):  # 10 ticks, 8 of them shared
        assert amdahl(0.8, n) == pytest.approx(10 / (2 + makespan(simulate([1] * 8, n))))
    assert amdahl(0.9, math.inf) == pytest.approx(10)
    assert amdahl(1, math.inf) == math.inf
    assert amdahl(0, 64) == 1


@given(fractions, counts)
def test_the_inverse_and_the_fit_find_the_fraction_again(p, n):
    assert serial_part(n, amdahl(p, n)) == pytest.approx(1 - p, abs=1e-9)
    assert fit_amdahl({1: 1.0, n: amdahl(p, n), n + 1: amdahl(p, n + 1)}) == pytest.approx(p)


@given(fractions, counts)
def test_gustafson_is_amdahl_with_the_fraction_of_one_thread(p, n):
    alone = p * n / (1 - p + p * n)  # what of the long run on one thread could be shared
    assert gustafson(p, n) == pytest.approx(amdahl(alone, n))


def test_a_fit_stays_a_fraction():
    assert fit_amdahl({2: 2.5}) == 1
    assert fit_amdahl({2: 0.5}) == 0


def test_scaling_reads_the_times():
    scaling = Scaling(Comparison({"1": [8.0], "2": [5.0], "4": [3.5]}, "1"))
    assert scaling.speedups == pytest.approx({1: 1, 2: 1.6, 4: 8 / 3.5})
    assert scaling.efficiency[2] == pytest.approx(0.8)
    assert scaling.parallel_part == pytest.approx(0.75)
    assert scaling.predict(math.inf) == pytest.approx(4)
    assert "fitted parallel part: 75.0%" in str(scaling)


@pytest.mark.parametrize("ask", [None, (3,)])
def test_work_meets_every_number_of_threads_and_the_old_one_comes_back(ask):
    before, seen = threads.num_threads(), set()
    scaling = speedup(lambda: seen.add(threads.num_threads()), threads=ask, repeat=1, min_seconds=0)
    assert seen == set(scaling.speedups)
    assert {1, 3 if ask else 2} <= seen
    assert threads.num_threads() == before


def test_the_old_number_comes_back_after_an_error():
    before = threads.num_threads()
    with pytest.raises(ZeroDivisionError):
        speedup(lambda: 1 // 0, threads=(before + 1,))
    assert threads.num_threads() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: speedup(print, threads=(1,)), r"Pass threads=\(1, 2\)"),
        (lambda: speedup(print, threads=(0, 2)), "wants numbers from 1"),
        (lambda: amdahl(1.5, 2), "between 0 and 1"),
        (lambda: gustafson(0.5, 0), "at least 1 thread"),
        (lambda: serial_part(1, 1.0), "measure two"),
        (lambda: fit_amdahl({1: 1.0}), "Pass {2: 1.8}"),
    ],
)
def test_wrong_input_says_how_to_mend_it(call, message):
    with pytest.raises(ValueError, match=message):
        call()
