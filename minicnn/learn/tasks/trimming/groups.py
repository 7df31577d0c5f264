"""Who leaves with whom, and who is dead already."""

from __future__ import annotations

import itertools

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, st, whole
from minicnn.learn.task import Case, Mistake, Task

Pairs = list[tuple[int, int]]


# --- who leaves together ----------------------------------------------------------------------
@composite
def _sums(draw: DrawFn) -> Case:
    layers = whole(draw, 1, 7)
    pair = st.tuples(st.integers(0, layers - 1), st.integers(0, layers - 1))
    pairs = draw(st.lists(pair.filter(lambda p: p[0] != p[1]), max_size=6)) if layers > 1 else []
    return {"layers": layers, "added": pairs}


def _together(layers: int, added: Pairs) -> tuple[int, ...]:
    """Walk: who can be reached over any number of sums?"""
    near = np.eye(layers, dtype=bool)
    for a, b in added:
        near[a, b] = near[b, a] = True
    for _ in range(layers):
        near = near @ near
    return tuple(int(np.flatnonzero(row)[0]) for row in near)


def _one_step(layers: int, added: Pairs) -> tuple[int, ...]:
    """Look at direct partners only."""
    found = list(range(layers))
    for a, b in added:
        found[a], found[b] = min(found[a], b), min(found[b], a)
    return tuple(found)


def _in_passing(layers: int, added: Pairs) -> tuple[int, ...]:
    """Go through the sums once, and pass the smaller number on."""
    found = list(range(layers))
    for a, b in added:
        found[a] = found[b] = min(found[a], found[b])
    return tuple(found)


leave_together = Task(
    name="trimming.leave_together",
    title="Who leaves together",
    cases=_sums(),
    oracle=_together,
    mistakes=(
        Mistake(
            "each on its own",
            lambda layers, added: tuple(range(layers)),  # noqa: ARG005
            "This is what you get when sums join nothing. Channel 3 of a sum is made of channel 3 "
            "of both: one cannot leave without the other.",
        ),
        Mistake(
            "direct partners only",
            _one_step,
            "This is what you get from direct partners. Partners of partners leave together, too, "
            "and so on.",
        ),
        Mistake(
            "once through",
            _in_passing,
            "This is what you get in one walk through the sums. A later sum can join groups that "
            "an earlier one was part of: everybody in both groups has to hear of it.",
        ),
        Mistake(
            "the last, not the first",
            lambda layers, added: tuple(
                max(i for i, g in enumerate(_together(layers, added)) if g == mine)
                for mine in _together(layers, added)
            ),
            "The right groups, named after their last layer. Name each after its first.",
        ),
    ),
    hints=(
        "Layers 0 and 1 are added, and 1 and 2. May a channel of layer 0 leave if that of layer 2 "
        "stays?",
        "Begin with a group for each layer. A sum makes one group of two: everybody in either gets "
        "the same name.",
        "A list of names. For each pair, find both names, and give the smaller to all who have the "
        "larger.",
    ),
)


# --- who is dead ------------------------------------------------------------------------------
@composite
def _pruned(draw: DrawFn) -> Case:
    sizes = [whole(draw, 1, 4) for _ in range(whole(draw, 2, 5))]
    rng = np.random.default_rng([draw_seed(draw), *sizes])
    share = draw(st.sampled_from([0.5, 0.3, 0.7]))
    return {
        "masks": [
            (rng.random((made, read)) < share).astype(int).tolist()
            for read, made in itertools.pairwise(sizes)
        ]
    }


def _alive(masks: list[list[list[int]]]) -> tuple[int, ...]:
    """Count those on a path: from some input to here, and from here to some output."""
    links = [np.array(mask, bool) for mask in masks]
    fed = [np.ones(links[0].shape[1], bool)]
    for link in links:
        fed.append(link @ fed[-1])
    heard = [np.ones(links[-1].shape[0], bool)]
    for link in reversed(links):
        heard.append(link.T @ heard[-1])
    heard.reverse()
    return tuple(int((f & h).sum()) for f, h in zip(fed[1:-1], heard[1:-1], strict=True))


def _once(masks: list[list[list[int]]], rows: bool = True, columns: bool = True) -> tuple[int, ...]:
    links = [np.array(mask, bool) for mask in masks]
    counts = []
    for made, read in itertools.pairwise(links):
        alive = np.ones(len(made), bool)
        if rows:
            alive &= made.any(axis=1)
        if columns:
            alive &= read.any(axis=0)
        counts.append(int(alive.sum()))
    return tuple(counts)


still_alive = Task(
    name="trimming.still_alive",
    title="Who is still alive",
    cases=_pruned(),
    oracle=_alive,
    mistakes=(
        Mistake(
            "one round",
            _once,
            "This is what you get in one round. When a channel leaves, its row and its column "
            "leave, and another one may lose all that it reads, or its only reader.",
        ),
        Mistake(
            "nobody reads it",
            lambda masks: _once(masks, rows=False),
            "This is what you get when only those are dead that nobody reads. A channel that reads "
            "nothing is always zero.",
        ),
        Mistake(
            "it reads nothing",
            lambda masks: _once(masks, columns=False),
            "This is what you get when only those are dead that read nothing. One that nobody "
            "reads makes no difference.",
        ),
        Mistake(
            "all of them",
            lambda masks: tuple(len(mask) for mask in masks[:-1]),
            "These are the widths before anybody has left.",
        ),
    ),
    hints=(
        "What is a channel worth that reads nothing? And one that nobody reads?",
        "When one has left, look again: its row of one mask and its column of the next are gone.",
        "Repeat until nothing changes: alive if its row has a 1 at somebody alive, and its column "
        "of the next mask has a 1 at somebody alive. Inputs and outputs are always alive.",
    ),
)
