"""The child process of `minicnn check`: runs cells, grades functions, reports line by line.

Started by `minicnn.learn.notebook` as `python -m minicnn.learn._kernel`, with the job as JSON on
standard input. Each step is announced on standard output before it runs and answered after it, so
that the parent knows which step hung or crashed.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import sys
import traceback
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

PACKAGE = "minicnn.learn"


def limit_memory(gib: float) -> None:
    """Cap the address space; only Linux keeps this promise."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    limit = int(gib * 2**30)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def run_cell(shell: InteractiveShell, source: str) -> dict[str, Any]:
    """Run one cell and say how it ended."""
    result = shell.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        return {"status": "ok"}
    if isinstance(error, SyntaxError):
        text = (error.text or "").strip()
        return {"status": "syntax error", "message": f"line {error.lineno}: {text} ({error.msg})"}
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" (line {last[0].lineno}: {last[0].line})" if last else ""
    return {"status": "error", "message": f"{type(error).__name__}: {error}{where}"}


def grade(name: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Grade the notebook's function for a task with a checker read afresh from disk.

    Whatever the notebook did to `check` or to the modules it imported, this is not it. The usual
    cases come first; an answer that passes them meets cases from a random seed as well.
    """
    with _Fresh():
        checker = importlib.import_module(f"{PACKAGE}.checker")
        task = importlib.import_module(f"{PACKAGE}.tasks").get_task(name)
        if task.function not in namespace:
            return {"status": "missing", "passed": 0, "total": 0}
        answer = namespace[task.function]
        report = checker.grade(task, answer).to_dict()
        if report["status"] != "passed":
            return report
        seed = secrets.randbelow(10**6)
        second = checker.grade(task, answer, seed=seed).to_dict()
        second["passed"] += report["passed"]
        second["total"] += report["total"]
        if second["status"] != "passed":
            second["notes"].append(
                f"It passes every case that `check` tries, but not fresh ones (seed {seed}): "
                "are answers hard-coded?"
            )
        return second


class _Fresh:
    """Forget the imported checker for a while, so that an import reads it from disk."""

    def _take(self) -> dict[str, Any]:
        names = [m for m in sys.modules if m == PACKAGE or m.startswith(f"{PACKAGE}.")]
        return {name: sys.modules.pop(name) for name in names}

    def __enter__(self) -> None:
        self.kept = self._take()

    def __exit__(self, *error: object) -> None:
        self._take()
        sys.modules.update(self.kept)


def main() -> None:
    """Read the job, run its steps in order."""
    job = json.loads(sys.stdin.readline())
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what the notebook prints must not mix with the events
        os.dup2(nowhere, stream)

    def tell(**event: Any) -> None:
        print(json.dumps(event), file=events, flush=True)

    limit_memory(job["memory_gib"])
    sys.path.insert(0, "")
    shell = InteractiveShell.instance()
    actions: dict[str, Callable[[str], dict[str, Any]]] = {
        "cell": lambda source: run_cell(shell, source),
        "task": lambda name: grade(name, shell.user_ns),
    }
    tell(ready=True)
    for step in job["steps"]:
        tell(begin=step["id"])
        tell(end=step["id"], **actions[step["kind"]](step["what"]))
    events.close()
    os._exit(0)  # threads that the notebook left behind do not matter any more


if __name__ == "__main__":
    main()
