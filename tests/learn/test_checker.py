"""What a check says about every way of going wrong."""

import functools
import subprocess
import sys

import numpy as np
import pytest

import minicnn as mc
from minicnn.learn import Status, TaskFailed, check, get_task, grade, hint
from minicnn.learn.progress import load
from minicnn.learn.trial import attempt

SINGLE = get_task("one_layer.conv2d_single")
SIZE = get_task("one_layer.output_size")
BIAS = get_task("one_layer.grad_bias")


def right_single(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.einsum("pqrs,rs->pq", windows, w)


def right_size(n, k, stride, padding, dilation):
    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1


def test_a_right_answer_passes_and_says_so():
    report = check("one_layer.conv2d_single", right_single)
    assert report.ok
    assert repr(report) == "one_layer.conv2d_single: passed, all 100 cases."
    assert "✓" in report._repr_html_()


def test_the_smallest_case_is_found_and_drawn():
    report = grade(SINGLE, lambda x, w: right_single(x, w[::-1, ::-1]))
    assert report.mistake == "flipped kernel"
    assert report.example.case["x"].tolist() == [[1, 2]]
    assert report.example.case["w"].tolist() == [[1, 2]]
    text = repr(report)
    assert "shape (1, 2), float64" in text
    assert ">4<" in text
    assert text.count("expected") == text.count("got") == 1


def test_checking_twice_says_the_same():
    def wrong(x, w):
        return right_single(x, w) + (x.shape[0] > 2)

    assert repr(grade(SINGLE, wrong)) == repr(grade(SINGLE, wrong))


def test_an_exception_is_shown_with_its_line():
    def broken(x, w):
        y = np.zeros(3)
        return y[7]

    report = grade(SINGLE, broken)
    assert report.status is Status.ERROR
    assert "IndexError" in report.message
    assert "return y[7]" in report.message


def test_an_exception_in_rare_cases_only_is_found():
    def fragile(n, k, stride, padding, dilation):
        return right_size(n, k, stride, padding, dilation) if k < 5 else 1 // 0

    report = grade(SIZE, fragile)
    assert report.status is Status.ERROR
    assert report.example.case["k"] == 5
    assert 0 < report.passed < report.total


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (lambda x, w: right_single(x, w).astype(int), Status.WRONG_DTYPE, "float64"),
        (lambda x, w: right_single(x, w).tolist(), Status.WRONG_TYPE, "list"),
        (lambda x, w: right_single(x, w)[None], Status.WRONG_SHAPE, "(1, 1, 1)"),
        (lambda x, w: 2 * right_single(x, w), Status.WRONG_VALUES, "2 times what it should"),
        (lambda x, w: right_single(x, w).T, Status.WRONG_SHAPE, "Expected shape"),
        (lambda x: x, Status.ERROR, "conv2d_single(x, w)"),
        (lambda x, w: sys.exit(), Status.ERROR, "SystemExit"),
        (lambda x, w: right_single(x, w) * np.nan, Status.WRONG_VALUES, "differ"),
        (3, Status.WRONG_TYPE, "without brackets"),
        (lambda x, w: None if x.size > 4 else right_single(x, w), Status.WRONG_TYPE, "nothing"),
    ],
)
def test_each_fault_has_a_status_and_a_sentence(answer, status, says):
    report = grade(SINGLE, answer)
    assert report.status is status
    assert says in report.message
    assert not report.ok
    assert report._repr_html_()


def test_numbers_of_the_wrong_kind_are_told():
    assert "`//`" in grade(SIZE, lambda *a: float(right_size(*a))).message
    assert grade(SIZE, lambda *a: np.int64(right_size(*a))).ok
    assert "2 too large" in grade(SIZE, lambda *a: right_size(*a) + 2).message


def test_a_dtype_alone_names_no_mistake():
    task = get_task("one_layer.conv2d")
    report = grade(task, lambda *a: task.oracle(*a).astype(np.float64), trusted=True)
    assert report.status is Status.WRONG_DTYPE
    assert report.mistake is None


def test_an_input_must_not_be_changed():
    def greedy(dy):
        dy *= 2
        return dy.sum(axis=(0, 2, 3)) / 2

    report = grade(BIAS, greedy)
    assert report.status is Status.CHANGED_INPUT
    assert "dy.copy()" in report.message
    assert "after" in repr(report)


def test_a_loop_that_is_stopped_by_hand_is_reported():
    def endless(x, w):
        raise KeyboardInterrupt

    report = grade(SINGLE, endless)
    assert report.status is Status.INTERRUPTED
    assert "without end" in report.message


def test_only_the_shown_case_prints(capsys):
    def chatty(x, w):
        print("looking at", x.shape)
        return right_single(x, w) + 1

    report = grade(SINGLE, chatty)
    assert capsys.readouterr().out == ""
    assert "looking at (1, 1)" in repr(report)


def borrowed_attribute(x, w, b, stride, padding):
    return mc.ops.conv2d(x, w, b, stride=stride, padding=padding)


def borrowed_import(x, w, b, stride, padding):
    from minicnn.ops import conv2d as mine

    return mine(x, w, b, stride=stride, padding=padding)


