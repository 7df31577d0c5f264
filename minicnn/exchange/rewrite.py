"""The engine under every pass: try small rules along a model until none has anything to say.

A rule looks at a list of layers from one position on and answers with

- a `Rewrite`: take out so many layers here and put these in;
- a sentence: this looks like a case for me, but it is not exact, because ...;
- None: nothing for me here.

Rules change nothing themselves, and get a model's own layers only to read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from minicnn import nn
from minicnn.exchange.cost_model import estimate
from minicnn.exchange.report import Applied, Refused, Report, compare, measure
from minicnn.nn.layer import LAYERS, Shape

MAX_SWEEPS = 1000


class Rewrite(NamedTuple):
    """Put ``layers`` in the place of the first ``replaced`` ones; ``note`` says what that is.

    ``layers`` may hold some of the old ones, in another order, but never a changed one.
    """

    replaced: int
    layers: list[nn.Layer]
    note: str


Rule = Callable[[list[nn.Layer], int, Shape | None], Rewrite | str | None]
"""``rule(layers, position, in_shape)``: in_shape enters ``layers[position]``, None if unknown."""


def run(
    name: str,
    model: nn.Sequential,
    rules: Sequence[Rule],
    in_shape: Sequence[int] | None,
    *,
    nothing: str,
    only_if_cheaper: bool = False,
    repeat: bool = True,
    exact: bool = True,
) -> tuple[nn.Sequential, Report]:
    """Apply rules to a copy of the model, and report.

    Parameters
    ----------
    nothing
        What the report says when no rule found a candidate.
    only_if_cheaper
        Keep to rewrites that `cost_model.estimate` says pay; needs ``in_shape``.
    repeat
        To a fixed point; otherwise once from front to back.
    """
    shape = _check(name, model, in_shape)
    if only_if_cheaper and shape is None:
        raise ValueError(
            f"in_shape is None; {name} is to do only what is cheaper, and expects to know for "
            "which size of image. Give in_shape=(C, H, W), or only_if_cheaper=False to do all."
        )
    new = model.copy()
    rewriter = _Rewriter(new, rules, only_if_cheaper=only_if_cheaper, repeat=repeat)
    rewriter.run(new, shape)
    dtype = np.dtype(model.dtype or np.float32)
    report = Report(
        name=name,
        exact=exact,
        applied=tuple(rewriter.applied),
        refused=tuple(rewriter.refused),
        before=measure(model, shape),
        after=measure(new, shape),
        in_shape=shape,
        dtype=dtype,
        difference=None if shape is None else compare(model, new, shape, dtype),
        nothing=nothing,
    )
    return new, report


class _Rewriter:
    """Walks a model, changes it in place, and writes down what happened."""

    def __init__(
        self, model: nn.Sequential, rules: Sequence[Rule], *, only_if_cheaper: bool, repeat: bool
    ) -> None:
        self.rules = rules
        self.only_if_cheaper = only_if_cheaper
        self.repeat = repeat
        self.applied: list[Applied] = []
        self.refused: list[Refused] = []
        # By identity; holding the layer keeps its id from being given to another one.
        self.names = {id(layer): (layer, name) for name, layer in model.named_layers()}

    def run(self, model: nn.Sequential, shape: Shape | None) -> None:
        for _ in range(MAX_SWEEPS):
            self.refused = []  # an earlier refusal may have been overtaken by a rewrite
            if not self.sweep(model, shape) or not self.repeat:
                return
        raise RuntimeError(
            f"after {MAX_SWEEPS} sweeps the rules still rewrite; expected them to come to rest. "
            "Two of them probably undo each other: drop one, or use only_if_cheaper."
        )

    def sweep(self, model: nn.Sequential, shape: Shape | None) -> bool:
        """Go once from front to back, into every branch; say whether anything changed."""
        changed, position = False, 0
        while position < len(model):
            for branch in _branches(model[position]):
                changed |= self.sweep(branch, shape)
            added = self.rewrite_at(model.layers, position, shape)
            changed |= added is not None
            for layer in model.layers[position : position + (1 if added is None else added)]:
                shape = None if shape is None else layer.out_shape(shape)
                position += 1
        return changed

    def rewrite_at(self, layers: list[nn.Layer], position: int, shape: Shape | None) -> int | None:
        """Apply the rule that saves most, or else the first; return how many layers it put in."""
        candidates = []
        for rule in self.rules:
            outcome = rule(layers, position, shape)
            if isinstance(outcome, Rewrite):
                old = layers[position : position + outcome.replaced]
                saving = self.saving(rule, old, outcome, shape)
                if not isinstance(saving, str):
                    candidates.append((saving, rule, outcome))
                    continue
                outcome = saving
            if outcome is not None:
                self.refused.append(Refused(_name(rule), self.name(layers[position]), outcome))
        if not candidates:
            return None
        _, rule, (replaced, new, note) = max(candidates, key=lambda candidate: candidate[0])
        old = layers[position : position + replaced]
        self.name_new(old, new)
        self.applied.append(Applied(_name(rule), ", ".join(map(self.name, old)), note))
        layers[position : position + replaced] = new
        return len(new)

    def saving(
        self, rule: Rule, old: list[nn.Layer], rewrite: Rewrite, shape: Shape | None
    ) -> int | str:
        """Return by how much a rewrite lowers the cost (0 if no matter), or why it is not done."""
        for layer in old:
            for base in type(layer).__mro__[1:]:
                if base in LAYERS.values():
                    kind = type(layer).__name__
                    return f"{kind} is a kind of {base.__name__} that may compute something else"
        if shape is None:
            return 0
        before = nn.Sequential(*old).out_shape(shape)
        after = nn.Sequential(*rewrite.layers).out_shape(shape)
        if before != after:
            raise ValueError(
                f"{_name(rule)} at {self.name(old[0])} changes the output shape from {before} to "
                f"{after}; a rule has to keep it. Mend the rule."
            )
        if not self.only_if_cheaper:
            return 0
        was, would = estimate(old, shape), estimate(rewrite.layers, shape)
        if would >= was:
            return f"possible, but it does not pay: the cost would go from {was:,} to {would:,}"
        return was - would

    def name(self, layer: nn.Layer) -> str:
        return self.names[id(layer)][1]

    def name_new(self, old: list[nn.Layer], new: list[nn.Layer]) -> None:
        kept = {id(layer) for layer in new}
        gone = [self.name(layer) for layer in old if id(layer) not in kept]
        for layer in new:
            self.names.setdefault(id(layer), (layer, " + ".join(gone) or self.name(old[0])))
            for inner, child in layer.named_layers():
                self.names.setdefault(id(child), (child, f"{self.name(layer)}.{inner}"))


def _branches(layer: nn.Layer) -> Iterator[nn.Sequential]:
    """Return the sequences inside a layer that are rewritten on their own."""
    if type(layer) is nn.Sequential:
        yield layer
    if type(layer) is nn.Residual:
        yield layer.body
        if layer.shortcut is not None:
            yield layer.shortcut


def _name(rule: Rule) -> str:
    return getattr(rule, "__name__", type(rule).__name__)


def _check(name: str, model: nn.Sequential, in_shape: Sequence[int] | None) -> Shape | None:
    if type(model) is not nn.Sequential:
        raise TypeError(
            f"model is a {type(model).__name__}; {name} wants a plain nn.Sequential, whose layers "
            "run one after the other. Wrap a single layer: nn.Sequential(layer)."
        )
    if in_shape is None:
        return None
    shape = tuple(int(size) for size in in_shape)
    if not shape or min(shape) < 1:
        raise ValueError(
            f"in_shape is {tuple(in_shape)}; {name} wants one sample's shape without the batch "
            "axis, all sizes above 0. Use for example (1, 28, 28)."
        )
    model.out_shape(shape)  # names the layer that does not fit, if one does not
    return shape
