"""Batches and augmentation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import data

X = np.arange(7 * 2 * 5 * 4, dtype=np.float32).reshape(7, 2, 5, 4) + 1
Y = np.arange(7)


@given(size=st.integers(1, 9), shuffle=st.booleans())
def test_batches_hold_every_example_once(size, shuffle):
    rng = np.random.default_rng(0) if shuffle else None
    cut = list(data.batches(X, Y, size, rng=rng))
    assert [len(y) for _, y in cut[:-1]] == [size] * (len(cut) - 1)
    y = np.concatenate([y for _, y in cut])
    assert sorted(y) == list(Y)
    assert shuffle or list(y) == list(Y)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in cut]), X[y])


def test_batches_drop_last_and_errors():
    assert [len(y) for _, y in data.batches(X, Y, 3, drop_last=True)] == [3, 3]
    for x, y, size, drop, says in (
        (X, Y[:3], 2, False, "equal numbers"),
        (X[:0], Y[:0], 2, False, "at least 1"),
        (X, Y, 0, False, "batch_size is 0"),
        (X, Y, 8, True, "smaller batch_size"),
    ):
        with pytest.raises(ValueError, match=says):
            data.batches(x, y, size, drop_last=drop)


def test_random_shift_moves_whole_images():
    x = X.copy()
    x.flags.writeable = False
    shifted = data.random_shift(x, np.random.default_rng(1), max_shift=1)
    assert (shifted.shape, shifted.dtype) == (X.shape, X.dtype)
    framed = np.pad(X, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for before, after in zip(framed, shifted, strict=True):
        places = [(i, j) for i in range(3) for j in range(3)]
        assert sum(np.array_equal(before[:, i : i + 5, j : j + 4], after) for i, j in places) == 1
    assert len({image.argmax() for image in shifted}) > 1
    np.testing.assert_array_equal(data.random_shift(X, np.random.default_rng(1), max_shift=0), X)


def test_random_crop_and_flip():
    cut = data.random_crop(X, np.random.default_rng(0), padding=0, size=(3, 2))
    assert cut.shape == (7, 2, 3, 2)
    assert (cut > 0).all()
    np.testing.assert_array_equal(data.random_flip(X, np.random.default_rng(0), p=1), X[..., ::-1])
    some = data.random_flip(X, np.random.default_rng(0))
    mirrored = (some == X[..., ::-1]).all(axis=(1, 2, 3))
    assert 0 < mirrored.sum() < 7
    np.testing.assert_array_equal(some[~mirrored], X[~mirrored])


def test_augmentation_errors():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"x\[None\]"):
        data.random_shift(X[0], rng)
    with pytest.raises(ValueError, match="padding is -1"):
        data.random_crop(X, rng, padding=-1)
    with pytest.raises(ValueError, match="smaller size"):
        data.random_crop(X, rng, padding=0, size=(6, 4))
    with pytest.raises(ValueError, match="probability"):
        data.random_flip(X, rng, p=2)