@pytest.mark.parametrize(
    "answer",
    [borrowed_attribute, borrowed_import, mc.ops.conv2d, functools.partial(mc.ops.conv2d, b=None)],
)
def test_calling_the_package_is_recognised(answer):
    report = grade(get_task("one_layer.conv2d"), answer)
    assert report.status is Status.BORROWED
    assert "minicnn.ops.conv2d" in report.message
    assert report.passed == 0


def test_calling_scipy_is_recognised():
    signal = pytest.importorskip("scipy.signal")
    report = grade(SINGLE, lambda x, w: signal.correlate2d(x, w, "valid"))
    assert report.status is Status.BORROWED
    assert "correlate2d" in report.message


def test_the_oracle_itself_is_no_answer():
    assert grade(SINGLE, SINGLE.oracle).status is Status.BORROWED


def test_numba_and_numpy_are_welcome():
    import numba

    compiled = numba.njit(right_size)
    assert grade(SIZE, compiled).ok
    assert grade(SIZE, lambda *a: compiled(*a)).ok


def test_the_profiler_is_put_back():
    def mine(*event):
        return None

    before = sys.getprofile()
    sys.setprofile(mine)
    try:
        attempt(SIZE, right_size, {"n": 1, "k": 1, "stride": 1, "padding": 0, "dilation": 1})
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(before)


def test_open_tasks_show_a_score():
    stack = get_task("one_layer.cheapest_stack")
    report = grade(stack, lambda size: [(2, 2**i) for i in range((size - 1).bit_length())])
    assert report.status is Status.RULE_BROKEN

    def doubling(size):
        layers, seen = [], 1
        while seen < size:
            layers.append((2, min(seen, size - seen)))
            seen += layers[-1][1]
        return layers

    report = grade(stack, doubling)
    assert report.ok
    assert report.score == stack.board.best


@pytest.mark.parametrize(
    ("stack", "says"),
    [
        ("abc", "list of pairs"),
        ([(2, 1, 1)], "list of pairs"),
        ([(0, 1)], "1 or more"),
        ([(3, 1)], "spans 3 pixels"),
        ([(2, 1), (2, 3)], "never looks at pixel 2"),
    ],
)
def test_open_tasks_say_which_rule_is_broken(stack, says):
    verdict = get_task("one_layer.cheapest_stack").judge(stack, size=5)
    assert not verdict.ok
    assert says in verdict.message


def test_the_board_can_fail_an_answer_that_passed_its_cases():
    stack = get_task("one_layer.cheapest_stack")

    def tires(size):
        layers, seen = [], 1
        while seen < size:
            layers.append((2, min(seen, size - seen)))
            seen += layers[-1][1]
        return layers if size < 50 else 1 // 0

    report = grade(stack, tires)
    assert report.status is Status.ERROR
    assert report.example.case == {"size": 50}
    assert (report.passed, report.total) == (40, 41)


def test_odd_answers_to_an_open_task_break_nothing():
    strides = get_task("spatial_compression.choose_strides")
    for odd in (np.ones(3), "12", [np.ones(2)], {1: 2}, [1.0, 2.0], 5):
        report = grade(strides, lambda *_, odd=odd: odd)
        assert report.status is Status.RULE_BROKEN


def test_a_blank_part_is_told_from_a_blank_answer():
    def part():
        raise NotImplementedError

    report = grade(SIZE, lambda *_: part())
    assert report.status is Status.NOT_STARTED
    assert "calls part, which is not written yet" in report.message


def test_a_function_that_remembers_is_found_out():
    calls = []

    def moody(*values):
        calls.append(values)
        return right_size(*values) + (len(calls) < 5)

    report = grade(SIZE, moody)
    assert not report.ok
    assert "from call to call" in report.message


def test_while_nbgrader_grades_a_failure_raises(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check("one_layer.output_size", right_size).ok
    with pytest.raises(TaskFailed, match="not started"):
        check("one_layer.output_size", None)
    with pytest.raises(AssertionError, match="first window is not counted"):
        check("one_layer.output_size", lambda *a: right_size(*a) - 1)


def test_unknown_names_are_guessed():
    with pytest.raises(ValueError, match=r"Did you mean 'one_layer\.output_size'"):
        check("one_layer.output_sise", right_size)
    with pytest.raises(ValueError, match="There is no task"):
        hint("zzz")


def test_what_is_remembered_does_not_change_a_report(progress_file):
    before = repr(check("one_layer.output_size", right_size))
    assert "one_layer.output_size" in load()[0]
    assert repr(check("one_layer.output_size", right_size)) == before
    progress_file.write_text("{ damaged")
    report = check("one_layer.output_size", right_size)
    assert report.ok
    assert "damaged" in report.notes[0]


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_hypothesis_is_loaded_late_and_missed_kindly():
    code = """
import sys
from minicnn.learn import check, hint
print("hypothesis" in sys.modules, "numba" in sys.modules, "matplotlib" in sys.modules)
sys.modules["hypothesis"] = None
try:
    check("one_layer.output_size", None)
except ImportError as error:
    print(error)
"""
    first, second = run(code).splitlines()
    assert first == "False False False"
    assert 'pip install "minicnn[learn]"' in second
