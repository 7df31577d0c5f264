"""The script that runs the notebooks: same code, same bytes; a failure changes nothing."""

import importlib.util
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "run_notebooks.py"
spec = importlib.util.spec_from_file_location("run_notebooks", SCRIPT)
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)


def notebook(path, *sources):
    cells = [new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    cells[0].metadata["execution"] = {"iopub.execute_input": "2001-01-01"}
    cells[0].outputs = [nbformat.v4.new_output("stream", text="old")]
    nbformat.write(
        new_notebook(cells=cells, metadata={"language_info": {"name": "python", "version": "1"}}),
        path,
    )
    return path


def test_saves_only_what_the_code_decides(tmp_path, capsys):
    path = notebook(tmp_path / "a.ipynb", "import sys\nprint(1)\nsys.stdout.flush()\nprint(2)", "3")
    assert script.main([str(path)]) == 0
    assert "a.ipynb: " in capsys.readouterr().out
    saved = nbformat.read(path, as_version=4)
    assert [cell.id for cell in saved.cells] == ["c0", "c1"]
    assert [cell.execution_count for cell in saved.cells] == [1, 2]
    assert [output.text for output in saved.cells[0].outputs] == ["1\n2\n"]
    assert "execution" not in saved.cells[0].metadata
    assert saved.metadata["language_info"] == {"name": "python"}
    first = path.read_bytes()
    assert script.main([str(path)]) == 0
    assert path.read_bytes() == first


def test_a_failing_cell_is_reported_and_the_file_kept(tmp_path, capsys):
    path = notebook(tmp_path / "b.ipynb", "1 + 1", "1 / 0")
    before = path.read_bytes()
    assert script.main([str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_named(tmp_path, capsys):
    assert script.main([str(tmp_path / "none.ipynb")]) == 2
    assert "none.ipynb" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["stdout", "stdout"], ["stdout"]),
        (["stdout", "stderr", "stdout"], ["stdout", "stderr", "stdout"]),
    ],
)
def test_streams_are_joined_only_with_their_own_kind(names, kept):
    outputs = [nbformat.v4.new_output("stream", name=name, text="x") for name in names]
    assert [output.name for output in script.joined(outputs)] == kept
