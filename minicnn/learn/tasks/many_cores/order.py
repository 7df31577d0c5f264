"""What the order of things does: all endings of a race, and a sum that no order can change."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from itertools import combinations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Case, Mistake, Task


# --- a race -----------------------------------------------------------------------------------
@composite
def _race_cases(draw: DrawFn) -> Case:
    return {
        "first": [whole(draw, 1, 9) for _ in range(whole(draw, 1, 3))],
        "second": [whole(draw, 1, 9) for _ in range(whole(draw, 1, 3))],
    }


def _endings(first: list[int], second: list[int]) -> tuple[int, ...]:
    """Walk through all that can be: the steps done by each thread, the counter, what they hold."""
    adds = (first, second)
    now = {(0, 0, 0, 0, 0)}
    for _ in range(2 * (len(first) + len(second))):
        then = set()
        for done0, done1, counter, held0, held1 in now:
            if done0 < 2 * len(first):
                if done0 % 2:
                    then.add((done0 + 1, done1, held0 + adds[0][done0 // 2], 0, held1))
                else:
                    then.add((done0 + 1, done1, counter, counter, held1))
            if done1 < 2 * len(second):
                if done1 % 2:
                    then.add((done0, done1 + 1, held1 + adds[1][done1 // 2], held0, 0))
                else:
                    then.add((done0, done1 + 1, counter, held0, counter))
        now = then
    return tuple(sorted({counter for _, _, counter, _, _ in now}))


def _subset_sums(first: list[int], second: list[int]) -> tuple[int, ...]:
    adds = first + second
    kept = (c for n in range(1, len(adds) + 1) for c in combinations(adds, n))
    return tuple(sorted({sum(numbers) for numbers in kept}))


def _last_loses(first: list[int], second: list[int]) -> tuple[int, ...]:
    total = sum(first + second)
    return tuple(sorted({total, total - first[-1], total - second[-1]}))


endings = Task(
    name="many_cores.endings",
    title="All endings of a race",
    cases=_race_cases(),
    oracle=_endings,
    mistakes=(
        Mistake(
            "nothing is lost",
            lambda first, second: (sum(first) + sum(second),),
            "This is the ending without a race: nobody stores between a load and the store that "
            "belongs to it. There are others.",
        ),
        Mistake(
            "all or nothing",
            lambda first, second: tuple(
                sorted({sum(first), sum(second), sum(first) + sum(second)})
            ),
            "This is what you get when one thread loses either nothing or everything. "
            "It can lose some additions and keep others.",
        ),
        Mistake(
            "any addition may be lost",
            _subset_sums,
            "This is every choice of additions that are kept. But not every choice can happen: "
            "whoever stores last, for instance, keeps their last addition.",
        ),
        Mistake(
            "one loss at the end",
            _last_loses,
            "This is what you get when at most the last addition of a thread can be lost. "
            "A store can wipe out several additions of the other thread.",
        ),
    ),
    hints=(
        "With one addition each, [2] and [5], there are four steps. In which orders can they come?",
        "A function that plays one given order is half of the task: it needs the counter, and what "
        "each thread has loaded.",
        "Each thread has two steps for each addition. itertools.combinations chooses which of all "
        "the steps belong to the second thread; play each choice and collect the ends in a set.",
    ),
)


# --- a sum with fixed bits --------------------------------------------------------------------
@composite
def _sum_cases(draw: DrawFn) -> Case:
    count, block = whole(draw, 1, 15), whole(draw, 1, 5)
    number = draw_seed(draw)
    blocks = -(-count // block)
    if number == 0:
        return {"x": np.ones(count, np.float32), "block": block, "order": list(range(blocks))}
    rng = np.random.default_rng(number)
    # Beside 100 million, small numbers vanish: what is left in the end depends on the order.
    large = [1e8, -1e8] * int(rng.integers(0, count // 2 + 1))
    x = np.array([*large, *rng.integers(1, 9, count - len(large))], np.float32)
    order = [int(i) for i in rng.permutation(blocks)]
    return {"x": rng.permutation(x), "block": block, "order": order}


def _left_to_right(numbers: np.ndarray) -> np.ndarray:
    """Add up in single precision: the last of the running sums."""
    return np.cumsum(numbers, dtype=numbers.dtype)[-1]


def _partial_sums(x: np.ndarray, block: int) -> np.ndarray:
    return np.array([_left_to_right(x[i : i + block]) for i in range(0, len(x), block)])


def _fixed_sum(x: np.ndarray, block: int, order: list[int]) -> np.ndarray:  # noqa: ARG001
    return np.asarray(_left_to_right(_partial_sums(x, block)))


def _without_tail(x: np.ndarray, block: int, order: list[int]) -> np.ndarray:
    whole_blocks = len(x) // block * block
    return _fixed_sum(x[:whole_blocks], block, order) if whole_blocks else np.float32(0) * x[0]


fixed_sum = Task(
    name="many_cores.fixed_sum",
    title="A sum whose bits nobody can change",
    cases=_sum_cases(),
    oracle=_fixed_sum,
    tolerance=0.0,
    mistakes=(
        Mistake(
            "as they come in",
            lambda x, block, order: _left_to_right(_partial_sums(x, block)[order]),
            "This adds the partial sums in the order in which the blocks are done, which another "
            "run will not repeat. Keep each sum at the place of its block, and add at the end.",
        ),
        Mistake(
            "no partial sums",
            lambda x, block, order: _left_to_right(x),
            "This adds all numbers in one row. Its bits are fixed, too, but one thread alone can "
            "do it: each block wants a sum of its own first.",
        ),
        Mistake(
            "in double precision",
            lambda x, block, order: np.float32(x.sum(dtype=np.float64)),
            "This adds in double precision and rounds at the end: closer to the truth, and other "
            "bits. Each sum is in the precision of x.",
        ),
        Mistake(
            "the tail is lost",
            _without_tail,
            "This leaves out the last block where it is shorter than the others.",
        ),
        Mistake(
            "last block first",
            lambda x, block, order: _left_to_right(_partial_sums(x, block)[::-1].copy()),
            "This adds the partial sums from the last block to the first. "
            "The order is fixed, but it is another one.",
        ),
    ),
    hints=(
        "Which numbers does block 2 hold, if a block has 4? What if x ends in the middle of it?",
        "Make room for one partial sum a block before you begin, and let each block write to its "
        "own place, whenever it is done.",
        "Two loops: one over `order`, which fills a list of partial sums, and one over that list, "
        "from its start. Begin both sums with np.float32(0).",
    ),
)
