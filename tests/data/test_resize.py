"""Cropping and resizing against slow definitions of their own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import data

sides = st.integers(1, 9)


def images(height, width, dtype=np.float64):
    return np.random.default_rng(0).random((2, 3, height, width)).astype(dtype)


def by_hand(line, new):
    """One row of pixels. Shrunk: cut each pixel in `new` parts, and average `old` parts each."""
    old = len(line)
    if new <= old:
        return np.repeat(line, new).reshape(new, old).mean(axis=1)
    return np.interp((np.arange(new) + 0.5) * old / new - 0.5, np.arange(old), line)


@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides))
def test_resize_is_what_it_is_by_hand(old, new):
    x = images(*old)
    rows = np.apply_along_axis(by_hand, 2, x, new[0])
    expected = np.apply_along_axis(by_hand, 3, rows, new[1])
    np.testing.assert_allclose(data.resize(x, new), expected, atol=1e-12)


def test_resize_of_whole_factors():
    x = images(8, 6)
    blocks = x.reshape(2, 3, 4, 2, 3, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(data.resize(x, (4, 3)), blocks, atol=1e-12)
    assert np.array_equal(data.resize(x, (8, 6)), x)
    assert data.resize(x, 5).shape == (2, 3, 5, 5)


@given(old=sides, new=sides)
def test_resize_keeps_what_is_even(old, new):
    x = np.full((1, 1, old, old), 0.7)
    np.testing.assert_allclose(data.resize(x, new), 0.7, rtol=1e-12)
    if new <= old:
        x = images(old, old)
        small = data.resize(x, new)
        np.testing.assert_allclose(small.mean(axis=(2, 3)), x.mean(axis=(2, 3)), rtol=1e-12)


@given(height=sides, width=sides, drawn=st.data())
def test_crop_takes_the_middle(height, width, drawn):
    x = images(height, width)
    h, w = drawn.draw(st.integers(1, height)), drawn.draw(st.integers(1, width))
    got = data.center_crop(x, (h, w))
    kept = x
    while kept.shape[2] > h:  # from the end first, then from the front, in turn
        kept = kept[:, :, :-1] if (kept.shape[2] - h) % 2 else kept[:, :, 1:]
    while kept.shape[3] > w:
        kept = kept[..., :-1] if (kept.shape[3] - w) % 2 else kept[..., 1:]
    assert np.array_equal(got, kept)


@pytest.mark.parametrize("change", [data.center_crop, data.resize])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_are_new_and_arguments_untouched(change, dtype):
    x = images(6, 8, dtype)[:, :, ::-1, ::2]
    x.flags.writeable = False
    for size in (6 if change is data.resize else 4, (2, 3), (6, 4)):
        y = change(x, size)
        assert y.dtype == dtype
        assert y.flags.c_contiguous or change is data.center_crop
        assert not np.shares_memory(x, y)


@pytest.mark.parametrize("change", [data.center_crop, data.resize])
def test_bad_input_is_refused(change):
    x = images(6, 6)
    for size in (0, 2.5, (3,), (3, -1)):
        with pytest.raises(ValueError, match="whole number"):
            change(x, size)
    with pytest.raises(ValueError, match=r"x\[None\]"):
        change(x[0], 3)


def test_what_only_one_of_them_refuses():
    x = images(6, 6)
    with pytest.raises(ValueError, match="at most that of the images"):
        data.center_crop(x, 7)
    with pytest.raises(TypeError, match="astype"):
        data.resize((255 * x).astype(np.uint8), 3)
