"""Passes one after the other, in any order.

A pass is any callable ``model -> (new_model, report)`` that leaves its argument alone. Ours take
settings after the model, so ``functools.partial`` makes a step of them::

    from functools import partial
    deep = Pipeline([
        partial(prune, sparsity=0.92),
        fine_tune((x, y), epochs=3, seed=0),
        partial(cluster, bits=4),
    ])
    small, report = deep(model)
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from minicnn import exchange, nn
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Shape
from minicnn.training import fit
from minicnn.training.inputs import Data

Pass = Callable[[nn.Sequential], tuple[nn.Sequential, Any]]
"""``model -> (new_model, report)``; the model given is not changed."""


class Pipeline:
    """Several passes as one.

    Parameters
    ----------
    passes
        In the order in which they run.
    in_shape
        Of one sample, without the batch axis, for counting operations.
    data
        A pair (x, labels) to measure errors on, before and after each pass.
    """

    def __init__(
        self, passes: Sequence[Pass], *, in_shape: Shape | None = None, data: Data | None = None
    ) -> None:
        for step in passes:
            if not callable(step):
                raise TypeError(
                    f"passes holds {step!r}; Pipeline wants callables that take a model and return "
                    "(model, report). Use functools.partial(compress.prune, sparsity=0.9)."
                )
        self.passes, self.in_shape, self.data = tuple(passes), in_shape, data

    def __call__(self, model: nn.Sequential) -> tuple[nn.Sequential, Report]:
        """Run all passes; the report has one of each in ``steps``."""
        check_model("Pipeline", model)
        new, steps = model, []
        for step in self.passes:
            before = new
            new, told = step(before)
            if not (isinstance(told, Report) and told.errors is not None) or self.data is None:
                told = report(
                    getattr(told, "name", pass_name(step)),
                    before,
                    new,
                    getattr(told, "changes", ()),
                    in_shape=self.in_shape,
                    data=self.data,
                )
            steps.append(told)
        if not self.passes:
            new = model.copy()
        how = {"in_shape": self.in_shape, "data": self.data, "steps": steps}
        return new, report("Pipeline", model, new, **how)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(map(pass_name, self.passes))})"


def fine_tune(train: Data, *, epochs: int, seed: int, progress: bool = False, **how: Any) -> Pass:
    """Make a pass that trains on: constraints hold meanwhile. Takes what `training.fit` takes.

    An ``optimizer`` given is copied for each run, so that the pass can be used again.
    """

    def fine_tuned(model: nn.Sequential) -> tuple[nn.Sequential, Report]:
        check_model("fine_tune", model)
        new, own = model.copy(), copy.deepcopy(how)
        history = fit(new, train, epochs=epochs, seed=seed, progress=progress, **own)
        losses = history.train_loss
        told = [Change("all", f"training loss {losses[0]:.3g} to {losses[-1]:.3g}")]
        return new, report("fine_tune", model, new, told)

    return fine_tuned


def fold(model: nn.Sequential) -> tuple[nn.Sequential, Report]:
    """Fold every batch normalisation that can be folded (`exchange.fold_batchnorm`), as a pass."""
    check_model("fold", model)
    new, told = exchange.fold_batchnorm(model)
    changes = [Change(a.where, a.note) for a in told.applied]
    return new, report("fold", model, new, [*changes, *dropped(model, new)])


def dropped(old: nn.Sequential, new: nn.Sequential) -> list[Change]:
    """Say which constraints a pass could not keep: scaling a filter breaks ties and ranges."""

    def kinds(model: nn.Sequential) -> Counter[str]:
        parameters = model.parameters().values()
        return Counter(type(rule).__name__ for p in parameters for rule in p.constraints)

    lost = kinds(old) - kinds(new)
    return [Change("all", f"{kind} dropped from {count} weights") for kind, count in lost.items()]


def pass_name(step: Any) -> str:
    """Name a pass as a person would."""
    inner = getattr(step, "func", step)
    return getattr(inner, "__name__", type(inner).__name__)


def check_model(name: str, model: Any) -> None:
    """Raise TypeError unless it is a plain Sequential, as every pass wants."""
    if type(model) is not nn.Sequential:
        raise TypeError(
            f"model is a {type(model).__name__}; {name} wants a plain nn.Sequential, whose layers "
            "run one after the other. Wrap a single layer: nn.Sequential(layer)."
        )
