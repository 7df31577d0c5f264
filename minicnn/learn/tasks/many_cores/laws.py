"""How long it takes with several threads: Amdahl's law, and blocks that are taken in turn."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import math

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- Amdahl's law -----------------------------------------------------------------------------
@composite
def _step_cases(draw: DrawFn) -> Case:
    serial = draw(st.integers(0, 9))
    return {
        "serial": serial,
        "shared": whole(draw, 0 if serial else 1, 20),
        "threads": whole(draw, 1, 16),
    }


def _speedup(serial: int, shared: int, threads: int) -> np.ndarray:
    """Count in ticks of 1/threads: so many does one thread need, so many the team."""
    alone = (serial + shared) * threads
    return np.asarray(alone / (serial * threads + shared))


speedup = Task(
    name="many_cores.speedup",
    title="Amdahl's law",
    cases=_step_cases(),
    oracle=_speedup,
    mistakes=(
        Mistake(
            "no serial part",
            lambda serial, shared, threads: float(threads),
            "This is what you get when everything is shared. The serial seconds pass as slowly "
            "with many threads as with one.",
        ),
        Mistake(
            "the time, not the speed-up",
            lambda serial, shared, threads: serial + shared / threads,
            "This is the time that the team needs. The speed-up is how often it fits into the time "
            "of one thread.",
        ),
        Mistake(
            "upside down",
            lambda serial, shared, threads: (serial + shared / threads) / (serial + shared),
            "This is the time of the team divided by that of one thread. A speed-up is the other "
            "way round: above 1 when the team is quicker.",
        ),
        Mistake(
            "the work grows",
            lambda serial, shared, threads: (serial + threads * shared) / (serial + shared),
            "This is Gustafson's answer, where every thread brings as much work along as the first "
            "had. Here the work stays as it is.",
        ),
    ),
    hints=(
        "How many seconds does one thread need? How many does the team need for each of the parts?",
        "The serial seconds stay; the shared ones are divided by the number of threads.",
        "Two times, and a division: that of one thread above, that of the team below.",
    ),
)


# --- whoever is free takes the next block -----------------------------------------------------
@composite
def _block_cases(draw: DrawFn) -> Case:
    costs = [whole(draw, 1, 9) for _ in range(whole(draw, 1, 9))]
    return {"costs": costs, "threads": whole(draw, 1, 4)}


def _finish(costs: list[int], threads: int) -> int:
    """Let time pass tick by tick."""
    left, busy, ticks = list(costs), [0] * threads, 0
    while left or any(busy):
        for thread in range(threads):
            if busy[thread] == 0 and left:
                busy[thread] = left.pop(0)
        busy = [max(0, rest - 1) for rest in busy]
        ticks += 1
    return ticks


def _static(costs: list[int], threads: int) -> int:
    size = math.ceil(len(costs) / threads)
    return max(sum(costs[i : i + size]) for i in range(0, len(costs), size))


finish = Task(
    name="many_cores.finish",
    title="Whoever is free takes the next block",
    cases=_block_cases(),
    oracle=_finish,
    mistakes=(
        Mistake(
            "dealt like cards",
            lambda costs, threads: max(sum(costs[i::threads]) for i in range(threads)),
            "This is what you get when block i goes to thread i modulo the number of threads. "
            "The next block is for whoever is free first.",
        ),
        Mistake(
            "one run each",
            _static,
            "This is what you get when every thread has its run of neighbours from the start: "
            "static, like prange. The next block is for whoever is free first.",
        ),
        Mistake(
            "perfectly shared",
            lambda costs, threads: math.ceil(sum(costs) / threads),
            "This is the sum divided among the threads. Blocks cannot be cut: "
            "near the end some threads have nothing to do.",
        ),
        Mistake(
            "longest first",
            lambda costs, threads: _finish(sorted(costs, reverse=True), threads),
            "This is what you get with the longest blocks first. "
            "Here they are taken in the order of the list.",
        ),
        Mistake(
            "when the last one starts",
            lambda costs, threads: _finish(costs[:-1], threads),
            "This leaves out the last block of the list.",
        ),
    ),
    hints=(
        "When is each thread free again? Who gets the next block?",
        "Keep a list with the time at which each thread is free. The next block goes to its "
        "smallest entry.",
        "One loop over the blocks: find the smallest entry, add the cost of the block to it. "
        "At the end the largest entry is the answer.",
    ),
)
