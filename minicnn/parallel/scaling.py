"""How much quicker are more threads? Measured, and said in one number.

Let a fraction p of the work be shared by n threads, and the rest be done by one. Then the work
takes ``(1 - p) + p / n`` of its time: Amdahl's law. Solved for the fraction, it turns a measured
speed-up into the serial part that explains it.

References: Amdahl (1967), "Validity of the single processor approach to achieving large scale
computing capabilities"; Gustafson (1988), "Reevaluating Amdahl's law"; Karp and Flatt (1990),
"Measuring parallel processor performance".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from minicnn.cost.timer import Comparison, compare
from minicnn.kernels.threads import num_threads, set_num_threads


def amdahl(p: float, n: float) -> float:
    """Return the speed-up of n threads (n may be math.inf) that share a fraction p of the work."""
    _check(p, n)
    left = 1 - p + p / n
    return 1 / left if left else float("inf")


def gustafson(p: float, n: float) -> float:
    """Return the speed-up where the work grows with the threads.

    Here p is the fraction of the *parallel* run in which all n threads work.
    """
    _check(p, n)
    return 1 - p + p * n


def serial_part(n: float, speedup: float) -> float:
    """Return the serial fraction 1 - p that explains a speed-up of n > 1 threads (Karp and Flatt).

    It is not cut off: below 0 the speed-up is larger than n, above 1 the threads are in the way.
    """
    if n <= 1 or speedup <= 0:
        raise ValueError(
            f"n is {n} and speedup {speedup}; serial_part wants n above 1 and a speed-up above 0. "
            "One thread says nothing about the serial part: measure two."
        )
    return (1 / speedup - 1 / n) / (1 - 1 / n)


def fit_amdahl(speedups: Mapping[int, float]) -> float:
    """Return the p between 0 and 1 whose law fits the relative times best (least squares).

    Parameters
    ----------
    speedups : mapping of int to float
        The speed-up of each number of threads; 1 may be there, and says nothing.
    """
    # Relative time is a line in 1 - 1/n: t = 1 - p (1 - 1/n).
    points = [(1 - 1 / n, 1 - 1 / s) for n, s in speedups.items() if n > 1]
    if not points:
        raise ValueError(
            f"speedups is {dict(speedups)}; fit_amdahl wants the speed-up of two threads or more. "
            "Pass {2: 1.8}."
        )
    p = sum(x * y for x, y in points) / sum(x * x for x, _ in points)
    return min(1.0, max(0.0, p))


@dataclass(frozen=True)
class Scaling:
    """The times of one piece of work with several numbers of threads.

    Attributes
    ----------
    comparison : Comparison
        The times; the candidates are the numbers of threads, as text.
    """

    comparison: Comparison

    @property
    def speedups(self) -> dict[int, float]:
        """How many times as fast as one thread; 1 for one."""
        return {int(name): value for name, value in self.comparison.speedups.items()}

    @property
    def efficiency(self) -> dict[int, float]:
        """Speed-up divided by the number of threads: 1 is perfect."""
        return {n: value / n for n, value in self.speedups.items()}

    @property
    def parallel_part(self) -> float:
        """The fraction p of Amdahl's law that fits best."""
        return fit_amdahl(self.speedups)

    def predict(self, n: float) -> float:
        """Return the speed-up of n threads by the fitted law: a model, not a measurement."""
        return amdahl(self.parallel_part, n)

    def __str__(self) -> str:
        lines = [f"{'threads':>7}{'speed-up':>10}{'efficiency':>12}{'fitted':>8}"]
        for n, value in self.speedups.items():
            row = f"{n:>7}{value:>10.2f}{value / n:>12.0%}{self.predict(n):>8.2f}"
            lines.append(row)
        lines.append(f"fitted parallel part: {self.parallel_part:.1%}")
        return "\n".join(lines)


def speedup(
    work: Callable[[], object],
    *,
    threads: Sequence[int] | None = None,
    repeat: int = 7,
    min_seconds: float = 0.01,
) -> Scaling:
    """Time `work` with several numbers of threads in turn, and put the number back afterwards.

    Parameters
    ----------
    work : callable without arguments
        Something that uses the engine's threads, such as ``lambda: model(x)``.
    threads : sequence of int, optional
        Numbers of threads besides 1; by default 2, 4, 8, ... and the number of cores.
    repeat, min_seconds
        As in `minicnn.cost.compare`.

    Raises
    ------
    ValueError
        A number of threads below 1, or none above 1.
    """
    counts = sorted({1, *(_default() if threads is None else threads)})
    if counts[0] < 1 or counts == [1]:
        raise ValueError(
            f"threads is {threads}; speedup wants numbers from 1, one of them above 1. "
            "Pass threads=(1, 2)."
        )

    def run(count: int) -> None:
        if num_threads() != count:
            set_num_threads(count)
        work()

    before = num_threads()
    candidates = {str(count): partial(run, count) for count in counts}
    try:
        times = compare(candidates, baseline="1", repeat=repeat, min_seconds=min_seconds)
    finally:
        set_num_threads(before)
    return Scaling(times)


def _default() -> list[int]:
    """Powers of two up to the number of cores, and that number; two at least."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = max(2, cores or 1)
    return [2**i for i in range(1, cores.bit_length()) if 2**i < cores] + [cores]


def _check(p: float, n: float) -> None:
    if not 0 <= p <= 1 or n < 1:
        raise ValueError(
            f"p is {p} and n {n}; a fraction lies between 0 and 1, and there is at least 1 thread. "
            "Divide the parallel seconds by all seconds."
        )
