"""Fair timing: candidates take turns, and each round is compared with itself.

A machine drifts: its clock slows down when warm, other programs come and go. Timing all of A and
then all of B lets that drift decide. Here every round times every candidate once, each round in a
new order, and a ratio is the median over rounds of (candidate / baseline in the *same* round).
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (0.0, "ns"))


def format_seconds(seconds: float) -> str:
    """Write a duration with three significant digits in the unit that suits it, e.g. '1.23 ms'."""
    if seconds < 0:
        raise ValueError(f"seconds is {seconds}; it wants 0 or more. Swap the two times?")
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    value = seconds / (size or 1e-9)
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f} {unit}"


@dataclass(frozen=True)
class Comparison:
    """Times of several candidates, measured in turn.

    Attributes
    ----------
    times : dict of str to list of float
        Seconds per call, one entry a round.
    baseline : str
        The candidate that the others are compared with.
    """

    times: dict[str, list[float]]
    baseline: str

    @property
    def medians(self) -> dict[str, float]:
        """Median seconds per call of each candidate."""
        return {name: statistics.median(times) for name, times in self.times.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """Time relative to the baseline, paired by round: 0.5 is half the time, 1 the baseline."""
        base = self.times[self.baseline]
        return {
            name: statistics.median(t / b for t, b in zip(times, base, strict=True))
            for name, times in self.times.items()
        }

    @property
    def speedups(self) -> dict[str, float]:
        """How many times as fast as the baseline: the inverse of `ratios`."""
        return {name: 1 / ratio for name, ratio in self.ratios.items()}

    def __str__(self) -> str:
        medians, ratios = self.medians, self.ratios
        wide = max(len("candidate"), *map(len, medians))
        titles = "  ".join(f"{title:>9}" for title in ("median", "fastest", "slowest"))
        head = f"{'candidate':<{wide}}  {titles}  relative time"
        lines = [head, "-" * len(head)]
        for name in sorted(medians, key=lambda n: medians[n]):
            times = self.times[name]
            cells = [format_seconds(s) for s in (medians[name], min(times), max(times))]
            ratio = "baseline" if name == self.baseline else f"{ratios[name]:.3g} ×"
            row = "  ".join(f"{cell:>9}" for cell in cells)
            lines.append(f"{name:<{wide}}  {row}  {ratio:>13}")
        return "\n".join(lines)


def compare(
    functions: Mapping[str, Callable[[], object]],
    *,
    baseline: str | None = None,
    repeat: int = 7,
    min_seconds: float = 0.01,
) -> Comparison:
    """Time functions side by side, after one call of each to warm up (and compile).

    Parameters
    ----------
    functions : mapping of str to callable without arguments
        The candidates. Give them the same work: check that the results agree before you time.
    baseline : str, optional
        Name of the candidate that gets ratio 1; the first one by default.
    repeat : int
        Number of rounds. In each, every candidate is timed once; the order turns by one a round.
    min_seconds : float
        A quick function is called many times a round, until about this long is timed.

    Raises
    ------
    ValueError
        No functions, an unknown baseline, ``repeat < 1`` or a negative ``min_seconds``.
    """
    names = list(functions)
    if not names:
        raise ValueError("functions is empty; compare wants one or more. Pass {'name': callable}.")
    baseline = names[0] if baseline is None else baseline
    if baseline not in functions:
        raise ValueError(f"baseline is {baseline!r}; the candidates are {names}. Pick one of them.")
    if repeat < 1:
        raise ValueError(f"repeat is {repeat}; compare wants 1 round or more. Try repeat=7.")
    if min_seconds < 0:
        raise ValueError(f"min_seconds is {min_seconds}; it wants 0 or more. Try 0.01.")

    calls = {name: _calls_needed(function, min_seconds) for name, function in functions.items()}
    times: dict[str, list[float]] = {name: [] for name in names}
    collecting = gc.isenabled()
    gc.disable()  # a collection in the middle of one candidate would be charged to it alone
    try:
        for round_ in range(repeat):
            turn = round_ % len(names)
            for name in names[turn:] + names[:turn]:
                times[name].append(_time(functions[name], calls[name]))
    finally:
        if collecting:
            gc.enable()
    return Comparison(times, baseline)


def _time(function: Callable[[], object], calls: int) -> float:
    """Return seconds per call over `calls` calls in a row, never less than one tick (1 ns)."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return max(time.perf_counter() - start, 1e-9) / calls


def _calls_needed(function: Callable[[], object], min_seconds: float) -> int:
    """Warm up, then find how many calls take about `min_seconds`."""
    function()
    return max(1, round(min_seconds / _time(function, 1)))
