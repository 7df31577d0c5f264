import tracemalloc

import numpy as np
import pytest

from minicnn import cost


def test_the_peak_is_counted_and_not_the_rest():
    kept = []

    def work():
        big = np.empty(2**20, np.uint8)
        small = big[:10].copy()
        del big
        kept.append(small)
        return np.empty(2**18, np.uint8)

    peak = cost.peak_bytes(work)
    assert 2**20 <= peak < 2**20 + 10_000
    assert len(kept) == 2  # once to warm up
    assert not tracemalloc.is_tracing()
    cost.peak_bytes(work, warm_up=False)
    assert len(kept) == 3


def test_inside_a_running_trace():
    tracemalloc.start()
    try:
        held = np.empty(2**20, np.uint8)
        assert cost.peak_bytes(lambda: np.empty(2**16, np.uint8)) < 2**17
        assert tracemalloc.is_tracing()
        assert held.size
    finally:
        tracemalloc.stop()


def test_an_exception_stops_the_trace():
    with pytest.raises(ZeroDivisionError):
        cost.peak_bytes(lambda: 1 / 0, warm_up=False)
    assert not tracemalloc.is_tracing()
