"""Write a file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a stream whose bytes become the file at `path` once the block ends well.

    They are written beside it, under another name, and put in its place in one step. When
    anything goes wrong before, a file that was there stays as it was and nothing is left behind.
    """
    target = Path(os.path.realpath(path))  # through a link, the file it points to is replaced
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with beside.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
