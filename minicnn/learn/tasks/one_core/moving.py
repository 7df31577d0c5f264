"""How many numbers a product moves, and how fast a kernel that moves so many can be."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, whole
from minicnn.learn.task import Case, Mistake, Task


# --- a block of sums in registers --------------------------------------------------------------
@composite
def _product_cases(draw: DrawFn) -> Case:
    return {
        "m": whole(draw, 1, 12),
        "n": whole(draw, 1, 12),
        "depth": whole(draw, 1, 6),
        "rows": whole(draw, 1, 5),
        "columns": whole(draw, 1, 5),
    }


def _numbers_moved(m: int, n: int, depth: int, rows: int, columns: int) -> int:
    """Go through the blocks and count what each one fetches and writes."""
    moved = 0
    for i in range(0, m, rows):
        for j in range(0, n, columns):
            high, wide = len(range(i, min(i + rows, m))), len(range(j, min(j + columns, n)))
            for _ in range(depth):
                moved += high + wide
            moved += high * wide
    return moved


def _whole_blocks(m: int, n: int, depth: int, rows: int, columns: int) -> int:
    return -(-m // rows) * -(-n // columns) * (depth * (rows + columns) + rows * columns)


def _full_blocks_only(m: int, n: int, depth: int, rows: int, columns: int) -> int:
    return (m // rows) * (n // columns) * (depth * (rows + columns) + rows * columns)


numbers_moved = Task(
    name="one_core.numbers_moved",
    title="What a block of sums saves",
    cases=_product_cases(),
    oracle=_numbers_moved,
    mistakes=(
        Mistake(
            "sums on the move",
            lambda m, n, depth, rows, columns: (
                _numbers_moved(m, n, depth, rows, columns) + m * n * (2 * depth - 1)
            ),
            "This is what you get when the sums are fetched and put back at every step: in "
            "registers they stay for the whole depth, and are written once.",
        ),
        Mistake(
            "sums forgotten",
            lambda m, n, depth, rows, columns: _numbers_moved(m, n, depth, rows, columns) - m * n,
            "This is what you get when the sums are never written: each one is, once.",
        ),
        Mistake(
            "edges counted as whole blocks",
            _whole_blocks,
            "This is what you get when the blocks at the edges count as whole ones: "
            "they are smaller, and move less.",
        ),
        Mistake(
            "edges left out",
            _full_blocks_only,
            "This is what you get when only whole blocks are counted: "
            "the rest at the edges has to be done, too.",
        ),
        Mistake(
            "each number fetched once",
            lambda m, n, depth, rows, columns: m * depth + depth * n + m * n,
            "This is what you get when a and b are fetched once: each block fetches its own rows "
            "and columns anew.",
        ),
    ),
    hints=(
        "A block of 2 × 3 sums, one step of the depth: how many numbers come in?",
        "How often is one number of a fetched? Once for every block that needs it, and these stand "
        "side by side.",
        "Three terms: all of a, as often as there are blocks side by side; all of b, as often as "
        "there are blocks below each other; and each sum once.",
    ),
)


# --- the roofline ------------------------------------------------------------------------------
@composite
def _roof_cases(draw: DrawFn) -> Case:
    kernels, levels = whole(draw, 1, 4), whole(draw, 1, 3)
    rng = np.random.default_rng(draw_seed(draw))
    speeds = np.cumprod(rng.choice([2.0, 4.0, 8.0], levels))[::-1]  # the nearest is the fastest
    return {
        "operations": 2.0 ** rng.integers(4, 12, kernels),
        "moved": 2.0 ** rng.integers(2, 12, (kernels, levels)),
        "peak": float(2.0 ** rng.integers(4, 8)),
        "bandwidth": speeds.copy(),
    }


def _attainable(
    operations: np.ndarray, moved: np.ndarray, peak: float, bandwidth: np.ndarray
) -> np.ndarray:
    """For each kernel, let every unit run on its own, and wait for the last."""
    speeds = []
    for count, amounts in zip(operations, moved, strict=True):
        finished = [count / peak]
        for amount, speed in zip(amounts, bandwidth, strict=True):
            finished.append(amount / speed)
        speeds.append(count / max(finished))
    return np.array(speeds)


def _speed(operations: np.ndarray, seconds: Any) -> np.ndarray:
    return np.asarray(operations / seconds)


attainable = Task(
    name="one_core.attainable",
    title="The roof over a kernel",
    cases=_roof_cases(),
    oracle=_attainable,
    mistakes=(
        Mistake(
            "one after the other",
            lambda operations, moved, peak, bandwidth: _speed(
                operations, operations / peak + (moved / bandwidth).sum(axis=1)
            ),
            "This is what you get when the times are added: in the model everything overlaps, and "
            "the slowest part decides.",
        ),
        Mistake(
            "arithmetic only",
            lambda operations, moved, peak, bandwidth: np.full(operations.shape, peak),
            "This is what you get when only the arithmetic counts: numbers have to be moved, too.",
        ),
        Mistake(
            "no peak",
            lambda operations, moved, peak, bandwidth: _speed(
                operations, (moved / bandwidth).max(axis=1)
            ),
            "This is what you get when only moving counts: the roof is flat from the ridge on.",
        ),
        Mistake(
            "the farthest level only",
            lambda operations, moved, peak, bandwidth: np.minimum(
                peak, operations / moved[:, -1] * bandwidth[-1]
            ),
            "This is what you get when only the last level of memory counts: a kernel may move so "
            "much in the nearest cache that this is what it waits for.",
        ),
        Mistake(
            "upside down",
            lambda operations, moved, peak, bandwidth: np.minimum(
                peak, (moved / operations[:, None] * bandwidth).min(axis=1)
            ),
            "This is what you get with bytes per operation: intensity is operations per byte.",
        ),
    ),
    hints=(
        "How long would the arithmetic take, if everything else took no time?",
        "Each level of memory has a time of its own. Which of all these times counts?",
        "Seconds of arithmetic; seconds for each level, an array (kernels, levels); the longest of "
        "them for each kernel; operations divided by that.",
    ),
)
