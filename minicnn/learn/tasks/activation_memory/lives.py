"""Who lives when, how much is alive at once, and who may write over whom."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Case, Mistake, Task

Reads = list[list[int]]


# --- the last reader --------------------------------------------------------------------------
@composite
def _graph_cases(draw: DrawFn) -> Case:
    reads: Reads = [[]]
    for step in range(1, whole(draw, 2, 8)):
        inputs = {step - 1 - draw(st.integers(0, step - 1))}
        if draw(st.booleans()):
            inputs.add(step - 1 - draw(st.integers(0, step - 1)))
        reads.append(sorted(inputs))
    return {"reads": reads}


def _last_reads(reads: Reads) -> tuple[int, ...]:
    return tuple(
        max([step, *(later for later, inputs in enumerate(reads) if step in inputs)])
        for step in range(len(reads))
    )


def _first_reads(reads: Reads) -> tuple[int, ...]:
    readers = [[j for j, inputs in enumerate(reads) if i in inputs] for i in range(len(reads))]
    return tuple(min(found, default=i) for i, found in enumerate(readers))


def _unread_to_the_end(reads: Reads) -> tuple[int, ...]:
    last = len(reads) - 1
    return tuple(last if death == i else death for i, death in enumerate(_last_reads(reads)))


last_reads = Task(
    name="activation_memory.last_reads",
    title="Who dies when?",
    cases=_graph_cases(),
    oracle=_last_reads,
    mistakes=(
        Mistake(
            "first reader",
            _first_reads,
            "This is what you get when an activation dies with its first reader: "
            "a shortcut reads it again later.",
        ),
        Mistake(
            "always the next step",
            lambda reads: tuple(min(i + 1, len(reads) - 1) for i in range(len(reads))),
            "This is what you get in a chain, where only the next step reads. Here others do, too.",
        ),
        Mistake(
            "freed before it is read",
            lambda reads: tuple(max(i, d - 1) for i, d in enumerate(_last_reads(reads))),
            "This is what you get when an activation dies before its last reader: "
            "the step that reads it still needs it.",
        ),
        Mistake(
            "unread to the end",
            _unread_to_the_end,
            "This is what you get when what nobody reads lives to the end: "
            "it is needed in the step that writes it, and never again.",
        ),
    ),
    hints=(
        "Which steps read activation 0 in the first example? Which of them comes last?",
        "Go through the steps in order, and note for each input that this step has read it. "
        "What is noted last stays.",
        "Start with a list in which everybody dies in the step of their birth; two loops then "
        "overwrite its entries.",
    ),
)


# --- the live set -----------------------------------------------------------------------------
@composite
def _lives_cases(draw: DrawFn) -> Case:
    count = whole(draw, 1, 6)
    births = sorted(whole(draw, 0, 5) for _ in range(count))
    return {
        "sizes": [whole(draw, 1, 9) for _ in range(count)],
        "births": births,
        "deaths": [birth + whole(draw, 0, 3) for birth in births],
    }


def _peak(sizes: list[int], births: list[int], deaths: list[int]) -> int:
    """Paint every life into a row of its own and add up the columns."""
    painted = np.zeros((len(sizes), max(deaths) + 1), dtype=np.int64)
    for row, size, birth, death in zip(painted, sizes, births, deaths, strict=True):
        row[birth : death + 1] = size
    return int(painted.sum(axis=0).max())


def _freed_too_early(sizes: list[int], births: list[int], deaths: list[int]) -> int:
    lives = list(zip(sizes, births, deaths, strict=True))
    return max(sum(s for s, b, d in lives if b <= t < d) for t in range(max(deaths) + 1))


def _best_pair(sizes: list[int], births: list[int], deaths: list[int]) -> int:
    """Return the most that two activations take together, if they meet."""
    lives = list(zip(sizes, births, deaths, strict=True))
    pairs = [
        lives[i][0] + lives[j][0]
        for j in range(len(lives))
        for i in range(j)
        if lives[i][1] <= lives[j][2] and lives[j][1] <= lives[i][2]
    ]
    return max([*sizes, *pairs])


peak = Task(
    name="activation_memory.peak",
    title="The lower bound",
    cases=_lives_cases(),
    oracle=_peak,
    mistakes=(
        Mistake(
            "everything kept",
            lambda sizes, births, deaths: sum(sizes),
            "This is what you get when the sizes are added up, whoever lives when. "
            "Look at one step at a time, and take the worst.",
        ),
        Mistake(
            "largest alone",
            lambda sizes, births, deaths: max(sizes),
            "This is what you get from the largest activation alone: others live beside it.",
        ),
        Mistake(
            "freed too early",
            _freed_too_early,
            "This is what you get when an activation is gone in the step of its death. "
            "Its last reader runs in that step: b <= t <= d, both included.",
        ),
        Mistake(
            "two at a time",
            _best_pair,
            "This is what you get when only pairs are looked at. That is enough in a chain; "
            "beside a shortcut three or more live together.",
        ),
    ),
    hints=(
        "Which activations exist during step 2? How many bytes is that?",
        "There is one sum for each step. The bound is the largest of them.",
        "One loop over the steps from 0 to the last death; inside, add the sizes of those whose "
        "birth and death have the step between them, ends included.",
    ),
)


# --- in place ---------------------------------------------------------------------------------
@composite
def _kinds_cases(draw: DrawFn) -> Case:
    kinds = ["input"]
    reads: Reads = [[]]
    for step in range(1, whole(draw, 2, 8)):
        kind = draw(st.sampled_from(["relu", "conv", "view", "sum"]))
        kinds.append(kind)
        back = st.sampled_from([1, 1, 2, 3])
        inputs = [max(0, step - draw(back)) for _ in range(2 if kind == "sum" else 1)]
        reads.append(inputs)
    return {"kinds": kinds, "reads": reads}


def _overwrites(
    kinds: list[str],
    reads: Reads,
    pointwise: tuple[str, ...] = ("relu", "sum"),
    *,
    views: bool = True,
    later: bool = True,
    inputs: int = 2,
) -> tuple[int, ...]:
    """Follow which memory each result is in; the keywords switch single rules off."""
    memory: list[int] = []
    written: list[int] = []
    for step, kind in enumerate(kinds):
        over = -1
        for read in reads[step][:inputs] if kind in pointwise else []:
            same = [i for i in range(step) if memory[i] == memory[read]] if views else [read]
            still_read = any(set(same) & set(after) for after in reads[step + 1 :])
            if not (later and still_read):
                over = read
                break
        written.append(over)
        source = reads[step][0] if kind == "view" else over
        memory.append(memory[source] if source >= 0 else step)
    return tuple(written)


overwrites = Task(
    name="activation_memory.overwrites",
    title="Who may write over whom?",
    cases=_kinds_cases(),
    oracle=lambda kinds, reads: _overwrites(kinds, reads),
    mistakes=(
        Mistake(
            "later readers forgotten",
            lambda kinds, reads: _overwrites(kinds, reads, later=False),
            "This is what you get when nobody looks ahead: "
            "a step after this one may still want what it writes over.",
        ),
        Mistake(
            "views forgotten",
            lambda kinds, reads: _overwrites(kinds, reads, views=False),
            "This is what you get when views are forgotten: a view is no copy. "
            "Who reads it, or what it looks at, reads the same memory.",
        ),
        Mistake(
            "convolutions too",
            lambda kinds, reads: _overwrites(kinds, reads, ("relu", "sum", "conv")),
            "This is what you get when a convolution works in place: "
            "it would read pixels that it has already written over.",
        ),
        Mistake(
            "sums never",
            lambda kinds, reads: _overwrites(kinds, reads, ("relu",)),
            "This is what you get when sums are left out: number j of a sum needs only number j "
            "of its inputs, so it may write over one of them.",
        ),
        Mistake(
            "only the first input",
            lambda kinds, reads: _overwrites(kinds, reads, inputs=1),
            "This is what you get when a sum only tries its first input: if that is still needed, "
            "the second may be free.",
        ),
    ),
    hints=(
        "Step 1 is a ReLU of step 0, and step 3 reads step 0 again. What would step 3 find there?",
        "Write down for each step in whose memory its result lies: its own, that of what a view "
        "looks at, or that of what was written over.",
        "For a ReLU or a sum, try its inputs in order: collect all earlier results that lie in the "
        "same memory, and see whether any later step reads one of them.",
    ),
)
