"""One algorithm for each convolution of a model, by measurement instead of by rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from minicnn import nn, plan
from minicnn.cost.timer import format_seconds
from minicnn.tuning.contest import MARGIN, measure, pick
from minicnn.tuning.memory import Context, Measured, context, recall, remember
from minicnn.tuning.problem import Problem, problems

Model = TypeVar("Model", bound=nn.Layer)


class TunedLayer(NamedTuple):
    """One convolution: what the rule says, what is quickest, and all that was measured."""

    name: str
    problem: Problem
    rule: str
    chosen: str
    seconds: dict[str, float]
    refused: dict[str, str]
    remembered: bool

    @property
    def regret(self) -> float:
        """Time of the rule's choice over the time of what was chosen, less 1: 0.1 is 10 % lost."""
        return self.seconds[self.rule] / self.seconds[self.chosen] - 1


@dataclass(frozen=True)
class Tuning:
    """What `tune` found; ``print`` it, or read its attributes.

    Attributes
    ----------
    layers : one `TunedLayer` for each convolution.
    context : in what setting times were taken.
    note : why nothing could be remembered, if so.
    """

    layers: tuple[TunedLayer, ...]
    context: Context
    note: str = ""

    @property
    def seconds(self) -> dict[str, float]:
        """Of all convolutions together, as the rule has it and as chosen."""
        return {
            "rule": sum(layer.seconds[layer.rule] for layer in self.layers),
            "chosen": sum(layer.seconds[layer.chosen] for layer in self.layers),
        }

    @property
    def measured(self) -> int:
        """How many convolutions had to be measured now; the others were remembered."""
        return sum(not layer.remembered for layer in self.layers)

    def __str__(self) -> str:
        if not self.layers:
            return "no convolutions: nothing to choose"
        titles = ("layer", "convolution", "rule", "chosen", "time", "the rule loses")
        cells = [titles]
        for layer in self.layers:
            lost = f"{layer.regret:.0%}" if layer.chosen != layer.rule else ""
            time = format_seconds(layer.seconds[layer.chosen])
            cells.append((layer.name, str(layer.problem), layer.rule, layer.chosen, time, lost))
        widths = [max(len(line[column]) for line in cells) for column in range(len(titles))]
        lines = [
            "  ".join(
                text.ljust(width) if column < 4 else text.rjust(width)
                for column, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
        rule, chosen = (format_seconds(self.seconds[name]) for name in ("rule", "chosen"))
        lines.append(f"{self.measured} measured now, {len(self.layers) - self.measured} remembered")
        lines.append(f"all convolutions: {rule} by the rule, {chosen} as chosen")
        return "\n".join(lines + [self.note] * bool(self.note))


def tune(
    model: Model,
    in_shape: Sequence[int],
    *,
    batch_size: int = 1,
    training: bool = False,
    algorithms: Iterable[str] | None = None,
    repeat: int = 7,
    margin: float = MARGIN,
    use_memory: bool = True,
    again: bool = False,
    progress: bool = False,
) -> tuple[Model, Tuning]:
    """Return a copy of a model whose every `Conv2d` names its quickest algorithm, and a report.

    Each algorithm that can do a layer's shape is timed on it, once: measurements are remembered on
    disk for this processor, number of threads and version (`minicnn.tuning.memory`). Layers with
    ``algorithm="auto"`` follow the rule as before, whatever is remembered: only the copy that is
    returned has the choice, in its layers' `algorithm`, where it can be read, changed and saved.

    Parameters
    ----------
    in_shape : (C, H, W)
        Of one image.
    batch_size
        Images at a time; the quickest algorithm may be another one for another number.
    training
        Time the forward pass and both gradients together, not the forward pass alone.
    algorithms
        Choose among these only (names from `plan.ALGORITHMS`).
    repeat
        Rounds in which those that are not far behind take turns; their medians count.
    margin
        The rule's choice stays unless another one is quicker by more than this share.
    use_memory
        False: neither read nor write what is remembered.
    again
        True: measure even what is remembered.

    Raises
    ------
    ValueError
        If shapes do not fit, or a name is unknown.
    """
    names = _names(algorithms)
    if batch_size < 1 or repeat < 1:
        raise ValueError(
            f"batch_size is {batch_size} and repeat {repeat}; tune wants both to be 1 or more. "
            "Leave them out for 1 image and 7 rounds."
        )
    found = problems(model, tuple(in_shape), batch_size=batch_size, training=training)
    known: dict[Problem, Measured] = {}
    note, old = "", set()
    for problem in _with_bar(dict.fromkeys(found.values()), progress):
        wanted = [name for name in problem.supporting if names is None or name in names]
        if not wanted:
            raise ValueError(
                f"algorithms is {sorted(names or ())}; none of them can do {problem}. "
                f"Add one of {', '.join(problem.supporting)}."
            )
        wanted = list(dict.fromkeys([problem.rule, *wanted]))
        before = recall(problem) if use_memory and not again else None
        if before is not None and set(wanted) <= before.seconds.keys() | before.refused.keys():
            known[problem] = before
            old.add(problem)
            continue
        known[problem] = measure(problem, wanted, repeat=repeat)
        if use_memory and set(wanted) == set(problem.supporting):
            note = remember(problem, known[problem]) or note
    tuned = model.copy()
    places = {"": tuned, **dict(tuned.named_layers())}
    layers = []
    for name, problem in found.items():
        seconds, refused = known[problem]
        allowed = {n: s for n, s in seconds.items() if names is None or n in names}
        chosen = pick(allowed or {problem.rule: seconds[problem.rule]}, problem.rule, margin=margin)
        places[name].algorithm = chosen  # type: ignore[attr-defined]
        layers.append(
            TunedLayer(name, problem, problem.rule, chosen, seconds, refused, problem in old)
        )
    return tuned, Tuning(tuple(layers), context(), note)


def _names(algorithms: Iterable[str] | None) -> set[str] | None:
    if algorithms is None:
        return None
    names = set(algorithms)
    for name in names:
        plan.get(name)
    return names


def _with_bar(work: Iterable[Any], progress: bool) -> Iterable[Any]:
    if not progress:
        return work
    from tqdm import tqdm

    return tqdm(list(work), desc="tuning", unit="convolution", leave=False)
