"""The commands `minicnn check` and `minicnn progress`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minicnn.learn import progress
from minicnn.learn.notebook import (
    MEMORY_GIB,
    TIMEOUT,
    NotebookError,
    NotebookResult,
    check_notebook,
)
from minicnn.learn.tasks import TOPICS, topic_tasks


def add_commands(subparsers: Any) -> None:
    """Add both commands to an argparse parser's subparsers; each sets `run`, a function of args."""
    check = subparsers.add_parser(
        "check",
        help="grade exercise notebooks, each in a process of its own",
        description="Run each notebook from the top in a fresh process and grade its tasks. "
        "The files are only read. Exit code: 0 all tasks pass, 1 some do not, "
        "2 a file could not be graded.",
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a notebook")
    check.add_argument("--json", action="store_true", help="print the results as JSON")
    check.add_argument(
        "--details", action="store_true", help="show the smallest failing case of each task"
    )
    check.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        metavar="SECONDS",
        help="limit for one cell (%(default)g)",
    )
    check.add_argument(
        "--memory",
        type=float,
        default=MEMORY_GIB,
        metavar="GIB",
        help="limit for the process, on Linux (%(default)g)",
    )
    check.set_defaults(run=check_command)
    shown = subparsers.add_parser("progress", help="show which exercises are done")
    shown.add_argument("--json", action="store_true", help="print the records as JSON")
    shown.set_defaults(run=progress_command)


def check_command(args: argparse.Namespace) -> int:
    """Grade the notebooks in `args.files`, print a table, return the exit code."""
    results: list[NotebookResult] = []
    errors: dict[str, str] = {}
    for path in args.files:
        try:
            results.append(check_notebook(path, timeout=args.timeout, memory_gib=args.memory))
        except NotebookError as error:
            errors[str(path)] = str(error)
    if args.json:
        print(json.dumps(_as_json(results, errors), indent=1))
    else:
        for result in results:
            print(table(result, details=args.details))
        for message in errors.values():
            print(message, file=sys.stderr)
    if errors:
        return 2
    return 0 if all(result.ok for result in results) else 1


def _as_json(results: list[NotebookResult], errors: dict[str, str]) -> dict[str, Any]:
    notebooks = [
        {
            "path": str(result.path),
            "topic": result.topic,
            "ok": result.ok,
            "tasks": [{**asdict(t), "ok": t.ok, "hint": t.hint} for t in result.tasks],
        }
        for result in results
    ]
    return {"notebooks": notebooks, "errors": errors}


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the cells of a table."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def table(result: NotebookResult, *, details: bool = False) -> str:
    """Draw one notebook's results: a line for each task, then what to do about the others."""
    done = sum(task.ok for task in result.tasks)
    lines = [f"{result.path}: {TOPICS[result.topic]}, {done} of {len(result.tasks)} tasks done", ""]
    rows = [["task", "cases passed", "result"]]
    for task in result.tasks:
        count = f"{task.passed} of {task.total}" if task.total else "-"
        score = f", score {task.score:,.6g}" if task.score is not None else ""
        rows.append([task.task, count, f"{task.status}{score}"])
    lines += columns(rows)
    for task in result.tasks:
        if task.ok and not task.notes:
            continue
        lines += ["", f"{task.task}: {task.status}"]
        if task.message and task.status != "not started":
            lines += [f"  {line}" for line in task.message.splitlines()]
        if details and task.example:
            lines += [f"    {line}".rstrip() for line in task.example.splitlines()]
        lines += [f"  {note}" for note in task.notes]
        if not task.ok:
            lines.append(f"  Hint: {task.hint}")
    return "\n".join([*lines, ""])


def progress_command(args: argparse.Namespace) -> int:
    """Print which tasks are done, started and left; return the exit code."""
    records, trouble = progress.load()
    if args.json:
        print(json.dumps(records, indent=1, sort_keys=True))
        return 2 if trouble else 0
    if trouble:
        print(trouble, file=sys.stderr)
    for topic, title in TOPICS.items():
        tasks = topic_tasks(topic)
        done = sum("solved" in records.get(task.name, {}) for task in tasks)
        print(f"{title}: {done} of {len(tasks)} done")
        rows = [_progress_row(task.name, task.title, records.get(task.name, {})) for task in tasks]
        print("\n".join(f"  {line}" for line in columns(rows)), end="\n\n")
    return 2 if trouble else 0


def _progress_row(name: str, title: str, entry: progress.Record) -> list[str]:
    last = entry.get("last")
    if not isinstance(last, dict):
        return ["left", name, title, ""]
    if "solved" in entry:
        return ["done", name, title, f"score {last['score']:,.6g}" if "score" in last else ""]
    detail = f"{last.get('passed', 0)} of {last.get('total', 0)} cases, {last.get('status')}"
    return ["started", name, title, detail]
