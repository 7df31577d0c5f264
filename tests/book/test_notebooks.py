"""Every notebook of the book is finished: run, without errors, captioned, and honest about numbers.

What its cells print is nbval's business; this is about what nbval does not see.
"""

import re
from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
PATHS = sorted(p for p in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
NAMES = [str(path.relative_to(BOOK)) for path in PATHS]
BOOKS = {name: nbformat.read(path, as_version=4) for name, path in zip(NAMES, PATHS, strict=True)}

SKELETON = (
    "Question",
    "Try it first",
    "Idea",
    "Maths",
    "Code",
    "Measure",
    "What it costs",
    "Use it",
    "Exercises",
    "References",
)
IGNORED = "nbval-ignore-output"

# Numbers that only a measurement can know; a cell prints them, prose does not.
TYPED = re.compile(
    r"\b\d+(?:\.\d+)?\s?(?:x|×|times)\s+(?:as\s+)?(?:fast|faster|quick|quicker|slow|slower|speed-?up)"
    r"|speed-?up\s+of\s+\d"
    r"|\b\d+(?:\.\d+)?\s?%\s+(?:faster|quicker|slower)"
    r"|\b\d+(?:\.\d+)?\s?(?:ms|µs|milliseconds|microseconds|GFLOP/s|images/s)\b",
    re.IGNORECASE,
)
MACHINE = re.compile(r"/home/|/root/|/Users/|[A-Z]:\\|\b0x[0-9a-f]{6,}")

PAGES = {"index.ipynb", "experiment.ipynb", "benchmarks.ipynb"}  # notebooks that are not chapters
each = pytest.mark.parametrize("name", NAMES)
each_chapter = pytest.mark.parametrize("name", [name for name in NAMES if name not in PAGES])


def code_cells(name):
    return [c for c in BOOKS[name].cells if c.cell_type == "code" and c.source.strip()]


def prose(name):
    return "\n".join(c.source for c in BOOKS[name].cells if c.cell_type == "markdown")


def test_there_are_notebooks():
    assert NAMES


@each
def test_was_run_from_top_to_bottom(name):
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1)), "run scripts/run_notebooks.py"
    assert any(cell.outputs for cell in code_cells(name))


@each
def test_no_errors_warnings_or_traces_of_a_machine(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            assert output.output_type != "error", f"{cell.id} failed"
            assert output.get("name") != "stderr", f"{cell.id} wrote to stderr: {output.text}"
            texts = [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
            assert not any(MACHINE.search(text) for text in texts), cell.id


@each
def test_every_image_has_a_caption_a_name_and_a_description(name):
    names = []
    for cell in code_cells(name):
        if not any("image/png" in output.get("data", {}) for output in cell.outputs):
            continue
        render = cell.metadata.get("mystnb", {})
        figure, image = render.get("figure", {}), render.get("image", {})
        assert len(figure.get("caption", "")) > 20, f"{cell.id}: figure caption"
        assert len(image.get("alt", "")) > 40, f"{cell.id}: image alt"
        assert image["alt"] != figure["caption"], f"{cell.id}: the alt text repeats the caption"
        names.append(figure["name"])
    assert len(set(names)) == len(names)


@each_chapter
def test_chapter_has_the_skeleton(name):
    first = BOOKS[name].cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    headings = re.findall(r"^## (.+)$", prose(name), flags=re.MULTILINE)
    assert len(headings) == len(SKELETON), headings
    for heading, start in zip(headings, SKELETON, strict=True):
        assert heading.startswith(start)


@each
def test_most_outputs_are_compared(name):
    cells = code_cells(name)
    ignored = [c.id for c in cells if IGNORED in c.metadata.get("tags", [])]
    assert 3 * len(ignored) < len(cells), ignored
    assert "raises-exception" not in str([c.metadata.get("tags") for c in cells])


@each
def test_no_measurement_is_typed_by_hand(name):
    found = [match.group(0) for match in TYPED.finditer(prose(name))]
    captions = " ".join(
        c.metadata.get("mystnb", {}).get("figure", {}).get("caption", "") for c in code_cells(name)
    )
    assert found + [match.group(0) for match in TYPED.finditer(captions)] == []


@each_chapter
def test_cites_what_is_in_the_bibliography(name):
    entries = set(
        re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text("utf-8"), re.M)
    )
    prefix = re.search(r"^:keyprefix: (\S+)$", prose(name), re.M)
    roles = re.findall(r"\{cite[:\w]*\}`([^`]+)`", prose(name))
    keys = [key.strip() for role in roles for key in role.split(",")]
    assert keys
    unknown = [key for key in keys if key.removeprefix(prefix[1] if prefix else "") not in entries]
    assert unknown == []


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("It is 3.5x faster.", True),
        ("a speed-up of 12", True),
        ("8 times as fast as before", True),
        ("30 % slower", True),
        ("took 12 ms", True),
        ("a 3x3 kernel, 64 channels, 9 times", False),
        ("the next cell prints how much faster", False),
    ],
)
def test_the_search_for_typed_numbers_finds_them(text, typed):
    assert bool(TYPED.search(text)) == typed
