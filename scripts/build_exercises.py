"""Make the learners' notebooks and the solution pages from ``exercises/source/*.ipynb``.

    python scripts/build_exercises.py            # write exercises/*.ipynb and book/solutions/*.md
    python scripts/build_exercises.py --check    # only say what is stale, for CI

A source holds the solution of every task between ``### BEGIN SOLUTION`` and ``### END SOLUTION``.
`strip` is the only place that takes them out, and it puts in what nbgrader would. The learner's
notebook is then run blank, and its outputs saved; that they are right is proved by nbval, so
``--check`` compares everything but the outputs.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from minicnn.learn.tasks import TOPICS, topic_tasks

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def split(source: str) -> list[tuple[bool, str]]:
    """Pair every line of a cell with whether it belongs to a solution; markers are left out."""
    lines, inside = [], False
    for line in source.split("\n"):
        marker = line.strip()
        if marker in (BEGIN, END):
            if inside == (marker == BEGIN):
                raise ValueError(f"{marker!r} without its partner in:\n{source}")
            inside = marker == BEGIN
            if inside:
                lines.append((True, line))
        elif "BEGIN SOLUTION" in line or "END SOLUTION" in line:
            raise ValueError(f"A marker must stand alone on its line: {line!r}")
        else:
            lines.append((inside, line))
    if inside:
        raise ValueError(f"{BEGIN!r} without its partner in:\n{source}")
    return lines


def strip(source: str) -> str:
    """Replace each solution by the stub, at the indentation of its marker."""
    kept = []
    for solution, line in split(source):
        if not solution:
            kept.append(line)
        elif line.strip() == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            kept += [indent + stub for stub in STUB]
    return "\n".join(kept)


def solved(source: str) -> str:
    """Take the markers out and leave the solution in."""
    return "\n".join(line for _, line in split(source) if line.strip() != BEGIN)


def learner_notebook(source: NotebookNode) -> NotebookNode:
    """Return the learner's notebook, not yet run."""
    notebook = copy.deepcopy(source)
    topic = source.metadata["minicnn"]["topic"]
    notebook.metadata = {
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
        "minicnn": {"topic": topic},
    }
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = strip(cell.source)
            cell.outputs, cell.execution_count = [], None
        elif "BEGIN SOLUTION" in cell.source:
            raise ValueError(f"Solutions belong into code cells, not into:\n{cell.source}")
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run a notebook blank; whatever it prints depends on its code alone."""
    os.environ["MINICNN_PROGRESS"] = "off"
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ.pop("NBGRADER_EXECUTION", None)
    metadata = copy.deepcopy(notebook.metadata)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name=KERNEL["name"],
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    notebook.metadata = metadata


def solutions_page(source: NotebookNode, name: str) -> str:
    """Return the Markdown page with the solutions, each behind a click."""
    topic = source.metadata["minicnn"]["topic"]
    cells = {
        cell.metadata["minicnn"]["task"]: cell.source
        for cell in source.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    lines = [
        f"# Solutions: {TOPICS[topic]}",
        "",
        f"These go with the exercises in `exercises/{name}.ipynb`. Every solution passes its own",
        "check: a test sees to that. Yours may look different and be just as good.",
    ]
    for number, task in enumerate(topic_tasks(topic), 1):
        lines += [
            "",
            f"## {number}. {task.title}",
            "",
            "````{dropdown} Show the solution",
            "```python",
            solved(cells[task.name]),
            "```",
            "````",
            "",
            "````{dropdown} Classic mistakes",
            *(f"- {mistake.message}" for mistake in task.mistakes),
            "````",
        ]
    return "\n".join([*lines, ""])


def index_page(names: dict[str, str]) -> str:
    """Return the page that lists the solution pages; `names` gives the topic of each notebook."""
    lines = [
        "# Solutions",
        "",
        "Solutions of all exercises, each behind a click. Try first, and open the hints before",
        'these: `hint("one_layer.output_size")`.',
        "",
        *(f"- [{TOPICS[topic]}]({name}.md)" for name, topic in names.items()),
    ]
    return "\n".join([*lines, ""])


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return a copy as it was before it ran."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def was_run(notebook: NotebookNode) -> bool:
    """Whether every code cell has been run, once, from top to bottom."""
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    return counts == list(range(1, len(counts) + 1))


def write(path: Path, text: str) -> None:
    """Replace a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the exercises from their sources.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    exercises, pages = options.root / "exercises", options.root / "book" / "solutions"
    stale: list[Path] = []

    def put(path: Path, text: str) -> None:
        if options.check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            write(path, text)

    topics: dict[str, str] = {}
    for path in sorted((exercises / "source").glob("*.ipynb")):
        source = nbformat.read(path, as_version=4)
        if source != without_outputs(source):
            print(f"{path}: clear its outputs; a source is kept without", file=sys.stderr)
            return 2
        topics[path.stem] = source.metadata["minicnn"]["topic"]
        notebook, target = learner_notebook(source), exercises / path.name
        if options.check:
            kept = nbformat.read(target, as_version=4) if target.is_file() else None
            if kept is None or without_outputs(kept) != notebook or not was_run(kept):
                stale.append(target)
        else:
            execute(notebook, exercises)
            nbformat.validate(notebook)
            write(target, nbformat.writes(notebook).rstrip("\n") + "\n")
        put(pages / f"{path.stem}.md", solutions_page(source, path.stem))
    put(pages / "index.md", index_page(topics))
    for path in stale:
        print(f"{path.relative_to(options.root)} is stale: make exercises", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
