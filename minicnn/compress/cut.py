"""Cutting: whole blocks leave, and the network is shallower.

A block can go where the network still fits together without it: what goes in has the shape of what
comes out. A residual block with a plain shortcut is the best case, as the sum just loses a term.
Which block matters least is not guessed but tried: each is left out in turn, and the loss on some
data says what it was worth.

References: Huang et al. (2016), "Deep networks with stochastic depth"; Veit et al. (2016),
"Residual networks behave like ensembles of relatively shallow networks".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minicnn import nn
from minicnn.compress.pipeline import check_model
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Shape
from minicnn.training import evaluate
from minicnn.training.inputs import Data

_BEGIN = (
    nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.LocallyConnected2d, nn.Residual, nn.Sequential,
)  # fmt: skip
"""Layers that begin a block; others (normalisation, activation) belong to the one before."""


class Block(NamedTuple):
    """Layers from ``start`` up to ``stop`` of the sequence called ``path`` ("" is the model)."""

    path: str
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Name the layers by the dotted name of the first and the last."""
        prefix = f"{self.path}." if self.path else ""
        last = f" to {prefix}{self.stop - 1}" if self.stop - self.start > 1 else ""
        return f"{prefix}{self.start}{last}"


def blocks(model: nn.Sequential, in_shape: Shape) -> list[Block]:
    """Return the blocks that could be left out, in order.

    A block is a `Residual` or a layer with weights that keeps the shape, with the normalisation
    and activation after it. Inside a residual's branches nothing is cut: the whole is. Of a network
    with early exits the stages are looked through, not the heads.
    """
    check_model("blocks", model)
    return list(_blocks(model, tuple(in_shape), ""))


def _blocks(model: nn.Sequential, shape: Shape, path: str) -> Iterator[Block]:
    for start, layer in enumerate(model):
        if type(layer) is nn.Sequential:
            yield from _blocks(layer, shape, f"{path}.{start}".lstrip("."))
        elif type(layer) is nn.EarlyExits:
            yield from _blocks(layer.stages, shape, f"{path}.{start}.stages".lstrip("."))
        elif isinstance(layer, _BEGIN) and layer.out_shape(shape) == shape:
            rest = list(enumerate(model))[start + 1 :]
            ends = (
                i
                for i, other in rest
                if isinstance(other, _BEGIN) or other.out_shape(shape) != shape
            )
            yield Block(path, start, next(ends, len(model)))
        shape = layer.out_shape(shape)


def without(model: nn.Sequential, block: Block) -> nn.Sequential:
    """Return a copy of the model without a block."""
    new = model.copy()
    sequence: nn.Layer = new
    for name in filter(None, block.path.split(".")):
        sequence = sequence.children()[name]
    assert isinstance(sequence, nn.Sequential)
    del sequence.layers[block.start : block.stop]
    return new


def effects(model: nn.Sequential, in_shape: Shape, data: Data) -> dict[Block, float]:
    """Return by how much the loss on ``data`` (x, labels) rises without each block."""
    with np.errstate(all="ignore"):  # without a block numbers may grow; the loss shows it
        whole = evaluate(model, data).loss
        found = {b: evaluate(without(model, b), data).loss - whole for b in blocks(model, in_shape)}
    return {block: rise if np.isfinite(rise) else np.inf for block, rise in found.items()}


def cut(
    model: nn.Sequential,
    *,
    count: int,
    in_shape: Shape,
    data: Data,
) -> tuple[nn.Sequential, Report]:
    """Leave out `count` blocks, one after the other, each time the one that is missed least.

    Parameters
    ----------
    count
        How many; the first is chosen with all others there, the second without the first, ...
    in_shape
        Of one sample, without the batch axis.
    data
        A pair (x, labels) that decides: training or validation data, not what you test on.

    Raises
    ------
    ValueError
        ``count`` is below 1, or there are not so many blocks.
    """
    check_model("cut", model)
    if count < 1:
        raise ValueError(f"count is {count}; cut wants 1 block or more. Use count=1.")
    new = model
    changes: list[Change] = []
    for _ in range(count):
        worth = effects(new, in_shape, data)
        if not worth:
            raise ValueError(
                f"count is {count}, but after {len(changes)} there is no block left whose output "
                "has the shape of its input; cut wants such blocks. Use a smaller count."
            )
        block = min(worth, key=lambda b: worth[b])
        changes.append(Change(block.name, f"removed; the loss changes by {worth[block]:+.3g}"))
        new = without(new, block)
    return new, report("cut", model, new, changes, in_shape=in_shape, data=data)
