"""What a pass of compression did: counted, weighed as a file, and measured where there is data."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from minicnn import cost, nn
from minicnn.compress import packed
from minicnn.nn.layer import Shape
from minicnn.training import evaluate
from minicnn.training.inputs import Data


class Size(NamedTuple):
    """How large a model is; ``file_bytes`` is the length of its compact file (`compress.save`).

    ``nonzero`` counts parameters that are not zero. ``flops`` are those of one sample with every
    zero multiplied, None when no shape was given.
    """

    params: int
    nonzero: int
    file_bytes: int
    flops: int | None


class Change(NamedTuple):
    """What happened to one layer or parameter, by its dotted name, in words."""

    where: str
    what: str


_ROWS = {
    "params": "parameters",
    "nonzero": "not zero",
    "file_bytes": "bytes of the file",
    "flops": "FLOPs",
}


@dataclass(frozen=True)
class Report:
    """What a pass did; ``print`` it, or read its attributes.

    Attributes
    ----------
    name : of the pass.
    before, after : a `Size` each.
    changes : tuple of `Change`.
    errors : fractions of wrong answers before and after, where a pass was given data.
    steps : reports of the passes inside, for a pipeline.
    """

    name: str
    before: Size
    after: Size
    changes: tuple[Change, ...] = ()
    errors: tuple[float, float] | None = None
    steps: tuple[Report, ...] = field(default=())

    @property
    def ratio(self) -> float:
        """How many times smaller the compact file became."""
        return self.before.file_bytes / self.after.file_bytes

    @property
    def headline(self) -> str:
        """One line: the pass, and by how much the file shrank."""
        before, after = self.before.file_bytes, self.after.file_bytes
        return f"{self.name}: file of {before:,} bytes to {after:,}, {self.ratio:.1f} times smaller"

    def __str__(self) -> str:
        rows = [("", "before", "after", "change"), *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in rows
        ]
        lines = [self.headline, "", lines[0], "-" * (sum(widths) + 6), *lines[1:]]
        listed = [(step.name, step.headline.partition(": ")[2]) for step in self.steps]
        for title, entries in (("passes", listed), ("changes", list(self.changes))):
            if entries:
                wide = max(len(where) for where, _ in entries)
                lines += ["", title, *(f"  {where:<{wide}}  {what}" for where, what in entries)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        def table(titles: Sequence[str], rows: Sequence[Sequence[str]], side: str) -> str:
            def line(cells: Sequence[str], tag: str) -> str:
                sides = ["left", *[side] * (len(cells) - 1)]
                return "".join(
                    f'<{tag} style="text-align: {where}">{html.escape(cell)}</{tag}>'
                    for cell, where in zip(cells, sides, strict=True)
                )

            body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
            head = f"<thead><tr>{line(titles, 'th')}</tr></thead>"
            return f"<table>{head}<tbody>{body}</tbody></table>"

        parts = [f"<p><b>{html.escape(self.headline)}</b></p>"]
        parts.append(table(("", "before", "after", "change"), list(self._rows()), "right"))
        if self.steps:
            steps = [(step.name, step.headline.partition(": ")[2]) for step in self.steps]
            parts.append(table(("pass", "what it did"), steps, "left"))
        if self.changes:
            parts.append(table(("where", "what"), list(self.changes), "left"))
        return "".join(parts)

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        for name, title in _ROWS.items():
            old, new = getattr(self.before, name), getattr(self.after, name)
            if old is not None and new is not None:
                change = f"{100 * (new - old) / old:+.1f} %" if old and old != new else ""
                yield title, f"{old:,}", f"{new:,}", change
        if self.errors is not None:
            before, after = (100 * error for error in self.errors)
            yield "error", f"{before:.2f} %", f"{after:.2f} %", f"{after - before:+.2f} points"


def measure(model: nn.Layer, in_shape: Shape | None = None) -> Size:
    """Count and weigh a model."""
    values = [p.data for p in model.parameters().values()]
    return Size(
        sum(v.size for v in values),
        sum(int(np.count_nonzero(v)) for v in values),
        len(packed.to_bytes(model)),
        None if in_shape is None else cost.summary(model, in_shape).flops,
    )


def report(
    name: str,
    old: nn.Layer,
    new: nn.Layer,
    changes: Sequence[Change] = (),
    *,
    in_shape: Shape | None = None,
    data: Data | None = None,
    steps: Sequence[Report] = (),
) -> Report:
    """Compare a model before and after; errors are measured on ``data`` (x, labels) if given."""
    errors = None if data is None else (evaluate(old, data).error, evaluate(new, data).error)
    return Report(
        name, measure(old, in_shape), measure(new, in_shape), tuple(changes), errors, tuple(steps)
    )
