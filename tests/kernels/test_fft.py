"""Convolution by Fourier transforms: by the definition, for any window, within its memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import normal
from scipy.signal import correlate

from minicnn import ops
from minicnn.kernels import fft, naive, threads


@pytest.fixture(autouse=True)
def _restore_threads():
    before = threads.num_threads()
    yield
    threads.set_num_threads(before)


def window(stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def all_three(kernel, x, w, dy, how):
    return (
        kernel.forward(x, w, **how),
        kernel.backward_input(dy, w, x.shape, **how),
        kernel.backward_weight(dy, x, w.shape, **how),
    )


def check(x_shape, w_shape, how, dtype=np.float64, tolerance=1e-13):
    x, w = normal(0, *x_shape, dtype=dtype), normal(1, *w_shape, dtype=dtype)
    y = naive.forward(x.astype(np.float64), w.astype(np.float64), **how)
    dy = normal(2, *y.shape, dtype=dtype)
    wide = [a.astype(np.float64) for a in (x, w, dy)]
    for ours, expected in zip(
        all_three(fft, x, w, dy, how), all_three(naive, *wide, how), strict=True
    ):
        assert ours.dtype == dtype
        assert ours.flags.c_contiguous
        assert np.abs(ours - expected).max() <= tolerance * np.abs(expected).max() + 1e-13


@st.composite
def cases(draw):
    number = st.integers
    stride, dilation = [(draw(number(1, 3)), draw(number(1, 3))) for _ in range(2)]
    groups = draw(number(1, 3))
    N, C, K = draw(number(1, 3)), groups * draw(number(1, 4)), groups * draw(number(1, 4))
    taps = draw(number(1, 6)), draw(number(1, 6))
    padding = tuple((draw(number(0, 4)), draw(number(0, 4))) for _ in range(2))
    size = [
        max(1, dilation[i] * (taps[i] - 1) + 1 - sum(padding[i])) + draw(number(0, 25))
        for i in (0, 1)
    ]
    how = window(stride, padding, dilation, groups)
    return (N, C, *size), (K, C // groups, *taps), how


@settings(max_examples=50)
@given(case=cases())
def test_is_the_definition(case):
    check(*case)


LARGE = [  # several blocks of tiles, and filters in several rounds
    ((3, 20, 30, 30), (40, 20, 9, 11), window(padding=((4, 4), (5, 5)))),
    ((2, 12, 61, 40), (18, 6, 5, 5), window((2, 1), ((2, 1), (0, 3)), (1, 2), 2)),
    ((1, 6, 150, 9), (6, 1, 100, 3), window(stride=(1, 2), groups=6)),
]


@pytest.mark.parametrize(("x_shape", "w_shape", "how"), LARGE)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize("room", [2**14, None])
def test_in_many_blocks(x_shape, w_shape, how, dtype, tolerance, room, monkeypatch):
    fft.tiling.cache_clear()
    if room is not None:
        monkeypatch.setattr(fft, "BLOCK_BYTES", room)
        monkeypatch.setattr(fft, "FILTER_BYTES", 16 * room)
    check(x_shape, w_shape, how, dtype, tolerance)
    fft.tiling.cache_clear()


def test_agrees_with_scipy():
    x, w = normal(0, 1, 1, 40, 50), normal(1, 1, 1, 13, 9)
    y = ops.conv2d(x, w, algorithm="fft")
    np.testing.assert_allclose(y[0, 0], correlate(x[0, 0], w[0, 0], "valid"), atol=1e-12)


def test_bias_and_relu_and_out():
    x, w, b = normal(0, 2, 4, 20, 21), normal(1, 6, 4, 5, 5), normal(2, 6)
    how = window(padding=((2, 2), (2, 2)))
    plain = naive.forward(x, w, **how)
    out = np.full(plain.shape, np.nan)
    assert fft.forward(x, w, **how, out=out) is out
    np.testing.assert_allclose(out, plain, atol=1e-12)
    shifted = plain + b[:, None, None]
    np.testing.assert_allclose(fft.forward(x, w, **how, bias=b), shifted, atol=1e-12)
    np.testing.assert_allclose(
        fft.forward(x, w, **how, bias=b, relu=True), np.maximum(shifted, 0), atol=1e-12
    )


def test_arguments_are_left_alone():
    x, w = normal(0, 2, 3, 12, 12)[:, :, ::-1], normal(1, 4, 3, 3, 3).swapaxes(2, 3)
    x.flags.writeable = w.flags.writeable = False
    how = window(stride=(2, 2))
    dy = normal(2, 2, 4, 5, 5)
    dy.flags.writeable = False
    for ours, expected in zip(
        all_three(fft, x, w, dy, how), all_three(naive, x, w, dy, how), strict=True
    ):
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_the_number_of_threads_changes_no_bit():
    how = window(padding=((3, 3), (3, 3)))
    x, w = normal(0, 3, 48, 28, 28, dtype=np.float32), normal(1, 64, 48, 7, 7, dtype=np.float32)
    dy = normal(2, 3, 64, 28, 28, dtype=np.float32)
    results = []
    for count in (1, 2, 3):
        threads.set_num_threads(count)
        results.append([a.tobytes() for a in all_three(fft, x, w, dy, how)])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("taps", [3, 7, 15])
@pytest.mark.parametrize("groups", [1, 8])
def test_the_workspace_is_what_it_says(taps, groups):
    p = taps // 2
    how = window(padding=((p, p), (p, p)), groups=groups)
    x = normal(0, 16, 128, 28, 28, dtype=np.float32)
    w = normal(1, 128, 128 // groups, taps, taps, dtype=np.float32)
    out = np.empty_like(x)
    fft.forward(x, w, **how, out=out)
    said = fft.workspace_bytes(x.shape, w.shape, 4, **how)
    tracemalloc.start()
    fft.forward(x, w, **how, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.05 * said + 2**18
    assert said < 32 * 2**20
