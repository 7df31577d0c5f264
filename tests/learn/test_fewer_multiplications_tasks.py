"""What the tasks on fewer multiplications say is true: the best points are the best."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from minicnn.kernels import cook_toom
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.fewer_multiplications import challenge

ALLOWED = sorted({Fraction(a, b) for a in range(-4, 5) for b in range(1, 5)})


@pytest.mark.parametrize(("m", "r"), [(2, 3), (4, 3), (6, 3), (2, 5)])
def test_growth_is_that_of_the_package(m, r):
    for points in (cook_toom.default_points(m + r - 2), range(m + r - 2)):
        points = [Fraction(p) for p in points]
        expected = cook_toom.growth(cook_toom.cook_toom(m, r, points))
        assert challenge.growth(points, m, r) == expected


def growths(p, m, r):
    """`challenge.growth` for many choices of points (choices, count) at a time."""
    totals = np.zeros((m, len(p)))

    def coefficients(columns):
        c = np.ones((len(p), 1))
        zero = np.zeros((len(p), 1))
        for q in columns:
            c = np.hstack([zero, c]) - p[:, q : q + 1] * np.hstack([c, zero])
        return np.abs(c).sum(axis=1)

    for i in range(p.shape[1]):
        others = [j for j in range(p.shape[1]) if j != i]
        far = np.prod([np.abs(p[:, i] - p[:, j]) for j in others], axis=0)
        weights = sum(np.abs(p[:, i]) ** j for j in range(r))
        for k in range(m):
            totals[k] += np.abs(p[:, i]) ** k * weights * coefficients(others) / far
    totals[-1] += coefficients(range(p.shape[1]))
    return totals.max(axis=0)


@pytest.mark.parametrize(("m", "r"), challenge.BEST)
def test_no_allowed_points_are_better(m, r):
    values = np.array([float(p) for p in ALLOWED])
    choices = np.array(list(combinations(range(len(ALLOWED)), m + r - 2)))
    least = min(growths(values[part], m, r).min() for part in np.array_split(choices, 8))
    assert float(challenge._least(m, r)) == pytest.approx(least, rel=1e-9)


def test_the_judge_of_points():
    judge = get_task("fewer_multiplications.choose_points").judge
    assert judge([0, 1, -1], 2, 3).score == 1
    assert judge((Fraction(0), np.int64(1), -1), 2, 3).ok
    assert "whole numbers or Fractions" in judge([0.5, 1, -1], 2, 3).message
    assert "wants 3 points" in judge([0, 1], 2, 3).message
    assert "wants 3 points" in judge([0, 1, Fraction(2, 2)], 2, 3).message
    assert "5 is not allowed" in judge([0, 1, 5], 2, 3).message
    assert "1/5 is not allowed" in judge([0, 1, Fraction(1, 5)], 2, 3).message
    assert "22 is possible" in judge([0, 1, -1, 2, -2], 4, 3).message


def test_the_oracles_agree_with_the_engine():
    task = get_task("fewer_multiplications.input_matrix")
    for case in draw_cases(task.cases, 20, 1):
        points = case["points"]
        ours = task.oracle(points)
        theirs = cook_toom.cook_toom(len(points), 2, points).arrays()[2]
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs))  # signs of a row are a choice
    at, g, bt = cook_toom.cook_toom(2, 3).arrays()
    d, w = np.array([3.0, 1, 4, 1]), np.array([5.0, 9, 2])
    products = get_task("fewer_multiplications.four_products").oracle(d, w)
    np.testing.assert_allclose(products, (g @ w) * (bt @ d))
    np.testing.assert_allclose(at @ products, np.correlate(d, w, "valid"))
