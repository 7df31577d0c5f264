"""The technique map holds all 23 rows and claims nothing that is not in the repository."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = tomllib.loads((ROOT / "book" / "techniques.toml").read_text(encoding="utf-8"))["row"]
IDS = [f"S{i}" for i in range(1, 7)] + [f"F{i}" for i in range(1, 10)]
IDS += [f"C{i}" for i in range(1, 9)]


def test_every_row_of_the_source_is_there_once():
    assert [row["id"] for row in ROWS] == IDS
    assert all(row["term"] and row["source"] and row["what"] for row in ROWS)


def test_page_is_fresh():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_technique_map.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def resolve(dotted: str) -> object:
    """Import the longest module of a dotted name, then follow attributes."""
    parts = dotted.split(".")
    value: object = importlib.import_module(parts[0])
    for i, part in enumerate(parts[1:], start=2):
        try:
            value = getattr(value, part)
        except AttributeError:
            value = importlib.import_module(".".join(parts[:i]))
    return value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_row_claims_only_what_exists(row):
    if row["status"] == "planned":
        assert not {"chapter", "functions", "exercise", "tests"} & row.keys()
        return
    assert row["status"] in ("written", "partly")
    assert ("missing" in row) == (row["status"] == "partly")
    if row["status"] == "written":
        assert {"chapter", "functions", "exercise", "tests"} <= row.keys()
    for name in row.get("functions", []):
        assert callable(resolve(name)), name
    for chapter in {"chapter", "more"} & row.keys():
        assert (ROOT / "book" / row[chapter]).is_file()
    for path in [*row.get("tests", []), *([row["exercise"]] if "exercise" in row else [])]:
        assert (ROOT / path).exists(), path
