"""The timer: its arithmetic is tested on a clock of our own, never on the wall."""

import gc

import pytest

from minicnn.cost import timer
from minicnn.cost.timer import Comparison, compare, format_seconds


class Clock:
    """A clock that only moves when a candidate says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.log = []
        monkeypatch.setattr(timer.time, "perf_counter", lambda: self.now)

    def candidate(self, name, seconds):
        def run():
            self.log.append(name)
            self.now += seconds

        return run


def test_medians_and_ratios_of_a_known_clock(monkeypatch):
    clock = Clock(monkeypatch)
    result = compare(
        {"slow": clock.candidate("slow", 6.0), "quick": clock.candidate("quick", 2.0)},
        repeat=3,
        min_seconds=0.0,
    )
    assert result.baseline == "slow"
    assert result.medians == {"slow": pytest.approx(6.0), "quick": pytest.approx(2.0)}
    assert result.ratios == {"slow": pytest.approx(1.0), "quick": pytest.approx(1 / 3)}
    assert result.speedups["quick"] == pytest.approx(3.0)


def test_candidates_take_turns_and_the_order_turns_too(monkeypatch):
    clock = Clock(monkeypatch)
    compare({n: clock.candidate(n, 1.0) for n in "abc"}, repeat=3, min_seconds=0.0)
    timed = "".join(clock.log)[6:]  # two calls each to warm up and to size the rounds
    assert timed == "abc" + "bca" + "cab"


def test_quick_functions_are_called_often_enough(monkeypatch):
    clock = Clock(monkeypatch)
    result = compare({"f": clock.candidate("f", 0.001)}, repeat=2, min_seconds=0.01)
    assert len(clock.log) == 2 + 2 * 10
    assert result.medians["f"] == pytest.approx(0.001)


def test_ratio_is_paired_by_round_so_drift_cancels():
    drift = [1.0, 10.0, 100.0]
    result = Comparison({"a": drift, "b": [2 * t for t in drift]}, "a")
    assert result.ratios["b"] == pytest.approx(2.0)


def test_table_is_sorted_and_marks_the_baseline():
    result = Comparison({"slow": [0.004, 0.004], "quick": [0.001, 0.001]}, "slow")
    lines = str(result).splitlines()
    assert lines[2].startswith("quick")
    assert "0.25 ×" in lines[2]
    assert lines[3].endswith(" baseline")
    assert "4.00 ms" in lines[3]


def test_a_failing_candidate_is_not_hidden_and_gc_is_restored():
    calls = []

    def fails_when_timed():
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("third call")

    assert gc.isenabled()
    with pytest.raises(RuntimeError, match="third call"):
        compare({"f": fails_when_timed}, min_seconds=0.0)
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.5, "2.50 s"),
        (0.0123, "12.3 ms"),
        (4.56e-5, "45.6 µs"),
        (1.2e-7, "120 ns"),
        (0, "0.00 ns"),
    ],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"functions": {}}, "functions is empty"),
        ({"functions": {"f": int}, "baseline": "g"}, "baseline is 'g'"),
        ({"functions": {"f": int}, "repeat": 0}, "repeat is 0"),
        ({"functions": {"f": int}, "min_seconds": -1}, "min_seconds is -1"),
    ],
)
def test_wrong_arguments_say_how_to_mend_them(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(**arguments)


def test_negative_duration():
    with pytest.raises(ValueError, match="wants 0 or more"):
        format_seconds(-1)
