"""The tasks on activation memory against the engine's planner, and against trying everything."""

from itertools import permutations

from minicnn.cost.placement import Block, live_bytes, place
from minicnn.cost.steps import Step
from minicnn.cost.steps import last_reads as engine_last_reads
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.activation_memory import challenge, placing


def cases(name, count=60):
    return draw_cases(get_task(f"activation_memory.{name}").cases, count, 3)


def test_deaths_are_the_engines():
    oracle = get_task("activation_memory.last_reads").oracle
    for case in cases("last_reads"):
        steps = [Step(str(i), None, tuple(r), (1,)) for i, r in enumerate(case["reads"])]
        assert list(oracle(**case)) == engine_last_reads(steps)


def test_peaks_are_the_engines():
    oracle = get_task("activation_memory.peak").oracle
    for case in cases("peak"):
        blocks = [Block(*life) for life in zip(*case.values(), strict=True)]
        assert oracle(**case) == max(live_bytes(blocks, max(case["deaths"]) + 1))


def test_what_is_written_over_is_never_read_again():
    """Run the graph with labelled memory: every reader must find what it was promised."""
    oracle = get_task("activation_memory.overwrites").oracle
    for case in cases("overwrites", 200):
        kinds, reads = case["kinds"], case["reads"]
        memory, holds = {}, {}  # step to place; place to the labels that may be read there
        for step, (kind, over) in enumerate(zip(kinds, oracle(**case), strict=True)):
            assert all(read in holds[memory[read]] for read in reads[step])
            if kind == "view":
                memory[step] = memory[reads[step][0]]
                holds[memory[step]].add(step)
            elif over >= 0:
                assert kind in ("relu", "sum")
                memory[step] = memory[over]
                holds[memory[step]] = {step}
            else:
                memory[step], holds[step] = step, {step}


def test_the_lowest_plan_is_between_the_bound_and_the_engines():
    reached = 0
    for case in cases("place"):
        blocks = [Block(*life) for life in zip(*case.values(), strict=True)]
        bound = max(live_bytes(blocks, max(case["deaths"]) + 1))
        lowest = placing._lowest(*(tuple(column) for column in case.values()))
        offsets = place(blocks)
        assert bound <= lowest
        assert lowest <= max(o + b.bytes for o, b in zip(offsets, blocks, strict=True))
        verdict = placing._judge_plan(placing._stack(range(len(blocks)), *case.values()), **case)
        assert verdict.ok or "would do" in verdict.message
        reached += lowest == bound
    assert reached >= 50


def kept_at_most(sizes, starts):
    """Go through a training step tick by tick, with a set of what is kept."""
    segments = [range(a, b) for a, b in zip(starts, [*starts[1:], len(sizes)], strict=True)]
    kept, worst = {*starts, *segments[-1]}, 0
    for segment in reversed(segments):
        kept |= set(segment)  # forward again
        worst = max(worst, sum(sizes[i] for i in kept))
        kept -= set(segment)  # backward
    return worst


def test_what_a_choice_of_starts_keeps():
    for case in cases("segment_starts"):
        sizes = case["sizes"]
        peaks = [placing._kept(sizes, starts) for starts in placing._choices(len(sizes))]
        assert peaks == [kept_at_most(sizes, starts) for starts in placing._choices(len(sizes))]
        assert placing._least_kept(tuple(sizes)) == min(peaks)
    for k in range(1, 31):  # the formula of the chapter
        assert placing._kept([1] * 30, range(0, 30, k)) == 30 // k + k - 1


def test_the_least_peak_of_an_order_is_found_by_trying_all():
    for number in range(12):
        case = challenge._graph_case(number, 2 + number % 5)
        reads, sizes = case["reads"], case["sizes"]
        valid = [
            order
            for order in permutations(range(len(reads)))
            if all(order.index(r) < order.index(i) for i, rs in enumerate(reads) for r in rs)
        ]
        peaks = [challenge._walk(reads, sizes, order) for order in valid]
        assert challenge._least(reads, sizes) == min(peaks)
