"""Run the book's notebooks top to bottom and save what they print.

    python scripts/run_notebooks.py                  # every book/*.ipynb
    python scripts/run_notebooks.py book/one.ipynb   # these only

Each notebook gets a fresh kernel in its own folder, as nbval gives it. What is saved depends on the
code alone: no execution times, no Python version, cell ids kept, counts from 1. A cell that fails
stops the run, shows its traceback, and leaves the saved notebook as it was.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
SLOW_SECONDS = 60.0
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def run(path: Path, *, timeout: int) -> float:
    """Execute one notebook, write it back, and return the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    clear(notebook)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=KERNEL["name"],
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # no notice about the local connection
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    tidy(notebook)
    nbformat.validate(notebook)
    write(notebook, path)
    return seconds


def clear(notebook: nbformat.NotebookNode) -> None:
    """Remove every old output, so that none can survive by accident, and name every cell."""
    for index, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{index}")
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Leave only what the code decides."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join pieces of one stream: where the kernel cuts it is a matter of timing."""
    result: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = result[-1] if result else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            result.append(output)
    return result


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Replace the file in one step: an interrupted run never leaves half a notebook."""
    unfinished = path.with_suffix(".ipynb.part")
    nbformat.write(notebook, unfinished)
    os.replace(unfinished, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run notebooks and save their outputs.")
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks (default: book/*.ipynb)")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    paths = options.paths or sorted((ROOT / "book").glob("*.ipynb"))
    missing = [path for path in paths if not path.is_file()]
    if missing:
        print(f"no such notebook: {', '.join(map(str, missing))}", file=sys.stderr)
        return 2

    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    failed = 0
    for path in paths:
        try:
            seconds = run(path, timeout=options.timeout)
        except (CellExecutionError, TimeoutError) as error:
            failed += 1
            plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
            print(f"{path.name}: FAILED, left as it was\n{plain}", file=sys.stderr)
            continue
        slow = f"   over {SLOW_SECONDS:.0f} s: make it quicker" if seconds > SLOW_SECONDS else ""
        print(f"{path.name}: {seconds:.1f} s{slow}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
