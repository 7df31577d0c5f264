"""One trial: call the learner's function on one case, catch what happens, compare."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import linecache
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minicnn.learn import compare
from minicnn.learn.guard import Guard
from minicnn.learn.report import Status
from minicnn.learn.task import Case, Task


@dataclass(frozen=True)
class Outcome:
    """What one case gave; `status` is None when the answer is right."""

    case: Case
    status: Status | None
    message: str = ""
    expected: Any = None
    got: Any = None
    wrong: np.ndarray | None = None
    printed: str = ""
    score: float = 0.0


def first_step(task: Task) -> str:
    """What to do with a task that is not started."""
    return (
        f"Write {task.function} in the cell above, run that cell, then run this one again. "
        f'Stuck? hint("{task.name}")'
    )


def write_it_yourself(library: str) -> str:
    """What to say about an answer that calls a library."""
    return f"This calls {library}, which already solves the task. Write it yourself."


def attempt(
    task: Task, answer: Callable[..., Any], case: Case, *, trusted: bool = False
) -> Outcome:
    """Call the learner's function on copies of one case and compare."""
    arguments = copy.deepcopy(case)
    values = list(arguments.values())
    if refused := _does_not_fit(answer, values):
        what = f"It is called as {task.function}({', '.join(case)}): {refused}."
        return Outcome(case, Status.ERROR, what)
    printed = io.StringIO()
    guard = Guard(attempt.__code__)
    try:
        with quiet(printed), contextlib.nullcontext() if trusted else guard:
            got = answer(*values)
    except NotImplementedError as error:
        return Outcome(case, Status.NOT_STARTED, _what_is_blank(task, answer, error))
    except KeyboardInterrupt as error:
        what = f"Stopped while this case was running{_line_of(answer, error)}. A loop without end?"
        return Outcome(case, Status.INTERRUPTED, what)
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ") + _line_of(answer, error)
        return Outcome(case, Status.ERROR, what, printed=printed.getvalue())
    if guard.found:
        return Outcome(case, Status.BORROWED, write_it_yourself(guard.found))
    outcome = _judge(task, case, arguments, got)
    return replace(outcome, printed=printed.getvalue())


def _does_not_fit(answer: Callable[..., Any], values: list[Any]) -> str:
    """Say why the function cannot take these arguments, or "" when it can."""
    try:
        signature = inspect.signature(answer)
    except ValueError:
        return ""  # a built-in without a signature: calling it will tell
    try:
        signature.bind(*values)
    except TypeError as error:
        return str(error)
    return ""


@contextlib.contextmanager
def quiet(printed: io.StringIO) -> Iterator[None]:
    """Catch what is printed, and keep warnings out of the report."""
    with (
        contextlib.redirect_stdout(printed),
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def _judge(task: Task, case: Case, arguments: Case, got: Any) -> Outcome:
    if got is None or got is Ellipsis or got is NotImplemented:
        what = f"{task.function} returns {got}. Nothing written yet, or a missing `return`?"
        return Outcome(case, Status.NOT_STARTED, what)
    for name, before in case.items():
        if isinstance(before, np.ndarray) and not np.array_equal(before, arguments[name]):
            what = f"{task.function} changed its argument {name}. Work on a copy: {name}.copy()."
            return Outcome(case, Status.CHANGED_INPUT, what, before, arguments[name])
    if task.judge is not None:
        verdict = task.judge(got, **case)
        status = None if verdict.ok else Status.RULE_BROKEN
        return Outcome(case, status, verdict.message, got=got, score=verdict.score)
    assert task.oracle is not None
    expected = task.oracle(**copy.deepcopy(case))
    wrong = compare.mismatch(expected, got, task.tolerance)
    if wrong is None:
        return Outcome(case, None, expected=expected, got=got)
    return Outcome(case, wrong.status, wrong.message, expected, got, wrong.wrong)


def _what_is_blank(task: Task, answer: Callable[..., Any], error: NotImplementedError) -> str:
    """Tell a blank function from one that calls a blank function."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = getattr(answer, "__code__", None)
    if trace is None or code is None or trace.tb_frame.f_code is code:
        return first_step(task)
    return f"{task.function} calls {trace.tb_frame.f_code.co_name}, which is not written yet."


def _line_of(answer: Callable[..., Any], error: BaseException) -> str:
    """Say where in the learner's own file an exception came from."""
    code = getattr(answer, "__code__", None)
    trace, line = error.__traceback__, None
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    if code is None or line is None:
        return ""
    text = linecache.getline(code.co_filename, line).strip()
    return f" (line {line}: {text})" if text else f" (line {line})"
