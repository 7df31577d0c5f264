"""What a pass did to a model, in numbers and in sentences."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minicnn import cost, nn
from minicnn.exchange.cost_model import estimate
from minicnn.nn.layer import Shape

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}
"""How far an exact exchange may be off by rounding, relative to the largest output."""


class Applied(NamedTuple):
    """One rewrite: the rule's name, the layers it replaced by their first names, and what it did.

    A layer that came out of an earlier rewrite is named by all that went into it: ``"0 + 1"``.
    """

    rule: str
    where: str
    note: str


class Refused(NamedTuple):
    """One candidate that stayed as it is, and why."""

    rule: str
    where: str
    reason: str


class Size(NamedTuple):
    """How large a model is; the last three are for one sample, None when no shape was given."""

    layers: int
    params: int
    bytes: int
    flops: int | None
    activation_bytes: int | None
    cost: int | None


class Difference(NamedTuple):
    """Largest change of any output; ``relative`` is divided by the largest output."""

    absolute: float
    relative: float


_ROWS = {
    "layers": "layers",
    "params": "parameters",
    "bytes": "bytes of the model",
    "flops": "FLOPs",
    "activation_bytes": "bytes of activations",
    "cost": "cost by the model",
}


@dataclass(frozen=True)
class Report:
    """What a pass did; ``print`` it, or read its attributes.

    Attributes
    ----------
    name : of the pass.
    exact : whether the new model is meant to compute the same function.
    applied, refused : tuples of `Applied` and `Refused`.
    before, after : a `Size` each.
    in_shape : of one sample; None when the pass was not told.
    dtype : of the model.
    difference : a `Difference` of outputs on random inputs; None when ``in_shape`` is.
    errors : fractions of wrong answers before and after, where a pass was given data.
    nothing : why there was no candidate at all, if so.
    """

    name: str
    exact: bool
    applied: tuple[Applied, ...]
    refused: tuple[Refused, ...]
    before: Size
    after: Size
    in_shape: Shape | None
    dtype: np.dtype
    difference: Difference | None = None
    errors: tuple[float, float] | None = None
    nothing: str = ""

    @property
    def max_abs_difference(self) -> float | None:
        """Largest absolute change of any output."""
        return None if self.difference is None else self.difference.absolute

    @property
    def max_rel_difference(self) -> float | None:
        """Largest absolute change of any output, divided by the largest absolute output."""
        return None if self.difference is None else self.difference.relative

    @property
    def agrees(self) -> bool | None:
        """Whether the outputs are equal but for rounding (`TOLERANCE`); None if not measured."""
        if self.difference is None:
            return None
        return self.difference.relative <= TOLERANCE[self.dtype]

    @property
    def headline(self) -> str:
        """One line: the pass, how many rewrites, how many refusals."""
        kind = "exact" if self.exact else "inexact"
        count = f"{len(self.applied)} {kind} rewrite{'s' * (len(self.applied) != 1)}"
        return f"{self.name}: {count}, {len(self.refused)} refused"

    def __str__(self) -> str:
        lines = [self.headline, "", *_aligned([("", "before", "after", "change"), *self._sizes()])]
        lines += ["", *self._sentences()]
        for title, entries in (("applied", self.applied), ("refused", self.refused)):
            if entries:
                wide = max(len(entry.where) for entry in entries)
                lines += ["", title]
                lines += [f"  {where:<{wide}}  {rule}: {text}" for rule, where, text in entries]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        def table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], side: str) -> str:
            def line(cells: tuple[str, ...], tag: str) -> str:
                sides = ["left", *[side] * (len(cells) - 1)]
                return "".join(
                    f'<{tag} style="text-align: {where}">{html.escape(cell)}</{tag}>'
                    for cell, where in zip(cells, sides, strict=True)
                )

            body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
            head = f"<thead><tr>{line(titles, 'th')}</tr></thead>"
            return f"<table>{head}<tbody>{body}</tbody></table>"

        parts = [f"<p><b>{html.escape(self.headline)}</b></p>"]
        parts.append(table(("", "before", "after", "change"), list(self._sizes()), "right"))
        parts += [f"<p>{html.escape(sentence)}</p>" for sentence in self._sentences()]
        if self.applied:
            applied = [(where, rule, note) for rule, where, note in self.applied]
            parts.append(table(("applied to", "rule", "what"), applied, "left"))
        if self.refused:
            refused = [(where, rule, reason) for rule, where, reason in self.refused]
            parts.append(table(("refused at", "rule", "why"), refused, "left"))
        return "".join(parts)

    def _sizes(self) -> Iterator[tuple[str, ...]]:
        for field, title in _ROWS.items():
            old, new = getattr(self.before, field), getattr(self.after, field)
            if old is not None and new is not None:
                change = f"{100 * (new - old) / old:+.1f} %" if old else ""
                yield title, f"{old:,}", f"{new:,}", "" if old == new else change

    def _sentences(self) -> Iterator[str]:
        if not self.applied and not self.refused:
            yield f"Nothing to do: {self.nothing}."
        if self.difference is None:
            yield "Outputs were not compared: give in_shape to have that done."
        else:
            absolute, relative = self.difference
            text = f"Largest difference of outputs: {absolute:.2g}, relative {relative:.2g}"
            verdict = "; too large for rounding: one of the rewrites is WRONG."
            yield text + (verdict if self.exact and not self.agrees else ".")
        if self.errors is not None:
            old, new = self.errors
            yield f"Error on the data given: {100 * old:.2f} % before, {100 * new:.2f} % after."


def measure(model: nn.Sequential, in_shape: Shape | None) -> Size:
    """Count what a model holds and, for a known shape, what it computes."""
    leaves = [layer for _, layer in model.named_layers() if not layer.children()]
    arrays = [p.data for p in model.parameters().values()] + list(model.buffers().values())
    held = len(leaves), model.num_parameters, sum(array.nbytes for array in arrays)
    if in_shape is None:
        return Size(*held, None, None, None)
    counted = cost.summary(model, in_shape)
    return Size(*held, counted.flops, counted.activation_bytes, estimate(model, in_shape))


def compare(old: nn.Layer, new: nn.Layer, in_shape: Shape, dtype: np.dtype) -> Difference:
    """Run both models on the same two random samples (seed 0, standard normal)."""
    x = np.random.default_rng(0).standard_normal((2, *in_shape)).astype(dtype)
    expected, got = old(x), new(x)
    absolute = float(np.abs(got - expected).max())
    largest = float(np.abs(expected).max())
    if absolute == 0:
        return Difference(0.0, 0.0)
    return Difference(absolute, absolute / largest if largest else float("inf"))


def _aligned(cells: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in cells
    ]
    return [lines[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]]
