"""The data sets as a reader meets them."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from minicnn import data


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    x_train, y_train, x_test, y_test = data.load("digits")
    assert x_train.shape == (1437, 1, 8, 8)
    assert x_test.shape == (360, 1, 8, 8)
    assert (x_train.dtype, y_train.dtype) == (np.float32, np.int64)
    theirs = load_digits()
    with np.load(Path(data.__file__).parent / "digits.npz", allow_pickle=False) as stored:
        order = stored["index"]
    assert sorted(order) == list(range(1797))
    np.testing.assert_array_equal(
        np.concatenate([x_train, x_test])[:, 0], theirs.images[order].astype(np.float32) / 16
    )
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), theirs.target[order])
    share = np.bincount(y_test) / np.bincount(theirs.target)
    assert abs(share - 0.2).max() < 0.004  # a fifth of every class


def test_a_smaller_size_is_a_part_of_a_larger_one():
    whole = data.load("digits", dtype=np.float64)
    small = data.load("digits", size=50, seed=3)
    large = data.load("digits", size=(200, 30), seed=3)
    assert [len(a) for a in small] == [50, 50, 360, 360]
    assert [len(a) for a in large] == [200, 200, 30, 30]
    np.testing.assert_array_equal(large[0][:50], small[0])
    assert (
        len({image.tobytes() for image in large[0]} & {x.astype("f4").tobytes() for x in whole[0]})
        == 200
    )
    assert not np.array_equal(small[0], data.load("digits", size=50, seed=4)[0])


def test_glyphs_are_the_same_bytes_everywhere():
    x, y = data.glyphs(300, task="all", seed=7)
    assert (x.shape, x.dtype, y.dtype) == ((300, 1, 28, 28), np.float32, np.int64)
    pixels = x.astype(np.float64) * 255
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-4)
    digest = hashlib.sha256(np.rint(pixels).astype(np.uint8).tobytes() + y.astype("<i8").tobytes())
    assert digest.hexdigest() == "04db05ad4bd2d423f5e05309eb866af523a0ce245edd41603980b271eaf0bd2b"
    np.testing.assert_array_equal(
        data.glyphs(300, task="all", seed=7, dtype=np.float64)[0].astype("f4"), x
    )


def test_glyphs_arguments():
    for task, classes in (("digits", 10), ("letters", 26), ("lowercase", 26), ("all", 62)):
        y = data.glyphs(2 * classes, task=task, seed=0, size=8)[1]
        assert np.bincount(y).tolist() == [2] * classes
        assert len(data.class_names("glyphs", task=task)) == classes
    clean, y = data.glyphs(600, seed=0, warp=0, noise=0, faces=["cmr10"])
    shapes = {(c, (image > 0).tobytes()) for c, image in zip(y, clean, strict=True)}
    assert len({c for c, _ in shapes}) == 10
    assert clean[:, :, :2].max() == 0  # centred, the frame is empty
    assert data.glyphs(3, seed=0, size=41)[0].shape == (3, 1, 41, 41)
    for wrong in (
        {"n": 0},
        {"task": "kanji"},
        {"size": 4},
        {"warp": -1},
        {"noise": 2},
        {"faces": ["Arial"]},
        {"faces": []},
    ):
        with pytest.raises(ValueError, match=r"expected|wants"):
            data.glyphs(**({"n": 5, "seed": 0} | wrong))


def test_glyphs_set():
    x_train, _, x_test, y_test = data.load("glyphs", size=(120, 40), task="letters", seed=1)
    assert (len(x_train), len(x_test)) == (120, 40)
    assert y_test.max() <= 25
    assert len(data.load("glyphs", size=20)[0]) == 20
    assert not {i.tobytes() for i in x_train} & {i.tobytes() for i in x_test}


def test_wrong_arguments():
    with pytest.raises(ValueError, match="expected one of 'digits'"):
        data.load("cifar100")
    with pytest.raises(ValueError, match="expected one of"):
        data.class_names("cifar100")
    with pytest.raises(ValueError, match="expected one of"):
        data.class_names("glyphs", task="kanji")
    with pytest.raises(TypeError, match=r"np\.float32"):
        data.load("digits", dtype=np.float16)
    with pytest.raises(ValueError, match="no tasks"):
        data.load("digits", task="letters")
    for size in (0, (5,), (5, 0), 1.5, "ab"):
        with pytest.raises(ValueError, match="n_train"):
            data.load("digits", size=size)
    with pytest.raises(ValueError, match="1438 training"):
        data.load("digits", size=1438)


def test_class_names():
    assert data.class_names("mnist") == data.class_names("digits") == tuple("0123456789")
    assert data.class_names("fashion_mnist")[9] == "Ankle boot"
    assert len(data.class_names("cifar10")) == 10


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("MINICNN_DATA"), reason="MINICNN_DATA not set")
def test_real_mnist():
    x_train, y_train, x_test, y_test = data.load("mnist")
    assert (x_train.shape, x_test.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert np.bincount(y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert round(float(x_train.mean(dtype=np.float64)), 4) == 0.1307  # as everybody normalises it
