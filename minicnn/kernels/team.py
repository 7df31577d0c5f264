"""Threads that wait for work, and wait awake for a moment.

To wake a sleeping thread takes 30 to 300 microseconds: the system must be asked, and a core that
slept must come back, which is slowest in a virtual machine. A convolution of a small picture takes
a few hundred, in two or three steps. So a thread that has done its part keeps looking for more for
some 400 microseconds, outside of Python's lock, and only then goes to sleep; the caller waits for
the others in the same way. Whoever looks gives way to other programs every microsecond.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np

Call = Callable[[], None]


class Team:
    """Threads that take calls; they are started when first needed."""

    def __init__(self, size: int) -> None:
        self.size = size
        """How many threads work at the same time, the caller included."""
        self._start_anew()
        atexit.register(self._send_home)
        if hasattr(os, "register_at_fork"):  # threads do not survive a fork
            os.register_at_fork(after_in_child=self._start_anew)

    def start(self, call: Call, count: int) -> list[_Worker]:
        """Let up to `count` threads make the call, as many as have nothing else to do."""
        workers: list[_Worker] = []
        while len(workers) < count:
            try:
                workers.append(self._idle.pop())  # atomic
            except IndexError:
                if self._hired >= self.size - 1:
                    break
                self._hired += 1
                workers.append(_Worker())
        for worker in workers:
            worker.begin(call)
        return workers

    def finish(self, workers: list[_Worker]) -> None:
        """Wait for them all; an error in one of them is raised here."""
        error = None
        for i, worker in enumerate(workers):
            try:
                worker.done.wait()
            except BaseException:  # Ctrl-C: nobody will wait for the others, so they must go
                for left in workers[i:]:
                    left.go_home()
                self._hired -= len(workers) - i
                raise
            error = error or worker.error
            worker.error = None
            self._idle.append(worker)
        if error is not None:
            raise error

    def _start_anew(self) -> None:
        self._idle: deque[_Worker] = deque()
        self._hired = 0

    def _send_home(self) -> None:
        while self._idle:
            worker = self._idle.pop()
            worker.go_home()
            worker.join()


class _Worker(threading.Thread):
    """One of the team."""

    def __init__(self) -> None:
        super().__init__(name="minicnn", daemon=True)
        self._begin, self.done = _Signal(), _Signal()
        self._call: Call | None = None
        self._home = False
        self.error: BaseException | None = None
        self.start()

    def begin(self, call: Call) -> None:
        self._call = call
        if self._begin.asleep and self.native_id is not None:
            keep_away(self.native_id)
        self._begin.set()

    def go_home(self) -> None:
        """End the thread, after what it is doing."""
        self._home = True
        self._begin.set()

    def run(self) -> None:
        while True:
            self._begin.wait()
            call, self._call = self._call, None
            if call is not None:
                try:
                    call()
                except BaseException as error:  # the caller raises it
                    self.error = error
                del call  # and with it the arrays it works on
            if self._home:
                return
            self.done.set()


def keep_away(thread: int) -> None:
    """Have a sleeping thread wake on another core than the one we are on.

    Linux likes to wake a thread where its waker runs, as they may share data in the cache. Here
    that core is busy for the next milliseconds, and so long the thread would wait while another
    core has nothing to do.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    from minicnn.kernels.spin import core_number

    others = os.sched_getaffinity(0) - {core_number()}
    if others:
        os.sched_setaffinity(thread, others)


class _Signal:
    """Set by one thread and waited for by another, again and again."""

    def __init__(self) -> None:
        # Numba is not loaded before the first threads are.
        from minicnn.kernels.spin import seen

        self._seen = seen
        self._flag = np.zeros(1, np.int64)
        self.asleep = False
        self._bell: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        self._flag[0] = 1
        if self.asleep:
            self._bell.put(None)

    def wait(self) -> None:
        if not self._seen(self._flag):
            self.asleep = True
            while self._flag[0] == 0:  # the bell may have rung for nothing
                self._bell.get()
            self.asleep = False
        self._flag[0] = 0
