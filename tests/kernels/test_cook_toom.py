"""F(m, r) generated: exactly a convolution, and what the kernels hard-code."""

from fractions import Fraction

import numpy as np
import pytest
from numba import njit

from minicnn.kernels import transforms
from minicnn.kernels.cook_toom import (
    Transforms,
    cook_toom,
    default_points,
    growth,
    polynomial,
    verify,
)
from minicnn.kernels.simd import load, store

SIZES = [(m, r) for m in range(1, 8) for r in range(1, 8)]


@pytest.mark.parametrize(("m", "r"), [*SIZES, (2, 15), (12, 3)])
def test_every_size_is_a_convolution_exactly(m, r):
    found = cook_toom(m, r)
    n = m + r - 1
    assert [np.shape(matrix) for matrix in found] == [(m, n), (n, r), (n, n)]
    assert verify(found)


@pytest.mark.parametrize("points", ["0 1 -1 2 -2", "1 2 3 4 5", "-1/7 5 0 22/9 1/3"])
def test_any_points_will_do(points):
    assert verify(cook_toom(4, 3, points.split()))


def test_verify_finds_a_wrong_entry():
    right = cook_toom(2, 3)
    for which, matrix in enumerate(right):
        wrong = [list(row) for row in matrix]
        wrong[1][1] += Fraction(1, 1000)
        matrices = list(right)
        matrices[which] = tuple(map(tuple, wrong))
        assert not verify(Transforms(*matrices))


def test_the_classic_matrices():
    """Lavin and Gray (2016), equations 7 and 10."""
    at, g, bt = cook_toom(2, 3).arrays()
    np.testing.assert_array_equal(at, [[1, 1, 1, 0], [0, 1, -1, 1]])
    np.testing.assert_array_equal(2 * g, [[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
    np.testing.assert_array_equal(bt, [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
    _, g, bt = cook_toom(4, 3, [0, 1, -1, 2, -2]).arrays()
    np.testing.assert_array_equal(bt[0], [4, 0, -5, 0, 1, 0])
    np.testing.assert_array_equal(bt[5], [0, 4, 0, -5, 0, 1])
    np.testing.assert_allclose(24 * g[:2], [[6, 0, 0], [-4, -4, -4]])


@njit
def _store_all(vectors, target, lanes):
    for i in range(len(vectors)):
        store(target, i * lanes, vectors[i])


@njit
def _apply(which, m, source, target, lanes):
    """Send every column of `source` through one of the kernels' transforms."""
    a, b, c = load(source, 0), load(source, lanes), load(source, 2 * lanes)
    if which == 1:
        if m == 2:
            _store_all(transforms.filter_2(source, a, b, c), target, lanes)
        else:
            _store_all(transforms.filter_4(source, a, b, c), target, lanes)
        return
    d = load(source, 3 * lanes)
    if m == 2:
        if which == 0:
            _store_all(transforms.output_2(source, a, b, c, d), target, lanes)
        else:
            _store_all(transforms.input_2(source, a, b, c, d), target, lanes)
        return
    e, f = load(source, 4 * lanes), load(source, 5 * lanes)
    if which == 0:
        _store_all(transforms.output_4(source, a, b, c, d, e, f), target, lanes)
    else:
        _store_all(transforms.input_4(source, a, b, c, d, e, f), target, lanes)


@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize("which", [0, 1, 2], ids=["AT", "G", "BT"])
def test_the_kernels_use_these_matrices(m, which):
    from minicnn.kernels.simd import lanes_of

    lanes = njit(lambda a: lanes_of(a))(np.zeros(1))
    expected = cook_toom(m, 3).arrays()[which]
    rows, columns = expected.shape
    found = np.empty_like(expected)
    for column in range(columns):
        source, target = np.zeros((columns, lanes)), np.zeros((rows, lanes))
        source[column] = 1
        _apply(which, m, source, target, lanes)
        found[:, column] = target[:, 0]
        assert (target == target[:, :1]).all()
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=1e-15)


def test_nested_in_two_dimensions():
    rng = np.random.default_rng(0)
    d, g = rng.standard_normal((7, 7)), rng.standard_normal((4, 4))
    at, gs, bt = cook_toom(4, 4).arrays()
    y = at @ ((gs @ g @ gs.T) * (bt @ d @ bt.T)) @ at.T
    direct = [[(d[i : i + 4, j : j + 4] * g).sum() for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(y, direct, rtol=1e-12, atol=1e-12)


def test_default_points_are_different_and_known():
    for count in range(22):
        assert len(set(default_points(count))) == count
    assert [str(p) for p in default_points(5)] == ["0", "2/3", "-2/3", "3/2", "-3/2"]


def test_growth_is_reached_by_the_worst_signs():
    for m, r, points in [(2, 3, None), (4, 3, None), (4, 3, [0, 1, -1, 2, -2])]:
        found = cook_toom(m, r, points)
        at, g, bt = found.arrays()
        worst = np.abs(at) @ (np.abs(g) @ np.ones(r) * (np.abs(bt) @ np.ones(m + r - 1)))
        assert float(growth(found)) == pytest.approx(worst.max(), rel=1e-14)
    assert growth(cook_toom(4, 3)) < growth(cook_toom(4, 3, [0, 1, -1, 2, -2])) / 2


def test_polynomial():
    assert polynomial([]) == [1]
    assert polynomial([Fraction(1), Fraction(-2)]) == [-2, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cook_toom(0, 3), "m is 0 and r is 3"),
        (lambda: cook_toom(2, 3, [0, 1]), "wants 3 of them"),
        (lambda: cook_toom(2, 3, [0, 1, "2/2"]), "all different"),
        (lambda: cook_toom(20, 9), "Give points yourself"),
    ],
)
def test_wrong_input_says_how_to_mend_it(call, message):
    with pytest.raises(ValueError, match=message):
        call()
