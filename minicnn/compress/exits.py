"""Early exits: easy samples leave a deep network early, so that it is shallow on average.

A network is cut into stages, and behind each but the last stands a small head that tries to answer
already. It may be believed where it is sure. How sure is a number, the threshold, that can be set
after training: one network serves many budgets.

The heads are trained on the frozen network, each by itself, on what its stage gives: the network
is run once for each head, and not once for each step. What it says at its end stays the same.

References: Teerapittayanon, McDanel and Kung (2016), "BranchyNet: fast inference via early exiting
from deep neural networks"; Kaya, Hong and Dumitras (2019), "Shallow-deep networks".
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicnn import nn
from minicnn.compress.pipeline import check_model
from minicnn.compress.report import Change, Report, report
from minicnn.nn._check import generator
from minicnn.nn.layer import Shape
from minicnn.training import evaluate, fit, predict
from minicnn.training.inputs import Data

MakeHead = Callable[[Shape, int, np.random.Generator, Any], nn.Sequential]
"""(shape that it reads, classes, rng, dtype) to a new head that gives logits."""

FIELD = 4
"""A head looks at a map of at most so many rows and columns; larger ones are averaged first."""


def small_head(shape: Shape, classes: int, rng: np.random.Generator, dtype: Any) -> nn.Sequential:
    """Return averaging to at most 4 x 4, and one linear layer: little work, and places are kept."""
    head = nn.Sequential()
    if len(shape) == 3:
        window = -(-shape[1] // FIELD), -(-shape[2] // FIELD)
        if max(window) > 1:
            head.append(nn.AvgPool2d(window))
        head.append(nn.Flatten())
    (features,) = head.out_shape(shape)
    return head.append(nn.Linear(features, classes, seed=rng, dtype=dtype))


def add_exits(
    model: nn.Sequential,
    *,
    at: Sequence[int],
    train: Data,
    epochs: int = 10,
    seed: int = 0,
    threshold: float = 0.9,
    make_head: MakeHead = small_head,
    in_shape: Shape | None = None,
    data: Data | None = None,
    **how: Any,
) -> tuple[nn.Sequential, Report]:
    """Give a trained network early exits; what it answers at its end does not change.

    Parameters
    ----------
    at
        Positions in the model, increasing: an exit stands before each of these layers.
    train
        A pair (x, labels) for the heads.
    threshold
        Smallest softmax probability with which a head may answer; `with_threshold` changes it.
    data
        A pair (x, labels) to measure errors on, and the average cost.
    how
        More arguments of `training.fit`, for each head: ``optimizer`` (copied), ``batch_size`` ...

    Returns
    -------
    A model of one layer, an `nn.EarlyExits`, and the report.

    Raises
    ------
    ValueError
        ``at`` is empty, not increasing, or outside the model; or the model gives no logits.
    """
    check_model("add_exits", model)
    cuts = [int(i) for i in at]
    if not cuts or sorted({0, *cuts, len(model)}) != [0, *cuts, len(model)]:
        raise ValueError(
            f"at is {tuple(at)}; add_exits wants increasing positions from 1 to {len(model) - 1}, "
            "the layers before which an exit stands. Print the model to see them."
        )
    new, shape = model.copy(), tuple(np.shape(train[0])[1:])
    ends = new.out_shape(shape)
    if len(ends) != 1:
        raise ValueError(
            f"the model gives {ends} for a sample; add_exits wants logits (classes,). Put "
            "nn.Flatten() and nn.Linear(..., classes) at its end."
        )
    rng, dtype = generator(seed), model.dtype or np.dtype(np.float32)
    edges = [0, *cuts, len(model)]
    stages = [new[start:stop] for start, stop in itertools.pairwise(edges)]
    heads = []
    for stage in stages[:-1]:
        shape = stage.out_shape(shape)
        heads.append(make_head(shape, ends[0], rng, dtype))
    exits = nn.EarlyExits(stages, heads, threshold)
    changes = _train(exits, train, epochs, seed, how)
    new = nn.Sequential(exits)
    if data is not None:
        changes.append(Change("all", _told(measure_exits(new, data))))
    return new, report("add_exits", model, new, changes, in_shape=in_shape, data=data)


def train_exits(
    model: nn.Sequential, *, train: Data, epochs: int = 10, seed: int = 0, **how: Any
) -> tuple[nn.Sequential, Report]:
    """Train the heads on from where they are, on the frozen rest: a pass, for after other passes.

    Settings as in `add_exits`.
    """
    check_model("train_exits", model)
    new = model.copy()
    place, exits = find_exits(new)
    x = predict(new[:place], train[0]) if place else train[0]
    return new, report("train_exits", model, new, _train(exits, (x, train[1]), epochs, seed, how))


def _train(exits: nn.EarlyExits, train: Data, epochs: int, seed: int, how: Any) -> list[Change]:
    x, labels = train
    changes = []
    for number, head in enumerate(exits.heads):
        x = predict(exits.stages[number], x)
        own = {"progress": False, **copy.deepcopy(how)}
        fit(head, (x, labels), epochs=epochs, seed=seed, **own)
        error = evaluate(head, (x, labels)).error
        changes.append(Change(f"exit {number}", f"alone wrong on {error:.2%} of its training data"))
    return changes


def find_exits(model: nn.Sequential) -> tuple[int, nn.EarlyExits]:
    """Return where in a model its `nn.EarlyExits` stands, and the layer itself."""
    for place, layer in enumerate(model):
        if isinstance(layer, nn.EarlyExits):
            return place, layer
    raise ValueError(
        "no layer of the model is an nn.EarlyExits; this wants a model with exits. "
        "Make one with compress.add_exits(model, at=..., train=...)."
    )


def with_threshold(model: nn.Sequential, threshold: float) -> nn.Sequential:
    """Return a copy of a model with exits whose heads answer from that probability on."""
    new = model.copy()
    place, old = find_exits(new)
    new.layers[place] = nn.EarlyExits(old.stages, old.heads, threshold)
    return new


class ExitUse(NamedTuple):
    """What a model with exits did with some data.

    ``shares`` and ``macs``: of the samples that left at each exit, the end included, and the
    multiply-adds of one of them.
    """

    accuracy: float
    shares: tuple[float, ...]
    macs: tuple[int, ...]

    @property
    def average_macs(self) -> float:
        """Multiply-adds of a sample on average."""
        return sum(s * m for s, m in zip(self.shares, self.macs, strict=True))


def measure_exits(model: nn.Sequential, data: Data, batch_size: int = 256) -> ExitUse:
    """Count which sample leaves where, what that costs on average, and who is right."""
    place, exits = find_exits(model)
    before, after = model[:place], model[place + 1 :]
    right, where = 0, []
    for x, labels in _batches(data, batch_size):
        logits, left = exits.route(before(x))
        right += int((after(logits).argmax(axis=1) == labels).sum())
        where.append(left)
    counts = np.bincount(np.concatenate(where), minlength=len(exits.stages))
    n, shape = int(counts.sum()), tuple(np.shape(data[0])[1:])
    fixed = model.macs(shape) - exits.macs(before.out_shape(shape))
    macs = tuple(fixed + each for each in exits.exit_macs(before.out_shape(shape)))
    return ExitUse(right / n, tuple(float(c) / n for c in counts), macs)


def _batches(data: Data, size: int) -> Iterator[Data]:
    for start in range(0, len(data[0]), size):
        yield data[0][start : start + size], data[1][start : start + size]


def _told(used: ExitUse) -> str:
    shares = ", ".join(f"{share:.0%}" for share in used.shares)
    return (
        f"leave at the exits in order: {shares}; on average {used.average_macs:,.0f} "
        f"multiply-adds of {used.macs[-1]:,}"
    )
