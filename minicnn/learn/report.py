"""What a check says: one status, how many cases pass, and the smallest case that does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from minicnn.learn import render
from minicnn.learn.task import Case


class Status(StrEnum):
    """How one answer stands."""

    PASSED = "passed"
    NOT_STARTED = "not started"
    ERROR = "error"
    WRONG_TYPE = "wrong type"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    WRONG_VALUES = "wrong values"
    RULE_BROKEN = "rule broken"
    CHANGED_INPUT = "changed its input"
    BORROWED = "borrowed"
    INTERRUPTED = "interrupted"
    MISSING = "missing"
    SYNTAX_ERROR = "syntax error"
    TIMED_OUT = "timed out"
    CRASHED = "crashed"


class TaskFailed(AssertionError):
    """Raised by a failing `check` while nbgrader grades, so that the cell scores nothing."""


@dataclass(frozen=True)
class Example:
    """One call that went wrong: the arguments, what was expected and what came back."""

    function: str
    case: Case
    expected: Any = None
    got: Any = None
    wrong: np.ndarray | None = None
    """Where `got` differs, as a boolean array, when both have the same shape."""
    printed: str = ""
    """What the function printed during this call."""
    labels: tuple[str, str] = ("expected", "got")


@dataclass(frozen=True)
class Report:
    """The answer of `check`. Shows itself in a notebook and in a terminal."""

    task: str
    status: Status
    passed: int = 0
    total: int = 0
    message: str = ""
    mistake: str | None = None
    example: Example | None = None
    score: float | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every case passed."""
        return self.status is Status.PASSED

    @property
    def headline(self) -> str:
        """One line: the task, how it stands, and how many cases pass."""
        if self.ok:
            return f"{self.task}: passed, all {self.total} cases."
        if not self.passed and self.status in (Status.NOT_STARTED, Status.MISSING):
            return f"{self.task}: {self.status}."
        count = f", {self.passed} of {self.total} cases pass" if self.total else ""
        return f"{self.task}: {self.status}{count}."

    def __repr__(self) -> str:
        return render.report_text(self)

    def _repr_html_(self) -> str:
        return render.report_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the arrays, ready for JSON."""
        return {
            "task": self.task,
            "status": str(self.status),
            "passed": self.passed,
            "total": self.total,
            "message": self.message,
            "mistake": self.mistake,
            "score": self.score,
            "notes": list(self.notes),
            "example": render.example_text(self.example) if self.example else None,
        }
