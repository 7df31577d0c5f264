"""What the learner has done, kept as plain JSON in the user's own data folder.

The environment variable MINICNN_PROGRESS names another file, or is "off" to keep nothing.
A write replaces the whole file at once, under a lock, so that a kill or a second notebook
cannot leave half a file behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from minicnn.learn.report import Report, Status
from minicnn.learn.tasks import TOPICS

VERSION = 1
LOCK_SECONDS = 5.0

Record = dict[str, Any]
_memory: dict[str, Record] = {}  # of tasks that are not graded, and while the file is off


def location() -> Path | None:
    """Return the file, or None when MINICNN_PROGRESS is "off"."""
    wanted = os.environ.get("MINICNN_PROGRESS", "")
    if wanted.lower() == "off":
        return None
    if wanted:
        return Path(wanted).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("minicnn", appauthor=False)) / "progress.json"


def load() -> tuple[dict[str, Record], str]:
    """Return the records by task name, and a sentence when the file was damaged (else "")."""
    path = location()
    if path is None:
        return dict(_memory), ""
    try:
        return _read(path), ""
    except _Damaged as damage:
        return {}, f"The progress file {path} cannot be read ({damage})."


class _Damaged(Exception):
    """The file is not what this module writes."""


def _read(path: Path) -> dict[str, Record]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _Damaged(str(error)) from error
    tasks = content.get("tasks") if isinstance(content, dict) else None
    if not isinstance(tasks, dict) or not all(isinstance(r, dict) for r in tasks.values()):
        raise _Damaged("it has no table of tasks")
    if content.get("version") != VERSION:
        raise _Damaged(f"version {content.get('version')!r}, this program writes {VERSION}")
    return tasks


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock beside `path`; the system frees it when the process ends, however it ends."""
    with open(path.with_name(path.name + ".lock"), "a+b") as handle:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                if sys.platform == "win32":
                    import msvcrt

                    handle.seek(0)
                    msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
                else:
                    import fcntl

                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        yield


def _write(path: Path, tasks: dict[str, Record]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump({"version": VERSION, "tasks": tasks}, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _update(task: str, change: Callable[[Record], None]) -> str:
    """Apply `change` to one record; return a sentence when something went wrong (else "")."""
    path = location()
    if path is None or task.partition(".")[0] not in TOPICS:
        change(_memory.setdefault(task, {}))
        return ""
    note = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            try:
                tasks = _read(path)
            except _Damaged as damage:
                backup = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}")
                os.replace(path, backup)
                tasks, note = {}, f"The progress file was damaged ({damage}); kept as {backup}."
            change(tasks.setdefault(task, {}))
            _write(path, tasks)
    except OSError as error:
        return f"Your progress could not be saved in {path}: {error}."
    return note


def record(report: Report) -> str:
    """Remember how a task stands. An answer that is not started leaves no trace."""
    if report.status is Status.NOT_STARTED:
        return ""

    def change(entry: Record) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        entry["attempts"] = _count(entry, "attempts") + 1
        entry["updated"] = now
        entry["last"] = {"status": str(report.status), "passed": report.passed}
        entry["last"]["total"] = report.total
        if report.ok:
            entry.setdefault("solved", now)
        if report.score is not None:
            entry["last"]["score"] = report.score

    return _update(report.task, change)


def open_hint(task: str, available: int) -> int:
    """Open one more hint of `task` and return how many are open."""
    opened = 0

    def change(entry: Record) -> None:
        nonlocal opened
        opened = min(available, _count(entry, "hints") + 1)
        entry["hints"] = opened

    _update(task, change)
    # When the file cannot be written the count cannot be kept: the first hint is better than none.
    return opened or 1


def _count(entry: Record, key: str) -> int:
    value = entry.get(key, 0)
    return value if isinstance(value, int) else 0
