"""Which thread takes which block, and when: a simulation, exact to the last tick.

Blocks of work take the times `costs`, whoever does them. Four ways to hand them out:

- ``static``: each thread gets one run of neighbours, as equal in number as can be;
- ``cyclic``: block i goes to thread i modulo the number of threads, like cards;
- ``dynamic``: whoever is free takes the next block;
- ``longest first``: the same, but the longest blocks come first.

References: Graham (1966), "Bounds for certain multiprocessing anomalies"; Graham (1969), "Bounds
on multiprocessing timing anomalies".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

SCHEDULES = ("static", "cyclic", "dynamic", "longest first")
"""The names that `simulate` knows."""


class Span(NamedTuple):
    """One block: who does it, from when until when."""

    worker: int
    block: int
    start: float
    stop: float


def simulate(
    costs: Sequence[float], workers: int, *, schedule: str = "dynamic", overhead: float = 0
) -> list[Span]:
    """Return one Span a block, in the order in which they are handed out.

    Parameters
    ----------
    costs : sequence of number >= 0
        How long each block takes; whole numbers stay exact.
    workers : int
        Number of threads; where two are free at the same time, the lower number comes first.
    schedule : str
        One of `SCHEDULES`.
    overhead : number >= 0
        What handing out one block costs its thread besides.

    Raises
    ------
    ValueError
        No workers, a negative cost or overhead, or an unknown schedule.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; simulate wants at least 1. Use 1 for no threads.")
    if overhead < 0 or any(cost < 0 for cost in costs):
        raise ValueError(
            f"costs is {list(costs)} and overhead {overhead}; times are 0 or more. Take abs()?"
        )
    if schedule not in SCHEDULES:
        raise ValueError(
            f"schedule is {schedule!r}; simulate wants one of {', '.join(SCHEDULES)}. "
            "Try schedule='dynamic'."
        )
    order = list(range(len(costs)))
    if schedule == "longest first":
        order.sort(key=lambda block: -costs[block])  # equal ones keep their order
    free: list[float] = [0] * workers  # when each thread is free again
    spans = []
    for block in order:
        if schedule == "static":
            worker = _owner(block, len(costs), workers)
        elif schedule == "cyclic":
            worker = block % workers
        else:
            worker = free.index(min(free))
        start, stop = free[worker], free[worker] + overhead + costs[block]
        spans.append(Span(worker, block, start, stop))
        free[worker] = stop
    return spans


def makespan(spans: Iterable[Span]) -> float:
    """Return the time at which the last block is done, 0 for none."""
    return max((span.stop for span in spans), default=0)


def _owner(block: int, count: int, workers: int) -> int:
    """Return whose run a block is in; where runs cannot be equal, the first are longer by one."""
    size, longer = divmod(count, workers)
    edge = longer * (size + 1)
    return block // (size + 1) if block < edge else longer + (block - edge) // size
