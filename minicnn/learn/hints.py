"""Hints that open one at a time: a question, a pointer, the structure; never the answer."""

from __future__ import annotations

from dataclasses import dataclass

from minicnn.learn import progress, render
from minicnn.learn.tasks import get_task


@dataclass(frozen=True)
class Hint:
    """The hints of a task that are open so far. Shows itself in a notebook and in a terminal."""

    task: str
    steps: tuple[str, ...]
    left: int

    @property
    def title(self) -> str:
        """The headline of the card."""
        return f"{self.task}: hint {len(self.steps)} of {len(self.steps) + self.left}"

    def __repr__(self) -> str:
        lines = [self.title, *(f"{i}. {step}" for i, step in enumerate(self.steps, 1))]
        lines.append(f"{self.left} more: call hint again." if self.left else "That was the last.")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return render.hint_html(self.title, list(self.steps), self.left)


def hint(name: str) -> Hint:
    """Open one more hint for the task `name`; which ones are open is remembered."""
    task = get_task(name)
    opened = progress.open_hint(task.name, len(task.hints))
    return Hint(task.name, task.hints[:opened], len(task.hints) - opened)
