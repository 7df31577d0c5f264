"""Trying a learner's function on generated cases."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from minicnn.learn import compare, progress
from minicnn.learn.explain import explain
from minicnn.learn.guard import origin
from minicnn.learn.report import Report, Status, TaskFailed
from minicnn.learn.task import Case, Task
from minicnn.learn.tasks import get_task
from minicnn.learn.trial import Outcome, attempt, first_step, write_it_yourself

CASES = 100


def check(name: str, answer: Any) -> Report:
    """Try `answer`, your function for the task `name`, and report what happens.

    Never raises for a wrong answer, except while nbgrader grades: there a failing task raises
    TaskFailed, so that its cell scores nothing.
    """
    task = get_task(name)
    report = grade(task, answer)
    trouble = progress.record(report)
    if os.environ.get("NBGRADER_EXECUTION") and not report.ok:
        raise TaskFailed(f"{report.headline} {report.message}".strip())
    return replace(report, notes=(*report.notes, trouble)) if trouble else report


def grade(task: Task, answer: Any, *, seed: int = 0, trusted: bool = False) -> Report:
    """Try `answer` on CASES generated cases; the same seed gives the same cases.

    `trusted` answers may call a library that solves the task (the tests' own mistakes do).
    """
    refusal = _refuse(task, answer, trusted)
    if refusal:
        return refusal
    cases = _cases(task, seed)
    outcomes: list[Outcome] = []
    for case in cases:
        outcomes.append(attempt(task, answer, case, trusted=trusted))
        if outcomes[-1].status in (Status.INTERRUPTED, Status.BORROWED):
            break
        if len(outcomes) == 1 and outcomes[0].status is Status.NOT_STARTED:
            return Report(task.name, Status.NOT_STARTED, 0, len(cases), outcomes[0].message)
    failing = [o for o in outcomes if o.status is not None]
    if failing:
        return explain(task, answer, outcomes, failing, len(cases))
    return _praise(task, answer, len(cases))


@lru_cache(maxsize=32)
def _cases(task: Task, seed: int) -> list[Case]:
    """Draw a task's cases once; nobody writes into them, `attempt` hands out copies."""
    from minicnn.learn.strategies import draw_cases

    return draw_cases(task.cases, CASES, seed)


def _refuse(task: Task, answer: Any, trusted: bool) -> Report | None:
    if answer is None or answer is Ellipsis or answer is NotImplemented:
        return Report(task.name, Status.NOT_STARTED, message=first_step(task))
    if not callable(answer):
        what = (
            f"check wants the function itself, without brackets after its name: "
            f'check("{task.name}", {task.function}). It got {compare.describe(answer)}.'
        )
        return Report(task.name, Status.WRONG_TYPE, message=what)
    library = origin(answer)
    if library and not trusted:
        return Report(task.name, Status.BORROWED, message=write_it_yourself(library))
    return None


def _praise(task: Task, answer: Callable[..., Any], n: int) -> Report:
    """Report on an answer that passes; an open task goes on to its board."""
    if task.board is None:
        return Report(task.name, Status.PASSED, n, n)
    scores = []
    for case in task.board.cases:
        outcome = attempt(task, answer, case, trusted=True)
        if outcome.status is not None:
            return replace(explain(task, answer, [outcome], [outcome], n + 1), passed=n)
        scores.append(outcome.score)
    score = task.board.total(scores)
    best = f"The best possible: {task.board.best:,.6g}."
    what = f"Your score: {score:,.6g} {task.board.label}. {best}"
    return Report(task.name, Status.PASSED, n, n, what, score=score)
