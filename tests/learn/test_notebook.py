"""`minicnn check`: grades the learner's functions, whatever state the notebook is in."""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from minicnn.cli import main
from minicnn.learn.notebook import NotebookError, check_notebook
from minicnn.learn.tasks import topic_tasks

SIZE = """
def output_size(n, k, stride, padding, dilation):
    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1
"""
SINGLE = """
def conv2d_single(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.einsum("pqrs,rs->pq", windows, w)
"""
BIAS = """
def grad_bias(dy):
    return dy.sum(axis=(0, 2, 3))
"""


def checks(*names):
    return [f'check("one_layer.{name}", {name})' for name in names]


def save(path: Path, *cells: str) -> Path:
    setup = "import numpy as np\nfrom minicnn.learn import check"
    sources = [setup, *cells]
    notebook = new_notebook(cells=[new_markdown_cell("# Text"), *map(new_code_cell, sources)])
    notebook.metadata["minicnn"] = {"topic": "one_layer"}
    nbformat.write(notebook, path)
    return path


def by_name(result):
    return {task.task.partition(".")[2]: task for task in result.tasks}


def test_faults_of_every_kind_in_one_notebook(tmp_path):
    path = save(
        tmp_path / "faults.ipynb",
        "while_we_are_at_it = 1 / 0",
        SIZE.replace("return", "while True: pass\n    return"),
        SINGLE.replace("return", "import os; os._exit(3)\n    return"),
        "def conv2d(x, w, b, stride, padding:\n    return x",
        BIAS,
        "def grad_weight(dy, x, w_shape, stride, padding):\n    return np.empty((400, 2**27))",
        "def grad_input(dy, w, x_shape, stride, padding):\n    raise NotImplementedError()",
        *checks("output_size", "conv2d_single", "conv2d", "grad_weight", "grad_input"),
    )
    before = path.read_bytes(), path.stat().st_mtime_ns
    result = check_notebook(path, timeout=8, memory_gib=6)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    tasks = by_name(result)
    assert {name: task.status for name, task in tasks.items()} == {
        "output_size": "timed out",
        "conv2d_single": "crashed",
        "conv2d": "syntax error",
        "grad_bias": "passed",
        "grad_weight": "error" if sys.platform == "linux" else "wrong shape",
        "grad_input": "not started",
        "cheapest_stack": "missing",
    }
    assert "loop without end" in tasks["output_size"].message
    assert "exit code 3" in tasks["conv2d_single"].message
    assert "line 1: def conv2d" in tasks["conv2d"].message
    assert "check cell is missing" in " ".join(tasks["grad_bias"].notes)
    assert "No cell defines cheapest_stack" in tasks["cheapest_stack"].message
    assert "never run" in " ".join(tasks["output_size"].notes)
    assert not result.ok


def test_tricks_do_not_help(tmp_path):
    heart = """
import minicnn.learn.checker as checker
from minicnn.learn import get_task, strategies
task = get_task("one_layer.output_size")
known = {
    tuple(case.values()): task.oracle(**case)
    for case in strategies.draw_cases(task.cases, 100, 0)
}
checker.grade = lambda *a, **k: "passed"
task_class = type(task)
task_class.cases = None
def output_size(*values):
    return known.get(values, 1)
"""
    path = save(
        tmp_path / "tricks.ipynb",
        "def check(name, answer):\n    return f'{name}: passed, all 100 cases.'",
        heart,
        "def conv2d_single(x, w):\n    import scipy.signal\n"
        "    return scipy.signal.correlate2d(x, w, 'valid')",
        "def grad_bias(dy):\n    return sum(dy)",
        "print('one_layer.conv2d: passed')",
        "from minicnn.learn.tasks import get_task\n"
        "cheapest_stack = lambda size: get_task('one_layer.cheapest_stack').judge([], size)",
        *checks("output_size", "conv2d_single", "grad_bias", "cheapest_stack"),
        "grad_bias = lambda dy: dy.sum(axis=(0, 2, 3))",
        *checks("conv2d"),
    )
    tasks = by_name(check_notebook(path))
    assert tasks["output_size"].status == "wrong values"
    assert "hard-coded" in tasks["output_size"].notes[0]
    assert tasks["output_size"].passed > 100
    assert tasks["conv2d_single"].status == "borrowed"
    assert tasks["grad_bias"].status == "wrong shape"
    assert tasks["conv2d"].status == "missing"
    assert tasks["cheapest_stack"].status == "borrowed"


def test_the_command_prints_a_table_and_an_exit_code(tmp_path, capsys, progress_file):
    topic = [task.function for task in topic_tasks("one_layer")]
    path = save(tmp_path / "one.ipynb", SIZE.replace("// stride + 1", "// stride"), *checks(*topic))
    assert main(["check", str(path), "--details"]) == 1
    out = capsys.readouterr().out
    assert "0 of 7 tasks done" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["one_layer.output_size", "0", "of", "100", "wrong", "values"] in rows
    assert "first window is not counted" in out
    assert "output_size(n=1, k=1, stride=1, padding=0, dilation=1)" in out
    assert "Hint: Put the kernel at the far left." in out
    assert not progress_file.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "There is no file"),
        ("{", "not a Jupyter notebook"),
        ("{}", "not a Jupyter notebook"),
        (nbformat.writes(new_notebook(cells=[new_code_cell("x = 1")])), "no exercise of minicnn"),
    ],
)
def test_files_that_cannot_be_graded(tmp_path, content, says, capsys):
    path = tmp_path / "odd.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotebookError, match=says):
        check_notebook(path)
    assert main(["check", str(path), "--json"]) == 2
    assert says in json.loads(capsys.readouterr().out)["errors"][str(path)]


def test_progress_shows_done_started_and_left(capsys):
    from minicnn.learn import check

    check("one_layer.output_size", lambda n, *_: n)
    check("one_layer.grad_bias", lambda dy: dy.sum(axis=(0, 2, 3)))
    assert main(["progress"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "One layer, seven loops: 1 of 7 done"
    assert any(line.split()[:2] == ["started", "one_layer.output_size"] for line in lines)
    assert any(line.split()[:2] == ["done", "one_layer.grad_bias"] for line in lines)
    assert any(line.split()[:2] == ["left", "one_layer.conv2d"] for line in lines)
    assert main(["progress", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["one_layer.grad_bias"]["attempts"] == 1


def test_progress_says_when_the_file_is_damaged(progress_file, capsys):
    progress_file.parent.mkdir()
    progress_file.write_text("{")
    assert main(["progress"]) == 2
    assert "cannot be read" in capsys.readouterr().err
