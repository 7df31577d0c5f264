"""What a task is: cases, an oracle that knows the answer, classic mistakes, and three hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Case = dict[str, Any]
"""The arguments of one call, by name, in the order of the learner's signature."""


@dataclass(frozen=True)
class Mistake:
    """A classic wrong answer: a function that makes it, and the sentence that names it."""

    name: str
    function: Callable[..., Any]
    message: str


@dataclass(frozen=True)
class Verdict:
    """A judge's opinion of one answer to an open-ended task."""

    ok: bool
    message: str = ""
    score: float = 0.0


@dataclass(frozen=True)
class Board:
    """The leaderboard number of an open-ended task: the judge's scores over fixed cases.

    `total` adds up the scores; `label` says what the number counts and `best` what is possible.
    """

    cases: tuple[Case, ...]
    total: Callable[[list[float]], float]
    label: str
    best: float


@dataclass(frozen=True, eq=False)
class Task:
    """One exercise.

    A task has either an `oracle` (the right answer, found by a road that does not use the
    package's own operations) or, when many answers are right, a `judge`, called with the answer
    and then the case's arguments by name.
    """

    name: str
    title: str
    cases: Any
    """A hypothesis strategy of cases."""
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, str, str]
    """A question, a pointer, the structure; never the answer."""
    oracle: Callable[..., Any] | None = None
    judge: Callable[..., Verdict] | None = None
    board: Board | None = None
    tolerance: float = 1e-6

    @property
    def topic(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def function(self) -> str:
        """The name of the function that the learner writes."""
        return self.name.partition(".")[2]
