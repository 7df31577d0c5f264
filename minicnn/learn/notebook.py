"""Grading a learner's notebook in a process of its own; the file itself is only read.

The notebook's cells run from the top in a fresh process. Its own check cells are replaced by calls
of a checker that the notebook cannot have touched. A step that hangs or kills the process is noted,
and the rest goes on in a new process without it. This keeps accidents and simple tricks out; it is
no sandbox for hostile code.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minicnn.learn._process import NotebookError, Step, run_steps
from minicnn.learn.tasks import TOPICS, get_task, topic_tasks

TIMEOUT = 60.0
MEMORY_GIB = 8.0
__all__ = ["MEMORY_GIB", "TIMEOUT", "NotebookError", "NotebookResult", "TaskResult"]
__all__ += ["check_notebook"]

CHECK = re.compile(r"""\bcheck\(\s*["']([\w.]+)["']""")


@dataclass(frozen=True)
class TaskResult:
    """How one task of a notebook stands."""

    task: str
    status: str
    passed: int = 0
    total: int = 0
    message: str = ""
    mistake: str | None = None
    score: float | None = None
    example: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every case passed."""
        return self.status == "passed"

    @property
    def hint(self) -> str:
        """The task's first hint."""
        return get_task(self.task).hints[0]


@dataclass(frozen=True)
class NotebookResult:
    """How a notebook stands: one result for each task of its topic."""

    path: Path
    topic: str
    tasks: tuple[TaskResult, ...]

    @property
    def ok(self) -> bool:
        """Whether every task passed."""
        return all(task.ok for task in self.tasks)


def check_notebook(
    path: str | Path, *, timeout: float = TIMEOUT, memory_gib: float = MEMORY_GIB
) -> NotebookResult:
    """Run the notebook's cells in a fresh process and grade every task of its topic.

    Parameters
    ----------
    path
        The learner's notebook.
    timeout
        Seconds that one cell, or the grading of one task, may take.
    memory_gib
        Address space of the process, on Linux.

    Raises
    ------
    NotebookError
        The file is missing or damaged, or has no task of ours.
    """
    path = Path(path)
    notebook = _read(path)
    topic = _topic_of(path, notebook)
    steps = _plan(notebook, topic)
    run_steps(steps, path.resolve().parent, timeout, memory_gib)
    results = (_result(task.name, steps, notebook) for task in topic_tasks(topic))
    return NotebookResult(path, topic, tuple(results))


def _read(path: Path) -> Any:
    import nbformat

    try:
        notebook = nbformat.read(str(path), as_version=4)
        nbformat.validate(notebook)
    except FileNotFoundError as error:
        raise NotebookError(f"There is no file {path}.") from error
    except OSError as error:
        raise NotebookError(f"{path} cannot be read: {error}.") from error
    except Exception as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NotebookError(
            f"{path} is not a Jupyter notebook, or it is damaged ({what[:120]}). "
            "Download or generate it again; your own cells can be copied over from a text editor."
        ) from error
    return notebook


def _topic_of(path: Path, notebook: Any) -> str:
    topic = notebook.metadata.get("minicnn", {}).get("topic")
    named = [topic] if topic else []
    for cell in notebook.cells:
        named += [name.partition(".")[0] for name in CHECK.findall(cell.source)]
    for candidate in named:
        if candidate in TOPICS:
            return str(candidate)
    raise NotebookError(
        f"{path} has no exercise of minicnn: neither a topic in its metadata nor a cell such as "
        'check("one_layer.output_size", output_size).'
    )


def _only_a_check(source: str) -> bool:
    """Whether a cell does nothing but call check, so that it can be left out."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    return (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check"
    )


def _plan(notebook: Any, topic: str) -> list[Step]:
    """List what to run: the cells, and the grading of each task where its check stands."""
    names = [task.name for task in topic_tasks(topic)]
    steps: list[Step] = []

    def add(kind: str, what: str, cell: int | None) -> None:
        steps.append(Step(len(steps), kind, what, cell))

    graded: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        checks = [name for name in CHECK.findall(cell.source) if name in names]
        if not checks or not _only_a_check(cell.source):
            add("cell", cell.source, index)
        for name in checks:
            # The last check of a task counts: by then its function has its final form.
            steps[:] = [s for s in steps if not (s.kind == "task" and s.what == name)]
            add("task", name, index)
            graded.add(name)
    for name in names:
        if name not in graded:
            add("task", name, None)
    return [replace(step, id=i) for i, step in enumerate(steps)]


def _result(name: str, steps: list[Step], notebook: Any) -> TaskResult:
    """Put one task's outcome together with what its cells tell."""
    step = next(s for s in steps if s.kind == "task" and s.what == name)
    keys = ("status", "passed", "total", "message", "mistake", "score", "example")
    known = {key: step.outcome[key] for key in keys if key in step.outcome}
    notes = list(step.outcome.get("notes", ()))
    cell = _defining_cell(name, notebook)
    if step.outcome["status"] == "missing":
        broken = next((s for s in steps if s.kind == "cell" and s.cell == cell), None)
        if broken is not None and broken.outcome["status"] != "ok":
            known.update(broken.outcome)
        else:
            what = get_task(name).function
            known["message"] = f"No cell defines {what}. Is its cell deleted, or the name changed?"
    if step.cell is None:
        notes.append("Its check cell is missing; it was checked all the same.")
    if (
        cell is not None
        and notebook.cells[cell].get("execution_count") is None
        and known["status"] not in ("passed", "not started")
    ):
        notes.append("Its cell was never run in your saved notebook.")
    return TaskResult(task=name, notes=tuple(notes), **known)


def _defining_cell(name: str, notebook: Any) -> int | None:
    """Find the cell of a task: by its metadata, else by the function that it defines."""
    define = re.compile(rf"^\s*def {re.escape(get_task(name).function)}\b", re.MULTILINE)
    found = None
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        grading = cell.metadata.get("nbgrader", {})
        if cell.metadata.get("minicnn", {}).get("task") == name and grading.get("solution"):
            return index
        if define.search(cell.source):
            found = index
    return found
