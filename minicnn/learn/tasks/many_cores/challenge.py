"""The open task: who does which block, when all costs are known beforehand."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

ENOUGH = 0.95


def _blocks_case(number: int, pieces: int, threads: int) -> Case:
    """Cut one length for each thread into pieces and shuffle: there is a perfect answer."""
    rng = Random(number)
    length, costs = rng.randint(2 * pieces, 6 * pieces), []
    for _ in range(threads):
        cuts = [0, *sorted(rng.sample(range(1, length), pieces - 1)), length]
        costs += [b - a for a, b in pairwise(cuts)]
    rng.shuffle(costs)
    return {"costs": costs, "threads": threads}


@composite
def _blocks_cases(draw: DrawFn) -> Case:
    pieces, threads = 1 + draw(st.integers(0, 2)), 1 + draw(st.integers(0, 2))
    return _blocks_case(draw(st.integers(0, 200)), pieces, threads)


def _loads(costs: list[int], threads: int, who: list[int]) -> list[int]:
    loads = [0] * threads
    for cost, thread in zip(costs, who, strict=True):
        loads[thread] += cost
    return loads


@lru_cache(maxsize=2048)
def _earliest(costs: tuple[int, ...], threads: int) -> int:
    """Try one end after the other: do the blocks fit into so many threads of that length?"""
    end = max(*costs, -(-sum(costs) // threads), 0)
    while _threads_needed(costs, end) > threads:
        end += 1
    return end


def _threads_needed(costs: tuple[int, ...], end: int) -> int:
    """For every set of blocks: the fewest full threads, and the least load on the one after."""
    best = [(0, 0)] + [(len(costs) + 1, 0)] * (2 ** len(costs) - 1)
    for some in range(1, len(best)):
        for block, cost in enumerate(costs):
            if some >> block & 1:
                full, load = best[some ^ 1 << block]
                option = (full, load + cost) if load + cost <= end else (full + 1, cost)
                best[some] = min(best[some], option)
    return best[-1][0] + 1


def _judge(got: Any, costs: list[int], threads: int) -> Verdict:
    if not isinstance(got, list | tuple) or not all(is_whole(thread) for thread in got):
        return Verdict(False, "An answer is a list with the number of a thread for each block.")
    if len(got) != len(costs):
        return Verdict(False, f"There are {len(costs)} blocks, and {len(got)} threads were named.")
    for block, thread in enumerate(got):
        if not 0 <= thread < threads:
            what = f"Block {block} goes to thread {thread}; they are numbered 0 to {threads - 1}."
            return Verdict(False, what)
    end, earliest = max(_loads(costs, threads, list(got))), _earliest(tuple(costs), threads)
    if earliest < ENOUGH * end:
        return Verdict(False, f"All is done at {end}; {earliest} would be possible.")
    return Verdict(True, score=earliest / end)


def _by_turns(costs: list[int], threads: int, order: list[int]) -> list[int]:
    """Whoever is free takes the next block of the order."""
    who, free = [0] * len(costs), [0] * threads
    for block in order:
        who[block] = free.index(min(free))
        free[who[block]] += costs[block]
    return who


assign = Task(
    name="many_cores.assign",
    title="Open: done as early as possible",
    cases=_blocks_cases(),
    judge=_judge,
    board=Board(
        cases=tuple(_blocks_case(1000 + i, 3 + i % 2, 2 + i % 3 - (i % 6 == 5)) for i in range(30)),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent on average over 30 lists of blocks, where 100 is the earliest end",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "one thread for all",
            lambda costs, threads: [0] * len(costs),
            "One thread does everything, and the others wait.",
        ),
        Mistake(
            "dealt like cards",
            lambda costs, threads: [i % threads for i in range(len(costs))],
            "Dealt like cards, each thread has as many blocks as the others, "
            "but not as much to do: look at the costs.",
        ),
        Mistake(
            "in the order given",
            lambda costs, threads: _by_turns(costs, threads, list(range(len(costs)))),
            "Whoever is free takes the next one: good, but a long block that comes late keeps "
            "everybody waiting.",
        ),
        Mistake(
            "longest first",
            lambda costs, threads: _by_turns(
                costs, threads, sorted(range(len(costs)), key=lambda i: -costs[i])
            ),
            "Longest first is a very good rule, and never more than a third too late. "
            "It decides about each block once; look further ahead.",
        ),
    ),
    hints=(
        "Costs 3, 3, 2, 2, 2 on two threads: when is longest first done, and when could it be?",
        "With nine blocks on three threads there are nearly 20,000 ways, and many are the same "
        "but for the names of the threads. Which of them can you leave out?",
        "Go through the blocks, and keep all lists of loads that can be reached, sorted, each "
        "once, with one way that leads there. At the end take the list whose largest load is "
        "least.",
    ),
)
