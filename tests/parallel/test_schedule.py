"""The simulated schedules: every block once, nobody in two places, Graham's bounds, exact cases."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.parallel import SCHEDULES, makespan, simulate

costs = st.lists(st.integers(0, 9), max_size=12)
teams = st.integers(1, 5)


@given(costs, teams, st.sampled_from(SCHEDULES), st.integers(0, 2))
def test_every_block_is_done_once_and_nobody_does_two_at_once(costs, workers, schedule, overhead):
    spans = simulate(costs, workers, schedule=schedule, overhead=overhead)
    assert sorted(span.block for span in spans) == list(range(len(costs)))
    assert all(span.stop - span.start == costs[span.block] + overhead for span in spans)
    for worker in range(workers):
        own = [span for span in spans if span.worker == worker]
        assert [span.start for span in own] == [0, *(span.stop for span in own)][: len(own)]


@given(costs, teams)
def test_a_dynamic_schedule_keeps_grahams_bound(costs, workers):
    best = max([0, sum(costs) / workers, *costs])
    for schedule in ("dynamic", "longest first"):
        end = makespan(simulate(costs, workers, schedule=schedule))
        assert best <= end <= sum(costs) / workers + (1 - 1 / workers) * max([0, *costs]) + 1e-9


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 3))
def test_longest_first_is_near_the_best_of_all(costs, workers):
    best = min(
        max(sum(c for c, w in zip(costs, who, strict=True) if w == i) for i in range(workers))
        for who in itertools.product(range(workers), repeat=len(costs))
    )
    end = makespan(simulate(costs, workers, schedule="longest first"))
    assert best <= end <= (4 / 3 - 1 / (3 * workers)) * best


@given(st.integers(0, 20), teams)
def test_static_runs_are_neighbours_and_equal(count, workers):
    owners = [span.worker for span in simulate([1] * count, workers, schedule="static")]
    assert owners == sorted(owners)
    shares = [owners.count(worker) for worker in range(workers)]
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


def test_by_hand():
    costs = [4, 1, 1, 1, 1]
    ends = {name: makespan(simulate(costs, 2, schedule=name)) for name in SCHEDULES}
    assert ends == {"static": 6, "cyclic": 6, "dynamic": 4, "longest first": 4}
    assert makespan(simulate([1, 1, 2], 2)) == 3
    assert makespan(simulate([1, 1, 2], 2, schedule="longest first")) == 2
    assert makespan([]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], 0), "at least 1"),
        (([-1], 1), "0 or more"),
        (([1], 1, "guided"), "Try schedule='dynamic'"),
        (([1], 1, "static", -1), "0 or more"),
    ],
)
def test_wrong_input_says_how_to_mend_it(arguments, message):
    costs, workers, *rest = arguments
    with pytest.raises(ValueError, match=message):
        simulate(costs, workers, **dict(zip(("schedule", "overhead"), rest, strict=False)))
