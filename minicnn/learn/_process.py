"""Running the steps of a notebook in child processes that may hang or die."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

START_SECONDS = 60.0
NO_START = (
    "The process that runs the notebook did not start. Is everything installed? "
    'Run: pip install "minicnn[learn]"'
)


class NotebookError(ValueError):
    """The file cannot be graded at all: not there, not a notebook, or not one of ours."""


@dataclass
class Step:
    """A cell to run or a task to grade; `cell` is the index of its cell in the notebook."""

    id: int
    kind: str
    what: str
    cell: int | None = None
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def can_repeat(self) -> bool:
        """Whether a new process should run it again, for the sake of the steps after it."""
        return self.kind == "cell" and self.outcome.get("status") in ("ok", "error")


def run_steps(steps: list[Step], folder: Path, timeout: float, memory_gib: float) -> None:
    """Run all steps, in as many processes as it takes; fills in their outcomes."""
    while any(not step.outcome for step in steps):
        left = [step for step in steps if not step.outcome or step.can_repeat]
        _run_once(left, folder, timeout, memory_gib)


def _run_once(steps: list[Step], folder: Path, timeout: float, memory_gib: float) -> None:
    """Run the steps in one process, up to the end or to the one that hangs or kills it."""
    job = {
        "memory_gib": memory_gib,
        "steps": [{"id": s.id, "kind": s.kind, "what": s.what} for s in steps],
    }
    with tempfile.TemporaryDirectory(prefix="minicnn-check-") as scratch:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "minicnn.learn._kernel"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(scratch),
            text=True,
            encoding="utf-8",
        )
        assert process.stdin is not None
        assert process.stdout is not None
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        listener = threading.Thread(target=_listen, args=(process.stdout, events), daemon=True)
        listener.start()
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.close()
            _follow(process, events, steps, timeout)
        except BrokenPipeError as error:
            raise NotebookError(NO_START) from error
        finally:
            process.kill()
            process.wait()
            listener.join()
            process.stdout.close()


def _environment(scratch: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NBGRADER_")}
    return {
        **kept,
        "MINICNN_PROGRESS": "off",
        "IPYTHONDIR": scratch,
        "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
        "MPLBACKEND": "agg",
        "PYTHONIOENCODING": "utf-8",
    }


def _listen(stream: IO[str], events: queue.Queue[dict[str, Any] | None]) -> None:
    # A killed process may break off in the middle of a line.
    with contextlib.suppress(ValueError):
        for line in stream:
            events.put(json.loads(line))
    events.put(None)


def _follow(
    process: subprocess.Popen[str],
    events: queue.Queue[dict[str, Any] | None],
    steps: list[Step],
    timeout: float,
) -> None:
    """Read the events of one process into the outcomes of its steps."""
    by_id = {step.id: step for step in steps}
    current: Step | None = None
    try:
        # Starting Python on a busy machine is not the learner's time.
        event = events.get(timeout=timeout + START_SECONDS)
        if event is None:
            raise NotebookError(NO_START)
        while event is not None:
            event = events.get(timeout=timeout)
            if event and "begin" in event:
                current = by_id[event["begin"]]
                current.outcome = {}
            elif event:
                by_id[event.pop("end")].outcome = event
                current = None
    except queue.Empty:
        if current is None:
            raise NotebookError(NO_START) from None
        current.outcome = {
            "status": "timed out",
            "message": f"Stopped after {timeout:g} seconds: is there a loop without end?",
        }
        return
    if current is None:  # it ended between two steps: at the end, or by a thread left behind
        current = next((step for step in steps if not step.outcome), None)
    if current is not None:
        current.outcome = {"status": "crashed", "message": _how_it_died(process)}


def _how_it_died(process: subprocess.Popen[str]) -> str:
    code = process.wait()
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"Python ended here ({how}). Out of memory, or a call that leaves Python?"
