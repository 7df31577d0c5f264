"""The direct kernel: by the definition in many blocks, bit-equal, within its memory."""

import tracemalloc

import numpy as np
import pytest
from oracles import normal

from minicnn.kernels import direct, naive, room, threads


def window(stride=1, padding=0, dilation=1, groups=1):
    pads = ((padding, padding), (padding, padding)) if isinstance(padding, int) else padding
    return {
        "stride": (stride, stride),
        "padding": pads,
        "dilation": (dilation, dilation),
        "groups": groups,
    }


# Several runs of pixels, filters and taps that do not fill a block, several fillings of the room.
LARGE = [
    ((3, 7, 23, 31), (13, 7, 3, 3), window(padding=1)),
    ((1, 5, 70, 61), (6, 5, 5, 5), window(padding=((0, 3), (1, 2)))),
    ((5, 6, 17, 50), (14, 3, 3, 3), window(stride=2, padding=1, groups=2)),
    ((2, 9, 30, 40), (3, 9, 1, 1), window()),
    ((2, 6, 30, 41), (17, 6, 3, 2), window(stride=3, padding=2, dilation=2)),
    ((2, 8, 12, 12), (16, 1, 3, 3), window(padding=1, groups=8)),
]


@pytest.mark.parametrize(("x_shape", "w_shape", "how"), LARGE)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-6)])
@pytest.mark.parametrize("budget", [1, 2**22])
def test_in_many_blocks(x_shape, w_shape, how, dtype, tolerance, budget, monkeypatch):
    monkeypatch.setattr(room, "ROOM_BYTES", budget)
    monkeypatch.setattr(direct, "UNIT", 2**12)
    x, w = normal(0, *x_shape, dtype=dtype), normal(1, *w_shape, dtype=dtype)
    y = naive.forward(x.astype(np.float64), w.astype(np.float64), **how)
    dy = normal(2, *y.shape, dtype=dtype)
    wide = [a.astype(np.float64) for a in (dy, w, x)]
    for ours, expected in (
        (direct.forward(x, w, **how), y),
        (
            direct.backward_input(dy, w, x.shape, **how),
            naive.backward_input(wide[0], wide[1], x.shape, **how),
        ),
        (
            direct.backward_weight(dy, x, w.shape, **how),
            naive.backward_weight(wide[0], wide[2], w.shape, **how),
        ),
    ):
        assert ours.dtype == dtype
        assert np.abs(ours - expected).max() <= tolerance * np.abs(expected).max()


def test_bias_and_relu_are_added_on_the_way():
    x, w, bias = normal(0, 2, 5, 9, 8), normal(1, 6, 5, 3, 3), normal(2, 6)
    how = window(padding=1)
    plain = naive.forward(x, w, **how) + bias[:, None, None]
    out = np.full(plain.shape, np.nan)
    assert direct.forward(x, w, **how, bias=bias, out=out) is out
    np.testing.assert_allclose(out, plain, atol=1e-12)
    np.testing.assert_allclose(
        direct.forward(x, w, **how, bias=bias, relu=True), np.maximum(plain, 0), atol=1e-12
    )
    x[0, 0, 4, 4] = np.nan
    assert np.isnan(direct.forward(x, w, **how, relu=True)[0, :, 4, 4]).all()


def test_borders_do_not_leak():
    """What lies to the right of a picture in its long line is worked out and thrown away."""
    x, w = np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    x[0, 0, 2, 0] = np.inf
    y = direct.forward(x, w, **window(padding=1))
    np.testing.assert_array_equal(y, naive.forward(x, w, **window(padding=1)))
    assert np.isinf(y).sum() == 6


def test_equal_to_the_last_bit_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(direct, "UNIT", 2**12)
    before = threads.num_threads()
    x, w = normal(0, 3, 6, 20, 20, dtype=np.float32), normal(1, 10, 6, 3, 3, dtype=np.float32)
    how, results = window(padding=1), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            y = direct.forward(x, w, **how)
            dx = direct.backward_input(y, w, x.shape, **how)
            results.append((y, dx, direct.backward_weight(y, x, w.shape, **how)))
    finally:
        threads.set_num_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_workspace_is_what_it_says():
    x, w = normal(0, 16, 32, 28, 28, dtype=np.float32), normal(1, 32, 32, 3, 3, dtype=np.float32)
    how = window(padding=1)
    out = direct.forward(x, w, **how)
    tracemalloc.start()
    try:
        direct.forward(x, w, **how, out=out)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    promised = direct.workspace_bytes(x.shape, w.shape, 4, **how)
    assert peak <= promised + 100_000
    assert promised < 32 * 2**20
