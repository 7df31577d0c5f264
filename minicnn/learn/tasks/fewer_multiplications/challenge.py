"""The open task: the points with the least growth."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

from minicnn.learn.compare import is_whole
from minicnn.learn.strategies import DrawFn, composite, st
from minicnn.learn.task import Board, Case, Mistake, Task, Verdict

LARGEST = 4
ENOUGH = 0.9
BEST = {
    (2, 3): "-1 0 1",
    (3, 2): "-1 0 1",
    (3, 3): "-3/2 -1/4 1/4 3/2",
    (2, 4): "-3/2 -1/4 1/4 3/2",
    (4, 3): "-2 -1/2 0 1/2 2",
    (2, 5): "-2 -1/2 0 1/2 2",
    (3, 4): "-2 -1/2 0 1/2 2",
    (5, 2): "-3/2 -2/3 0 2/3 3/2",
    (5, 3): "-2 -2/3 -1/4 1/4 1 2",
    (4, 4): "-2 -3/4 -1/4 1/4 3/4 3",
    (3, 5): "-3 -3/4 -1/4 1/4 3/4 2",
    (6, 3): "-2 -1 -1/2 0 1/2 1 2",
}
"""The best of all choices of points with numerators and denominators up to 4 (all were tried)."""
EASY = tuple(size for size in BEST if sum(size) - 2 <= 5)


def growth(points: list[Fraction], m: int, r: int) -> Fraction:
    """Sum what each product can be at most, for the output where that is largest."""
    totals = [Fraction(0)] * m
    for p in points:
        others = [q for q in points if q != p]
        weights = sum((abs(p) ** j for j in range(r)), Fraction(0))
        inputs = Fraction(_sizes(others)) / abs(prod((p - q for q in others), start=Fraction(1)))
        for i in range(m):
            totals[i] += abs(p) ** i * weights * inputs
    totals[-1] += _sizes(points)
    return max(totals)


def _sizes(roots: list[Fraction]) -> Fraction:
    """Add up the sizes of the coefficients of the product of (t - q)."""
    c = [Fraction(1)]
    for q in roots:
        c = [a - q * b for a, b in zip([Fraction(0), *c], [*c, Fraction(0)], strict=True)]
    return sum(map(abs, c), Fraction(0))


def _points(text: str) -> list[Fraction]:
    return [Fraction(point) for point in text.split()]


def _least(m: int, r: int) -> Fraction:
    return growth(_points(BEST[m, r]), m, r)


@composite
def _cases(draw: DrawFn) -> Case:
    m, r = draw(st.sampled_from(EASY))
    return {"m": m, "r": r}


def _judge(got: Any, m: int, r: int) -> Verdict:
    """Check that the points are allowed and different, and score their growth."""
    count = m + r - 2
    if not isinstance(got, list | tuple) or not all(
        is_whole(p) or isinstance(p, Fraction) for p in got
    ):
        return Verdict(False, "The answer is a list of points: whole numbers or Fractions.")
    points = [Fraction(int(p)) if is_whole(p) else p for p in got]
    if len(points) != count or len(set(points)) != count:
        what = f"F({m}, {r}) wants {count} points, all different, besides infinity."
        return Verdict(False, what)
    large = [p for p in points if max(abs(p.numerator), p.denominator) > LARGEST]
    if large:
        what = f"{large[0]} is not allowed: numerator and denominator go up to {LARGEST}."
        return Verdict(False, what)
    found, least = growth(points, m, r), _least(m, r)
    if least < Fraction(ENOUGH) * found:
        what = f"Their growth is {float(found):.4g}; {float(least):.4g} is possible."
        return Verdict(False, what)
    return Verdict(True, score=float(least / found))


def _textbook(m: int, r: int) -> list[int]:
    return [0, 1, -1, 2, -2, 3, -3, 4][: m + r - 2]


def _counting(m: int, r: int) -> list[int]:
    return list(range(m + r - 2))


def _small(m: int, r: int) -> list[int | Fraction]:
    small: list[int | Fraction] = [0, *_points("1/4 -1/4 1/2 -1/2 3/4 -3/4")]
    return small[: m + r - 2]


def _infinity_counted(m: int, r: int) -> list[int]:
    return _textbook(m + 1, r)


choose_points = Task(
    name="fewer_multiplications.choose_points",
    title="Open: the points with the least growth",
    cases=_cases(),
    judge=_judge,
    board=Board(
        cases=tuple({"m": m, "r": r} for m, r in BEST),
        total=lambda scores: 100 * sum(scores) / len(scores),
        label=f"per cent: the least growth over yours, on average over {len(BEST)} sizes",
        best=100.0,
    ),
    mistakes=(
        Mistake(
            "textbook points",
            _textbook,
            "0, 1, -1, 2, -2 are the points of most textbooks, and their powers grow quickly.",
        ),
        Mistake(
            "counting",
            _counting,
            "0, 1, 2, 3 and so on are far from symmetric: a point and its negative together are "
            "much better.",
        ),
        Mistake(
            "all points small",
            _small,
            "Points between -1 and 1 have small powers, but they lie close together, and the "
            "differences p - q stand in denominators.",
        ),
        Mistake(
            "infinity counted",
            _infinity_counted,
            "These are m + r - 1 points. Infinity is one of them, and it is not in the list.",
        ),
    ),
    hints=(
        "The powers of a large point are large, and those of a small one are small. What do you "
        "get from a point and its inverse, 1/2 and 2?",
        "Points come in pairs, p and -p, and 0 may stand alone. How many such choices are there? "
        "Few enough to try them all.",
        "Try all pairs with itertools.combinations. Then improve: replace one point by any "
        "allowed one, keep it if the growth gets less, until nothing helps.",
    ),
)
