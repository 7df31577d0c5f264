"""Explaining a failure: the classic mistake behind it, and the smallest case that shows it."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from minicnn.learn import compare
from minicnn.learn.report import Example, Report, Status
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.trial import Outcome, attempt

SHRINK_SECONDS = 10.0
FORGETFUL = (
    "This case gave a wrong answer at first, and a right one when it was tried again. "
    "Does the function remember something from call to call?"
)
# A mistake is named only when it explains at least this many failing cases.
EVIDENCE = 3


def explain(
    task: Task, answer: Callable[..., Any], outcomes: list[Outcome], failing: list[Outcome], n: int
) -> Report:
    """Report on an answer to a task with `n` cases, some of whose `outcomes` fail."""
    passed, last = len(outcomes) - len(failing), outcomes[-1]
    if last.status is Status.BORROWED:
        return Report(task.name, last.status, passed, n, last.message)
    if last.status is Status.INTERRUPTED:
        example = Example(task.function, last.case)
        return Report(task.name, last.status, passed, n, last.message, example=example)
    mistake = name_mistake(task, outcomes, failing)
    small = _shrink(task, answer, failing, mistake)
    status, message = small.status or Status.WRONG_VALUES, small.message
    if small.status is None:
        message = FORGETFUL
    elif status is Status.NOT_STARTED:  # it answers other cases: this one was forgotten
        status = Status.WRONG_TYPE
        message = f"{task.function} answers other cases, but for this one it gives nothing."
    if mistake:
        message = f"{mistake.message}\n{message}"
    elif status is Status.WRONG_VALUES:
        pairs = [(o.expected, o.got) for o in failing if o.status is Status.WRONG_VALUES]
        message = "\n".join(filter(None, [message, compare.relation(pairs)]))
    example = Example(
        task.function, small.case, small.expected, small.got, small.wrong, small.printed
    )
    if status is Status.CHANGED_INPUT:
        example = replace(example, labels=("before", "after"))
    return Report(task.name, status, passed, n, message, mistake.name if mistake else None, example)


def _shrink(
    task: Task, answer: Callable[..., Any], failing: list[Outcome], mistake: Mistake | None
) -> Outcome:
    """Find the smallest case that fails in the most common way, by the named mistake if any."""
    from minicnn.learn.strategies import smallest

    [(status, _)] = Counter(o.status for o in failing).most_common(1)
    deadline = time.monotonic() + SHRINK_SECONDS

    def fails(case: Case) -> bool:
        if time.monotonic() > deadline:
            return False
        outcome = attempt(task, answer, case, trusted=True)
        if mistake:
            return _is_wrong(task, outcome) and _agrees(task, mistake, outcome)
        return outcome.status is status

    fallback = next(o.case for o in failing if o.status is status)
    return attempt(task, answer, smallest(task.cases, fails, fallback), trusted=True)


def name_mistake(task: Task, outcomes: list[Outcome], failing: list[Outcome]) -> Mistake | None:
    """Return the classic mistake whose answers are the learner's wherever those are wrong."""
    wrong = [o for o in failing if _is_wrong(task, o)]
    if len(wrong) < EVIDENCE or any(o.got is None for o in failing):
        return None
    best, agreed = None, 0
    for mistake in task.mistakes:
        if not all(_agrees(task, mistake, o) for o in wrong):
            continue
        # Among several explanations, the one that also predicts which cases pass.
        agreement = sum(_agrees(task, mistake, o) for o in outcomes)
        if agreement > agreed:
            best, agreed = mistake, agreement
    return best


def _is_wrong(task: Task, outcome: Outcome) -> bool:
    """Whether the numbers are wrong, and not only their dtype."""
    if task.judge is not None:
        return outcome.status is Status.RULE_BROKEN
    return not compare.same_answer(outcome.expected, outcome.got, task.tolerance)


def _agrees(task: Task, mistake: Mistake, outcome: Outcome) -> bool:
    try:
        with np.errstate(all="ignore"):
            predicted = mistake.function(**copy.deepcopy(outcome.case))
    except (ArithmeticError, IndexError, ValueError):
        return False  # the mistake cannot answer this case, the learner did
    if task.judge is not None:
        return repr(_plain(predicted)) == repr(_plain(outcome.got))
    return compare.same_answer(predicted, outcome.got, task.tolerance)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value
