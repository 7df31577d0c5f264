"""Reports as text and HTML."""

import numpy as np

from minicnn.learn import render
from minicnn.learn.report import Example, Report, Status


def example(**changes):
    x = np.arange(6.0).reshape(1, 1, 2, 3)
    wrong = np.zeros(x.shape, dtype=bool)
    wrong[0, 0, 1, 2] = True
    parts = {"case": {"x": x, "stride": 2}, "expected": x, "got": x + wrong, "wrong": wrong}
    return Example("f", **{**parts, **changes})


def test_text_marks_what_differs():
    lines = render.example_text(example()).splitlines()
    assert lines[0] == "f(x, stride=2)"
    assert "shape (1, 1, 2, 3), float64" in lines[3]
    assert sum(">6<" in line for line in lines) == 1


def test_several_slices_are_labelled_and_long_ones_cut():
    lines = render.array_lines("x", np.zeros((2, 4, 12, 2)))
    assert "[0, 1]" in lines
    assert lines[-1] == "..."
    assert "[1, 2]" not in lines


def test_small_and_odd_arrays():
    assert render.array_lines("x", np.zeros((0, 3)))[-1] == "(empty)"
    assert render.array_lines("x", np.array(1 / 3))[-1].strip() == "0.333333"
    assert render.array_lines("b", np.array([1.0, 20.0]))[-1] == "  1  20"


def test_blocks_wrap_at_the_width():
    blocks = [["a" * 40], ["b" * 40], ["c" * 40]]
    lines = render.beside(blocks, limit=96)
    assert len(lines) == 3
    assert max(map(len, lines)) <= 96


def test_html_is_escaped_and_marks_what_differs():
    report = Report(
        "t.f",
        Status.WRONG_VALUES,
        1,
        2,
        "a < b & <script>",
        example=example(printed="<b>"),
        notes=("<i>",),
    )
    html = report._repr_html_()
    assert "<script>" not in html
    assert "a &lt; b" in html
    assert "&lt;i&gt;" in html
    assert html.count("outline:") == 1
    assert html.count("<div") == html.count("</div>")


def test_a_report_is_ready_for_json():
    import json

    report = Report("t.f", Status.WRONG_VALUES, 1, 2, "no", example=example())
    assert json.loads(json.dumps(report.to_dict()))["status"] == "wrong values"


def test_printing_is_cut():
    text = render.example_text(example(printed="\n".join(map(str, range(100)))))
    assert text.endswith("7\n...")
