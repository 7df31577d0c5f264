"""Which candidates are worth a look: those that no other one beats in everything."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _cases(draw: DrawFn) -> Case:
    rng = np.random.default_rng(draw_seed(draw))
    shape = (whole(draw, 1, 7), whole(draw, 1, 3))
    return {"table": rng.integers(0, 4, size=shape).astype(np.float64)}


def _front(table: np.ndarray) -> np.ndarray:
    """Compare everybody with everybody."""
    keep = []
    for row in table.tolist():
        beaten = False
        for other in table.tolist():
            no_worse = all(a <= b for a, b in zip(other, row, strict=True))
            beaten = beaten or (no_worse and other != row)
        keep.append(not beaten)
    return np.array(keep)


def _pairs(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for (other, row) where other is no worse, and where it is better, by column."""
    return table[:, None] <= table[None], table[:, None] < table[None]


def _equals_beat(table: np.ndarray) -> np.ndarray:
    no_worse = np.asarray(_pairs(table)[0].all(axis=2)) & ~np.eye(len(table), dtype=bool)
    return np.asarray(~no_worse.any(axis=0))


on_the_front = Task(
    name="together.on_the_front",
    title="Who is on the front",
    cases=_cases(),
    oracle=_front,
    mistakes=(
        Mistake(
            "better in all",
            lambda table: ~_pairs(table)[1].all(axis=2).any(axis=0),
            "Here somebody counts as beaten only by one that is better in every column. No worse "
            "in any and better in one is enough.",
        ),
        Mistake(
            "equals beat each other",
            _equals_beat,
            "Two candidates with the same numbers throw each other out here: neither beats the "
            "other, and both stay.",
        ),
        Mistake(
            "the largest",
            lambda table: _front(-table),
            "This is the front of the largest numbers: error, bytes and time should be small.",
        ),
        Mistake(
            "the best of each column",
            lambda table: (table == table.min(axis=0)).any(axis=1),
            "These are the best in one column each. A good compromise is on the front as well, "
            "and one that is best in a column may be beaten by one that ties there.",
        ),
        Mistake(
            "the best sum",
            lambda table: table.sum(axis=1) == table.sum(axis=1).min(),
            "This adds the columns up: per cents, bytes and seconds have no common unit.",
        ),
    ),
    hints=(
        "When would you never take a candidate, whatever you care for most?",
        "Candidate b is beaten by a if a <= b in every column and a < b in one at least.",
        "Compare all pairs at once: table[:, None] <= table[None] has an axis for a, one for b "
        "and one for the columns. Use .all(axis=2) and .any(axis=2).",
    ),
)
