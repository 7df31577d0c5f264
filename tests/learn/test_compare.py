"""Comparing answers, and saying how they differ."""

import numpy as np
import pytest

from minicnn.learn import Status
from minicnn.learn.compare import describe, mismatch, relation, same_answer


@pytest.mark.parametrize(
    ("expected", "got", "status"),
    [
        (3, 3, None),
        (3, np.int32(3), None),
        (3, 4, Status.WRONG_VALUES),
        (3, 3.0, Status.WRONG_TYPE),
        (1, True, Status.WRONG_TYPE),
        ((1, 2), (1, 2), None),
        ((1, 2), [1, 2], None),
        ((1, 2), (2, 1), Status.WRONG_VALUES),
        ((1, 2), (1, 2, 3), Status.WRONG_TYPE),
        ((1, 2), (1, 2.0), Status.WRONG_TYPE),
        ((1, 2), 1, Status.WRONG_TYPE),
        (np.ones(2), np.ones(2), None),
        (np.ones(2), 1.0, Status.WRONG_SHAPE),
        (np.ones(2), np.ones(2, np.float32), Status.WRONG_DTYPE),
        (np.ones(2), "ab", Status.WRONG_TYPE),
        (np.zeros((0, 2)), np.zeros((0, 2)), None),
    ],
)
def test_mismatch(expected, got, status):
    found = mismatch(expected, got, 1e-6)
    assert (found.status if found else None) == status


def test_the_differing_entries_are_marked():
    found = mismatch(np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 2], [3, np.nan]]), 1e-6)
    assert found.wrong.tolist() == [[False, False], [False, True]]
    assert "1 of 4" in found.message


def test_same_answer_ignores_dtype_and_container():
    assert same_answer((1, 2), np.array([1.0, 2.0], np.float32), 1e-6)
    assert same_answer(np.nan, np.nan, 1e-6)
    assert not same_answer(np.ones((1, 2)), np.ones(2), 1e-6)
    assert not same_answer("abc", 1, 1e-6)


X = np.arange(1.0, 13).reshape(3, 4)


@pytest.mark.parametrize(
    ("expected", "got", "says"),
    [
        (X, X + 2, "2 too large"),
        (X, X - 0.5, "0.5 too small"),
        (X, X / 4, "0.25 times"),
        (X, -X, "-1 times"),
        (X, X[::-1, ::-1], "flipped"),
        (X[:, :3] ** 2, X[:, :3].T ** 2, "swapped"),
        (X, X**2, ""),
        (X, X[:2], ""),
        (X, "abc", ""),
    ],
)
def test_relation(expected, got, says):
    text = relation([(expected, got)])
    assert says in text
    assert bool(text) == bool(says)


def test_relation_needs_evidence():
    assert relation([]) == ""
    assert relation([(3, 4)]) == ""
    assert "1 too large" in relation([(3, 4), (5, 6), (7, 8), (1, 2)])


def test_describe():
    assert "return" in describe(None)
    assert describe([1, 2]) == "a list, [1, 2]"
    assert describe(np.ones((2, 3))) == "an array of shape (2, 3), float64"
