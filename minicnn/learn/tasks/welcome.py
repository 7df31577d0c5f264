"""One tiny task for meeting the checker; it is not graded."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 4), whole(draw, 1, 4))
    return {"x": fill(shape, draw_seed(draw))}


def _row_sums(x: np.ndarray) -> np.ndarray:
    return np.array([sum(row) for row in x], dtype=x.dtype)


TASKS = (
    Task(
        name="welcome.row_sums",
        title="Sum each row",
        cases=_cases(),
        oracle=_row_sums,
        mistakes=(
            Mistake(
                "columns",
                lambda x: x.sum(axis=0),
                "This is what you get when each column is summed instead of each row.",
            ),
            Mistake(
                "mean",
                lambda x: x.mean(axis=1),
                "This is what you get when each row is averaged instead of summed.",
            ),
            Mistake(
                "total",
                lambda x: x.sum(),
                "This is what you get when the whole array is summed instead of each row.",
            ),
        ),
        hints=(
            "Which axis disappears when a row becomes one number?",
            "x.sum takes an argument `axis`: the axis that it adds up and removes.",
            "One call of sum, with the axis of the columns.",
        ),
    ),
)
