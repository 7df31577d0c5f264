"""The open task: the order of the steps is free, so take one that needs little memory."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from random import Random
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

Reads = list[list[int]]
ENOUGH = 0.9


def _graph_case(number: int, steps: int) -> Case:
    """Branches of several steps each, wide in the middle, that start at step 0 and join at the end.

    Steps are numbered branch by branch in layers, as a careless author would write them down.
    """
    rng = Random(number)
    branches = rng.randint(1, max(1, min(4, (steps - 1) // 2)))
    reads: Reads = [[]]
    sizes = [rng.randint(1, 4)]
    tips = [0] * branches
    for step in range(1, steps - 1):
        branch = (step - 1) % branches
        reads.append([tips[branch]])
        if rng.random() < 0.2:
            other = rng.choice(tips)
            reads[-1] = sorted({tips[branch], other})
        sizes.append(rng.choice([1, 1, 2, 5, 9]))
        tips[branch] = step
    read = {i for inputs in reads for i in inputs}
    reads.append([i for i in range(len(reads)) if i not in read])
    sizes.append(rng.randint(1, 3))
    return {"reads": reads, "sizes": sizes}


@composite
def _graph_cases(draw: DrawFn) -> Case:
    return _graph_case(draw(st.integers(0, 200)), 2 + draw(st.integers(0, 7)))


def _readers(reads: Reads) -> list[set[int]]:
    return [{j for j, inputs in enumerate(reads) if i in inputs} for i in range(len(reads))]


def _walk(reads: Reads, sizes: Sequence[int], order: Sequence[int]) -> int:
    """Return the peak: what is alive while each step runs, its inputs and its output included."""
    readers, worst = _readers(reads), 0
    done: set[int] = set()
    for step in order:
        alive = {i for i in done if readers[i] - done} | {step}
        worst = max(worst, sum(sizes[i] for i in alive))
        done.add(step)
    return worst


def _least(reads: Reads, sizes: Sequence[int]) -> int:
    """Try the steps that may come last, for every set of steps that may be done."""
    readers = _readers(reads)

    @cache
    def least(done: frozenset[int]) -> int:
        if not done:
            return 0
        options = []
        for last in done:
            before = done - {last}
            if before >= set(reads[last]) and not readers[last] & before:
                alive = {i for i in before if readers[i] - before} | {last}
                options.append(max(least(before), sum(sizes[i] for i in alive)))
        return min(options)

    return least(frozenset(range(len(reads))))


@lru_cache(maxsize=1024)
def _least_known(reads: tuple[tuple[int, ...], ...], sizes: tuple[int, ...]) -> int:
    return _least([list(inputs) for inputs in reads], sizes)


def _judge_order(got: Any, reads: Reads, sizes: list[int]) -> Verdict:
    if not isinstance(got, list | tuple) or not all(is_whole(step) for step in got):
        return Verdict(False, "An order is a list of steps, each a whole number.")
    if sorted(got) != list(range(len(reads))):
        return Verdict(False, f"Each step from 0 to {len(reads) - 1} must be there once.")
    place = {step: i for i, step in enumerate(got)}
    for step, inputs in enumerate(reads):
        for read in inputs:
            if place[read] > place[step]:
                return Verdict(False, f"Step {step} reads step {read}, which comes after it.")
    peak = _walk(reads, sizes, got)
    least = _least_known(tuple(map(tuple, reads)), tuple(sizes))
    if least < ENOUGH * peak:
        return Verdict(False, f"This order has {peak} bytes alive at once; {least} would do.")
    return Verdict(True, score=least / peak)


def _one_by_one(choose: Callable[[list[int], Reads, list[int]], int]) -> Callable[..., list[int]]:
    """A rule: of the steps that are ready, which comes next."""

    def rule(reads: Reads, sizes: list[int]) -> list[int]:
        order: list[int] = []
        while len(order) < len(reads):
            ready = [i for i in range(len(reads)) if i not in order and set(reads[i]) <= {*order}]
            order.append(choose(ready, reads, sizes))
        return order

    return rule


best_order = Task(
    name="activation_memory.best_order",
    title="Open: the order that needs least",
    cases=_graph_cases(),
    judge=_judge_order,
    board=Board(
        cases=tuple(_graph_case(1000 + i, 6 + i % 5) for i in range(30)),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent on average over 30 graphs, where 100 is the least memory",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "as it is written",
            lambda reads, sizes: list(range(len(reads))),
            "The order in which the steps were written down is valid, but it may keep many "
            "branches open at once.",
        ),
        Mistake(
            "smallest first",
            _one_by_one(lambda ready, reads, sizes: min(ready, key=lambda i: (sizes[i], i))),
            "Taking the step with the smallest output puts the large ones off, and then they come "
            "when everything else is alive, too.",
        ),
        Mistake(
            "one branch at a time",
            _one_by_one(lambda ready, reads, sizes: max(ready)),
            "Finishing one branch before the next is begun is a good idea, but which one first? "
            "What a finished branch leaves behind stays alive.",
        ),
        Mistake(
            "the last step first",
            lambda reads, sizes: list(range(len(reads)))[::-1],
            "A step can run only when all that it reads is there.",
        ),
    ),
    hints=(
        "A branch has a high peak inside and leaves little behind. Should it come early or late?",
        "Write a function first that gives the peak of an order. For six steps you can try all "
        "orders that are valid; for ten there are too many.",
        "What is alive depends only on which steps are done, not on their order. So the least peak "
        "of a set of done steps comes from the sets with one step fewer: remember it for each set "
        "(functools.cache, frozenset).",
    ),
)
