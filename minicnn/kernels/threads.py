"""Blocks of work on all cores, with the same result however many cores there are.

NumPy's matrix products and Numba's loops (``nogil=True``) let go of Python's lock, so ordinary
threads run them side by side. Two rules keep results equal to the last bit: work is cut into
blocks by size, never by the number of threads, and partial results are added in block order.

The threads are a team that waits for work (see `team`). Where blocks call BLAS, the library behind
``np.matmul``, it keeps to one thread meanwhile. Left alone it would start threads of its own, and
two teams on the same cores spend their time waiting for each other.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from minicnn.kernels.team import Team

Block = TypeVar("Block")
Result = TypeVar("Result")


def slices(total: int, size: int) -> Iterator[slice]:
    """Cut range(total) into slices of `size`; the last may be shorter."""
    for first in range(0, total, size):
        yield slice(first, min(first + size, total))


def in_threads(
    work: Callable[[Block], Result], blocks: Iterable[Block], *, blas: bool = True
) -> list[Result]:
    """Return ``[work(block) for block in blocks]``, worked out on several threads.

    A single block, or one that is called from inside another, is worked on by the calling thread.

    Parameters
    ----------
    blas
        Whether `work` may call BLAS, ``np.matmul`` for example. If not, some microseconds are
        saved.
    """
    numbered = deque(enumerate(blocks))
    results: list[Any] = [None] * len(numbered)

    def take_blocks() -> None:
        while True:
            try:
                i, block = numbered.popleft()  # atomic: no block is taken twice
            except IndexError:
                return
            try:
                results[i] = work(block)
            except BaseException:
                numbered.clear()  # the other threads need not go on
                raise

    others = min(_team.size, len(numbered)) - 1
    with _one_blas_thread if blas else nullcontext():
        if others < 1:
            take_blocks()
            return results
        context = contextvars.copy_context()  # takes np.errstate along to the other threads
        workers = _team.start(lambda: context.copy().run(take_blocks), others)
        try:
            take_blocks()
        finally:
            numbered.clear()
            _team.finish(workers)
    return results


def num_threads() -> int:
    """How many threads work at the same time, the calling one included."""
    return _team.size


def set_num_threads(count: int) -> None:
    """Use `count` threads from now on; MINICNN_NUM_THREADS sets it at the start.

    Raises
    ------
    ValueError
        If count is below 1.
    """
    if count < 1:
        raise ValueError(
            f"count is {count}; set_num_threads wants at least 1. Use 1 for no threads."
        )
    _team.size = count


class _OneBlasThread:
    """While anyone is inside, BLAS uses one thread; the last to leave restores what was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._blas: list[Any] | None = None
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._blas is None:
                self._blas = ThreadpoolController().select(user_api="blas").lib_controllers
            if self._inside == 0:
                self._before = [library.get_num_threads() for library in self._blas]
                for library, count in zip(self._blas, self._before, strict=True):
                    if count != 1:
                        library.set_num_threads(1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._blas is not None:
                for library, count in zip(self._blas, self._before, strict=True):
                    if count != 1:
                        library.set_num_threads(count)


def _wanted(setting: str | None) -> int:
    """Read MINICNN_NUM_THREADS; 0 if it is not set."""
    if not setting:
        return 0
    if not setting.isdecimal() or int(setting) < 1:
        raise ValueError(
            f"the environment variable MINICNN_NUM_THREADS is {setting!r}; expected a whole number "
            "from 1. Unset it to use every core."
        )
    return int(setting)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_team = Team(_wanted(os.environ.get("MINICNN_NUM_THREADS")) or _cores())
_one_blas_thread = _OneBlasThread()
