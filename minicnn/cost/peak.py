"""Measure how much memory something takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable


def peak_bytes(function: Callable[[], object], *, warm_up: bool = True) -> int:
    """Return the most bytes that `function` had allocated at one time, beyond what was there.

    Python objects and NumPy arrays are counted, on all threads; what C libraries allocate for
    themselves is not. Counting makes the function slow: measure time separately.

    Parameters
    ----------
    warm_up
        Call it once before, so that compiling and caching are not counted.
    """
    if warm_up:
        function()
    gc.collect()
    counting = tracemalloc.is_tracing()
    if not counting:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not counting:
            tracemalloc.stop()
