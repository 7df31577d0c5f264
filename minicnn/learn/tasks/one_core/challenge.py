"""The open task: the cheapest blocking that the registers and the cache allow."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

from functools import lru_cache
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st, whole
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

START = 20
"""Instructions to begin a block."""
ENOUGH = 0.95

Blocking = tuple[int, int, int]


@composite
def _layers(draw: DrawFn) -> Case:
    registers, lanes = draw(st.sampled_from([(16, 4), (16, 8), (32, 16)]))
    return {
        "m": whole(draw, 1, 40),
        "n": whole(draw, 1, 300),
        "depth": whole(draw, 1, 400),
        "registers": registers,
        "lanes": lanes,
        "cache": 2 ** whole(draw, 8, 13),
    }


def _wrong(got: Any, depth: int, registers: int, lanes: int, cache: int) -> str:
    """Say which rule a blocking breaks; nothing if it is legal."""
    if not isinstance(got, tuple | list) or len(got) != 3 or not all(is_whole(v) for v in got):
        return "A blocking is three whole numbers: (rows, vectors, steps)."
    rows, vectors, steps = got
    if min(got) < 1 or steps > depth:
        return f"rows and vectors are 1 or more, steps from 1 to the depth, {depth}; got {got}."
    needed = rows * vectors + vectors + 1
    if needed > registers:
        return (
            f"{rows} × {vectors} sums, {vectors} vectors of b and one number of a need {needed} "
            f"registers; there are {registers}."
        )
    kept = steps * (rows + vectors * lanes)
    if kept > cache:
        return f"A strip of a and a panel of b have {kept} numbers; the cache holds {cache}."
    return ""


def _price(m: int, n: int, depth: int, lanes: int, rows: int, vectors: int, steps: int) -> int:
    """Count the instructions of the whole product."""
    blocks, wide = -(-m // rows), -(-n // lanes)
    panels, chunks = -(-wide // vectors), -(-depth // steps)
    multiply_adds = depth * rows * wide
    loads = depth * (rows * panels + wide)
    sums = rows * wide * (2 * chunks - 1)
    return blocks * (multiply_adds + loads + sums + START * panels * chunks)


def _legal(depth: int, registers: int, lanes: int, cache: int) -> list[Blocking]:
    """Every pair of rows and vectors, with the most steps: fewer never cost less."""
    return [
        (rows, vectors, steps)
        for vectors in range(1, registers)
        for rows in range(1, registers)
        if rows * vectors + vectors + 1 <= registers
        and (steps := min(depth, cache // (rows + vectors * lanes))) >= 1
    ]


@lru_cache(maxsize=1024)
def _least(m: int, n: int, depth: int, registers: int, lanes: int, cache: int) -> int:
    return min(_price(m, n, depth, lanes, *b) for b in _legal(depth, registers, lanes, cache))


def _judge_blocking(
    got: Any, m: int, n: int, depth: int, registers: int, lanes: int, cache: int
) -> Verdict:
    if broken := _wrong(got, depth, registers, lanes, cache):
        return Verdict(False, broken)
    price = _price(m, n, depth, lanes, *got)
    least = _least(m, n, depth, registers, lanes, cache)
    if least < ENOUGH * price:
        what = (
            f"{tuple(got)} takes {price:,} instructions; {least:,} would do. "
            f"Come within {1 - ENOUGH:.0%} of it."
        )
        return Verdict(False, what)
    return Verdict(True, score=least / price)


def _always(rows: int, vectors: int) -> Any:
    """The same block everywhere, with as many steps as the cache takes."""

    def blocking(m: int, n: int, depth: int, registers: int, lanes: int, cache: int) -> Blocking:
        return rows, vectors, max(1, min(depth, cache // (rows + vectors * lanes)))

    return blocking


LAYERS = [  # filters, pixels, channels · taps
    (64, 3136, 576),
    (128, 784, 1152),
    (256, 196, 2304),
    (512, 49, 4608),
    (64, 12544, 147),
    (20, 576, 25),
    (50, 64, 500),
    (10, 784, 9),
]

best_blocking = Task(
    name="one_core.best_blocking",
    title="Open: the cheapest blocking",
    cases=_layers(),
    judge=_judge_blocking,
    board=Board(
        cases=tuple(
            {
                "m": m,
                "n": n,
                "depth": depth,
                "registers": registers,
                "lanes": lanes,
                "cache": 8192,
            }
            for m, n, depth in LAYERS
            for registers, lanes in ((16, 8), (32, 16))
        ),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label="per cent of the best possible, on average over 8 layers on 2 machines",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "one sum at a time",
            _always(1, 1),
            "One vector of sums is legal everywhere, and loads two things for each multiply-add.",
        ),
        Mistake(
            "always the same block",
            _always(4, 2),
            "Four rows of two vectors fit into any of these machines, but the best block depends "
            "on the registers and on what is left over at the edges.",
        ),
        Mistake(
            "sums in all registers",
            lambda m, n, depth, registers, lanes, cache: (
                registers // 4,
                4,
                max(1, min(depth, cache // (registers // 4 + 4 * lanes))),
            ),
            "Sums in all registers leave none for the numbers that are multiplied: "
            "the vectors of b and one number of a need theirs.",
        ),
        Mistake(
            "the whole depth",
            lambda m, n, depth, registers, lanes, cache: (6, 2, depth),
            "The whole depth at once is fine only as long as a strip of a and a panel of b fit "
            "into the cache.",
        ),
    ),
    hints=(
        "Of 16 registers: which blocks are legal, and which of them has the most multiply-adds for "
        "each load?",
        "Write a function for the price of a blocking first. How does the price change with the "
        "steps alone: is there ever a reason to take fewer than the cache allows?",
        "With the steps settled there are at most a hundred pairs of rows and vectors: try them "
        "all, and keep the cheapest.",
    ),
)
