"""The progress file survives damage, other writers and read-only folders."""

import json
import subprocess
import sys

import pytest

from minicnn.learn import hint, progress
from minicnn.learn.report import Report, Status

PASSED = Report("one_layer.output_size", Status.PASSED, 100, 100)
FAILED = Report("one_layer.output_size", Status.WRONG_VALUES, 40, 100)


def test_attempts_add_up_and_solved_stays(progress_file):
    for report in (FAILED, PASSED, FAILED):
        assert progress.record(report) == ""
    entry = json.loads(progress_file.read_text())["tasks"][PASSED.task]
    assert entry["attempts"] == 3
    assert entry["last"]["passed"] == 40
    assert entry["solved"]
    leftovers = {path.name for path in progress_file.parent.iterdir()}
    assert leftovers == {"progress.json", "progress.json.lock"}


def test_what_is_not_started_leaves_no_trace(progress_file):
    progress.record(Report("one_layer.output_size", Status.NOT_STARTED))
    progress.record(Report("welcome.row_sums", Status.PASSED, 1, 1))
    hint("welcome.row_sums")
    assert not progress_file.exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"tasks": 3}', '{"version": 9, "tasks": {}}', "\xff\xfe"]
)
def test_a_damaged_file_is_kept_and_replaced(progress_file, content):
    progress_file.parent.mkdir()
    progress_file.write_bytes(content.encode("latin-1"))
    records, trouble = progress.load()
    assert records == {}
    assert str(progress_file) in trouble
    note = progress.record(PASSED)
    assert "damaged" in note
    [backup] = progress_file.parent.glob("*.damaged-*")
    assert backup.read_bytes() == content.encode("latin-1")
    assert PASSED.task in progress.load()[0]
    assert progress.record(PASSED) == ""


def test_strange_entries_do_no_harm(progress_file):
    progress_file.parent.mkdir()
    odd = {"version": 1, "tasks": {PASSED.task: {"attempts": "many", "hints": None}}}
    progress_file.write_text(json.dumps(odd))
    assert progress.record(PASSED) == ""
    assert "hint 1 of 3" in repr(hint(PASSED.task))


def test_a_folder_that_cannot_be_written_is_reported(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINICNN_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert "could not be saved" in progress.record(PASSED)
    assert "hint 1 of 3" in repr(hint(PASSED.task))


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("MINICNN_PROGRESS", "off")
    assert progress.location() is None
    assert progress.record(PASSED) == ""
    assert PASSED.task in progress.load()[0]


def test_the_default_is_the_platform_folder(monkeypatch):
    monkeypatch.delenv("MINICNN_PROGRESS")
    assert progress.location().name == "progress.json"
    assert "minicnn" in str(progress.location())


def test_writers_at_the_same_time_lose_nothing(progress_file):
    code = """
from minicnn.learn import progress
from minicnn.learn.report import Report, Status
for _ in range(40):
    assert progress.record(Report("one_layer.output_size", Status.PASSED, 1, 1)) == ""
"""
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert progress.load()[0][PASSED.task]["attempts"] == 120


def test_hints_open_one_at_a_time():
    shown = [repr(hint("one_layer.conv2d")) for _ in range(4)]
    assert "hint 1 of 3" in shown[0]
    assert "2 more" in shown[0]
    assert "hint 3 of 3" in shown[2]
    assert shown[2] == shown[3]
    assert "<ol" in hint("one_layer.conv2d")._repr_html_()
