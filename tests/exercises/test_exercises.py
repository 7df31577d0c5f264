"""The exercises: solutions pass, learners' notebooks hold no solution, teachers can grade them."""

import copy
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from minicnn.learn import Status, get_task, grade
from minicnn.learn.notebook import check_notebook
from minicnn.learn.tasks import TOPICS, topic_tasks

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "exercises" / "source").glob("*.ipynb"))


def load_builder():
    path = ROOT / "scripts" / "build_exercises.py"
    spec = importlib.util.spec_from_file_location("build_exercises", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load_builder()


def read(path):
    return nbformat.read(path, as_version=4)


def learner(path):
    return read(ROOT / "exercises" / path.name)


def solution_cells(notebook):
    return [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]


def solution_functions(path):
    """Run the solutions of one source, in order, and return what they define."""
    namespace = {"np": np, "__name__": "__main__"}
    for cell in solution_cells(read(path)):
        exec(compile(build.solved(cell.source), str(path), "exec"), namespace)
    return namespace


TASKS = [
    (path, cell.metadata["minicnn"]["task"])
    for path in SOURCES
    for cell in solution_cells(read(path))
]


def test_every_topic_has_a_source_with_every_task_in_order():
    topics = {read(path).metadata["minicnn"]["topic"]: path for path in SOURCES}
    assert set(topics) == set(TOPICS)
    for topic, path in topics.items():
        tasks = [task.name for task in topic_tasks(topic)]
        assert [name for p, name in TASKS if p == path] == tasks
        checks = [c.source for c in read(path).cells if c.source.startswith(f'check("{topic}.')]
        assert checks == [f'check("{name}", {name.partition(".")[2]})' for name in tasks]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_every_solution_passes(path):
    namespace = solution_functions(path)
    for task in topic_tasks(read(path).metadata["minicnn"]["topic"]):
        for seed in (0, 7):
            report = grade(task, namespace[task.function], seed=seed)
            assert report.ok, report
        assert task.board is None or report.score == task.board.best


@pytest.mark.parametrize(("path", "name"), TASKS, ids=lambda value: getattr(value, "stem", value))
def test_every_blank_fails(path, name):
    [cell] = [c for c in solution_cells(learner(path)) if c.metadata["minicnn"]["task"] == name]
    namespace = {"np": np}
    exec(cell.source, namespace)
    task = get_task(name)
    assert grade(task, namespace[task.function]).status is Status.NOT_STARTED


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_solution_survives_in_a_learners_notebook(path):
    text = "\n".join(cell.source for cell in learner(path).cells)
    assert "BEGIN SOLUTION" not in text
    assert "END SOLUTION" not in text
    assert text.count("raise NotImplementedError()") == len(solution_cells(read(path)))
    kept = {line.strip() for line in text.split("\n")} - {""}
    for cell in solution_cells(read(path)):
        secret = [line.strip() for inside, line in build.split(cell.source) if inside]
        assert len(secret) >= 2
        assert not kept.intersection(secret)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_strip_does_what_nbgrader_does(path):
    preprocessors = pytest.importorskip("nbgrader.preprocessors")
    theirs, _ = preprocessors.ClearSolutions().preprocess(read(path), {})
    ours = build.learner_notebook(read(path))
    assert [c.source for c in ours.cells] == [c.source for c in theirs.cells]


def test_strip_keeps_the_indentation_and_refuses_broken_markers():
    source = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n\n\nx = 2"
    assert build.strip(source) == (
        "def f():\n    # YOUR CODE HERE\n    raise NotImplementedError()\n\n\nx = 2"
    )
    assert build.solved(source) == "def f():\n    return 1\n\n\nx = 2"
    for broken in (
        "### BEGIN SOLUTION\n1",
        "1\n### END SOLUTION",
        "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION",
        "x = 1  ### BEGIN SOLUTION",
        "# BEGIN SOLUTION",
    ):
        with pytest.raises(ValueError, match="SOLUTION"):
            build.strip(broken)


def test_what_is_committed_is_fresh(capsys):
    assert build.main(["--check"]) == 0, capsys.readouterr().err


def test_staleness_is_noticed(tmp_path, capsys):
    for folder in ("exercises/source", "book/solutions"):
        (tmp_path / folder).mkdir(parents=True)
        for path in (ROOT / folder).glob("*.*"):
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    for path in (ROOT / "exercises").glob("*.ipynb"):
        (tmp_path / "exercises" / path.name).write_bytes(path.read_bytes())
    arguments = ["--check", "--root", str(tmp_path)]
    assert build.main(arguments) == 0
    path = tmp_path / "exercises" / SOURCES[0].name
    path.write_text(path.read_text().replace("YOUR CODE HERE", "your code here", 1))
    page = tmp_path / "book" / "solutions" / "index.md"
    page.unlink()
    assert build.main(arguments) == 1
    err = capsys.readouterr().err
    assert path.name in err
    assert "index.md" in err


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_solution_pages_hold_every_solution(path):
    page = (ROOT / "book" / "solutions" / f"{path.stem}.md").read_text(encoding="utf-8")
    for cell in solution_cells(read(path)):
        assert build.solved(cell.source) in page
    assert "BEGIN SOLUTION" not in page
    headings = re.findall(r"^## \d+\. (.*)$", page, re.MULTILINE)
    assert headings == [t.title for t in topic_tasks(read(path).metadata["minicnn"]["topic"])]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_nbgrader_accepts_the_metadata(path):
    formats = pytest.importorskip("nbgrader.nbgraderformat")
    for notebook in (read(path), learner(path)):
        formats.MetadataValidator().validate_nb(notebook)
        tasks = [c.metadata["nbgrader"] for c in notebook.cells if "nbgrader" in c.metadata]
        graded = [m for m in tasks if m["grade"]]
        assert len(graded) == len(solution_cells(notebook))
        assert all(m["locked"] and m["points"] > 0 for m in graded)
        assert len({m["grade_id"] for m in tasks}) == len(tasks)


def test_the_command_grades_the_blank_and_the_solved_notebook(tmp_path):
    blank = check_notebook(ROOT / "exercises" / SOURCES[0].name)
    assert {task.status for task in blank.tasks} == {"not started"}
    solved = copy.deepcopy(read(SOURCES[0]))
    for cell in solved.cells:
        if cell.cell_type == "code":
            cell.source = build.solved(cell.source)
    nbformat.write(solved, tmp_path / "solved.ipynb")
    assert check_notebook(tmp_path / "solved.ipynb").ok


def test_a_teacher_can_release_and_grade(tmp_path):
    """Through nbgrader itself: a blank scores nothing, the solved notebook everything."""
    pytest.importorskip("nbgrader")
    source = read(SOURCES[0])
    setup = nbformat.v4.new_code_cell("import numpy as np\nfrom minicnn.learn import check")
    source.cells = [setup, *(cell for cell in source.cells if "nbgrader" in cell.metadata)]
    (tmp_path / "source" / "week").mkdir(parents=True)
    nbformat.write(source, tmp_path / "source" / "week" / "layer.ipynb")
    code = f"""
import shutil
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config
config = Config()
config.CourseDirectory.root = {str(tmp_path)!r}
config.CourseDirectory.course_id = "book"
config.Execute.timeout = 120
api = NbGraderAPI(config=config)
result = api.generate_assignment("week", create=True)
assert result["success"], result["error"]
for student, folder in (("blank", "release/week"), ("solved", "source/week")):
    target = f"{tmp_path}/submitted/{{student}}/week"
    shutil.copytree(f"{tmp_path}/{{folder}}", target)
    result = api.autograde("week", student, create=True)
    assert result["success"], result["error"]
with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
    for student in ("blank", "solved"):
        submission = book.find_submission("week", student)
        print(student, submission.score, submission.max_score)
"""
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": tools, "HOME": str(tmp_path), "MINICNN_PROGRESS": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()[-2:])
    assert rows["blank"] == "0.0 16.0"
    assert rows["solved"] == "16.0 16.0"
