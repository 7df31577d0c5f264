"""A model as a list of steps: what is computed, in which order, from what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minicnn.nn import (
    BatchNorm2d,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LeakyReLU,
    ReLU,
    ReLU6,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)

VIEWS = (Dropout, Flatten, Identity)
"""In inference their output is their input, at most in another shape."""
ELEMENTWISE = (BatchNorm2d, LeakyReLU, ReLU, ReLU6, Sigmoid, Tanh)
"""Each output number needs only the input number in its own place."""

Shape = tuple[int, ...]


class Step(NamedTuple):
    """One computation: `layer` reads the activations of earlier steps and writes its own.

    Step 0 is the input (`layer` is None). A `Residual` is the sum of its two branches.
    """

    name: str
    layer: Layer | None
    reads: tuple[int, ...]
    shape: Shape  # of one sample


def trace(model: Layer, in_shape: Sequence[int]) -> list[Step]:
    """List the steps of a model's inference, in the order in which it computes them."""
    shape = tuple(int(size) for size in in_shape)
    if not shape or min(shape) < 1:
        raise ValueError(
            f"in_shape is {tuple(in_shape)}; expected one sample's shape without the batch axis, "
            "all sizes above 0, such as (1, 28, 28)."
        )
    model.out_shape(shape)  # names the layer that does not fit, if one does not
    steps = [Step("input", None, (), shape)]

    def walk(layer: Layer, x: int, name: str) -> int:
        """Append the steps of a layer that reads activation x; return where its output is."""
        if _is(layer, Sequential):
            for position, child in layer.children().items():
                x = walk(child, x, f"{name}.{position}" if name else position)
            return x
        if _is(layer, Residual):
            branches = layer.children()
            through = walk(branches["body"], x, f"{name}.body" if name else "body")
            around = x
            if "shortcut" in branches:
                around = walk(branches["shortcut"], x, f"{name}.shortcut" if name else "shortcut")
            steps.append(Step(name or "sum", layer, (through, around), steps[through].shape))
        else:
            steps.append(Step(name or "0", layer, (x,), tuple(layer.out_shape(steps[x].shape))))
        return len(steps) - 1

    walk(model, 0, "")
    return steps


def _is(layer: Layer, kind: type[Layer]) -> bool:
    """Tell whether a layer computes as `kind` does; a subclass may do something else."""
    return isinstance(layer, kind) and type(layer).forward is kind.forward


def last_reads(steps: Sequence[Step]) -> list[int]:
    """For each activation the last step that reads it; the output is needed to the very end."""
    deaths = list(range(len(steps)))
    for i, step in enumerate(steps):
        for read in step.reads:
            deaths[read] = i
    output = len(steps) - 1
    deaths[output] = output
    return deaths
