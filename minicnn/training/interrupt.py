"""Ctrl-C that waits for a good moment."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupt:
    """While active, the first Ctrl-C only sets ``requested``; the second one raises at once.

    An exception in the middle of an update would leave the model half changed. Outside the main
    thread, where Python allows no signal handlers, this does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self.insisted = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.requested:
            self.insisted = True
            raise KeyboardInterrupt
        self.requested = True
