"""The fast kernels: by the definition, bit-equal for any number of threads, within their memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import normal

from minicnn import plan
from minicnn.kernels import (
    implicit,
    inplace,
    naive,
    pieces,
    threads,
    winograd,
    winograd2,
    winograd_blocks,
    winograd_gradient,
)


@pytest.fixture(autouse=True)
def _restore_threads():
    before = threads.num_threads()
    yield
    threads.set_num_threads(before)


def window(stride=1, padding=0, dilation=1, groups=1):
    pads = ((padding, padding), (padding, padding)) if isinstance(padding, int) else padding
    return {
        "stride": (stride, stride),
        "padding": pads,
        "dilation": (dilation, dilation),
        "groups": groups,
    }


def all_three(kernel, x, w, dy, how):
    return (
        kernel.forward(x, w, **how),
        kernel.backward_input(dy, w, x.shape, **how),
        kernel.backward_weight(dy, x, w.shape, **how),
    )


def check(name, x_shape, w_shape, how, dtype=np.float64, tolerance=1e-12):
    """Compare with the definition in float64; errors are relative to the range of the answer."""
    kernel = plan.get(name)
    x, w = normal(0, *x_shape, dtype=dtype), normal(1, *w_shape, dtype=dtype)
    y = naive.forward(x.astype(np.float64), w.astype(np.float64), **how)
    dy = normal(2, *y.shape, dtype=dtype)
    wide = [a.astype(np.float64) for a in (x, w, dy)]
    for ours, expected in zip(
        all_three(kernel, x, w, dy, how), all_three(naive, *wide, how), strict=True
    ):
        assert ours.dtype == dtype
        assert ours.flags.c_contiguous
        assert np.abs(ours - expected).max() <= tolerance * np.abs(expected).max() + 1e-300
    out = np.full(y.shape, np.nan, dtype)
    assert kernel.forward(x, w, **how, out=out) is out
    assert np.abs(out - y).max() <= tolerance * np.abs(y).max()


# Several blocks of everything: images, channels beyond a block of the depth, filters, pixels.
LARGE = [
    ((3, 70, 23, 31), (13, 70, 3, 3), window(padding=1)),
    ((1, 20, 70, 61), (20, 20, 5, 5), window(padding=((0, 3), (1, 2)))),
    ((9, 24, 7, 7), (150, 24, 3, 3), window(padding=1)),
    ((2, 40, 17, 50), (24, 20, 3, 3), window(stride=2, padding=1, groups=2)),
    ((2, 64, 20, 20), (33, 64, 1, 1), window()),
    ((2, 30, 20, 40), (17, 30, 3, 2), window(stride=3, padding=2, dilation=2)),
]


@pytest.mark.parametrize(("x_shape", "w_shape", "how"), LARGE)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_implicit_in_many_blocks(x_shape, w_shape, how, dtype, tolerance):
    check("implicit", x_shape, w_shape, how, dtype, tolerance)


# Narrow pictures and many images, few pixels for many filters, one image for the filters to share,
# a gradient in pictures that no tap meets, few filters in a group, filters that are swapped.
SHAPES = [
    ((9, 20, 12, 12), (50, 20, 5, 5), window()),
    ((2, 40, 5, 7), (90, 40, 3, 3), window(padding=1)),
    ((1, 130, 7, 7), (200, 130, 3, 3), window(padding=1)),
    ((2, 16, 9, 40), (12, 16, 2, 1), window(stride=3, padding=1)),
    ((3, 16, 20, 20), (24, 4, 3, 3), window(padding=1, groups=4)),
    ((1, 370, 6, 9), (64, 370, 3, 3), window(padding=((1, 0), (2, 2)))),
    ((2, 6, 8, 16), (8, 6, 4, 4), window(stride=2, padding=1)),
    ((40, 3, 5, 5), (10, 3, 3, 3), window(stride=2)),
]


@pytest.mark.parametrize(("x_shape", "w_shape", "how"), SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_implicit_in_every_way(x_shape, w_shape, how, dtype, tolerance):
    check("implicit", x_shape, w_shape, how, dtype, tolerance)


@st.composite
def any_window(draw):
    groups, (N, C, K) = draw(st.integers(1, 3)), (draw(st.integers(1, 9)) for _ in range(3))
    pairs = [draw(st.tuples(st.integers(1, most), st.integers(1, most))) for most in (4, 4, 2)]
    filters, stride, dilation = pairs
    pads = tuple(draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) for _ in range(2))
    reach = [dilation[i] * (filters[i] - 1) + 1 for i in (0, 1)]
    hw = [draw(st.integers(max(1, reach[i] - sum(pads[i])), 40)) for i in (0, 1)]
    how = {"stride": stride, "padding": pads, "dilation": dilation, "groups": groups}
    return (N, C * groups, *hw), (K * groups, C, *filters), how


@settings(max_examples=60)
@given(case=any_window())
def test_implicit_is_the_definition(case):
    check("implicit", *case, tolerance=1e-13)


@pytest.mark.parametrize("name", ["naive", "im2col", "implicit"])
@pytest.mark.parametrize(("x_shape", "w_shape", "how"), SHAPES[:2])
def test_bias_and_relu(name, x_shape, w_shape, how):
    x, w, bias = normal(0, *x_shape), normal(1, *w_shape), normal(2, w_shape[0])
    plain = naive.forward(x, w, **how)
    forward = plan.get(name).forward
    for add in (None, bias):
        for relu in (False, True):
            expected = plain if add is None else plain + bias[:, None, None]
            expected = np.maximum(expected, 0) if relu else expected
            y = forward(x, w, **how, bias=add, relu=relu)
            np.testing.assert_allclose(y, expected, atol=1e-12)
    x[0, 0, 2, 2] = np.nan
    assert np.isnan(forward(x, w, **how, relu=True)).any()


@st.composite
def three_by_three(draw):
    edge = st.integers(0, 3)
    pads = tuple((draw(edge), draw(edge)) for _ in range(2))
    hw = [draw(st.integers(max(1, 3 - sum(pad)), 40)) for pad in pads]
    N, C, K = (draw(st.integers(1, most)) for most in (3, 20, 20))
    return (N, C, *hw), (K, C, 3, 3), window(padding=pads)


@pytest.mark.parametrize("name", ["winograd", "winograd2"])
@settings(max_examples=25)
@given(case=three_by_three())
def test_winograd_is_the_definition(name, case):
    check(name, *case, tolerance=1e-13)


@pytest.mark.parametrize("name", ["winograd", "winograd2"])
@pytest.mark.parametrize(
    ("shape", "filters"),
    [((1, 64, 14, 14), 70), ((5, 32, 28, 28), 70), ((1, 130, 9, 70), 300), ((3, 260, 8, 8), 140)],
)
@pytest.mark.parametrize("block_bytes", [2**14, 2**19, 2**30])
def test_winograd_in_many_blocks(name, shape, filters, block_bytes, monkeypatch):
    monkeypatch.setattr(winograd_blocks, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(winograd_gradient, "BLOCK_BYTES", block_bytes)
    check(name, shape, (filters, shape[1], 3, 3), window(padding=1), np.float64, 1e-13)


@pytest.mark.parametrize("size", [11, 60])
@pytest.mark.parametrize("kernel", [winograd, winograd2])
def test_winograd_takes_filters_prepared_before(kernel, size):
    x, w, how = normal(0, 2, 40, size, size), normal(1, 70, 40, 3, 3), window(padding=1)
    prepared = kernel.prepare(w, x_shape=x.shape, **how)
    y = kernel.forward(x, w, **how, prepared=prepared)
    assert y.tobytes() == kernel.forward(x, w, **how).tobytes()


@pytest.mark.parametrize(
    ("name", "size", "stride", "R"),
    [
        ("winograd", 9, 1, 3),
        ("winograd", 60, 1, 3),
        ("winograd2", 9, 1, 3),
        ("depthwise", 20, 1, 3),
        ("depthwise", 20, 2, 3),
        ("depthwise", 20, 1, 5),
    ],
)
def test_bias_and_relu_are_added_on_the_way(name, size, stride, R):
    groups = 24 if name == "depthwise" else 1
    how = window(padding=1, stride=stride, groups=groups)
    x, w, bias = normal(0, 2, 24, size, size), normal(1, 24, 24 // groups, R, R), normal(2, 24)
    plain = naive.forward(x, w, **how) + bias[:, None, None]
    kernel = plan.get(name)
    np.testing.assert_allclose(kernel.forward(x, w, **how, bias=bias), plain, atol=1e-12)
    y = kernel.forward(x, w, **how, bias=bias, relu=True)
    np.testing.assert_allclose(y, np.maximum(plain, 0), atol=1e-12)
    x[0, 0, 3, 3] = np.nan
    assert np.isnan(kernel.forward(x, w, **how, relu=True)).any()


@pytest.mark.parametrize("tile", [2, 4])
def test_the_error_of_winograds_weight_gradient(tile):
    """It sums over all pixels, and yet stays near that of a plain sum."""
    x, dy = (normal(i, 2, 32, 40, 40, dtype=np.float32) for i in (0, 1))
    how = window(padding=1)
    w_shape = (32, 32, 3, 3)
    exact = naive.backward_weight(dy.astype(np.float64), x.astype(np.float64), w_shape, **how)
    dw = winograd.backward_weight(dy, x, w_shape, **how, tile=tile)
    assert np.abs(dw - exact).max() <= 5e-6 * np.abs(exact).max()


def test_the_error_of_winograd_is_honest():
    """What `winograd` says: F(2, 3) errs less than a plain sum, F(4, 3) twice as much."""
    x, w = normal(0, 1, 128, 28, 28, dtype=np.float32), normal(1, 64, 128, 3, 3, dtype=np.float32)
    how = window(padding=1)
    exact = naive.forward(x.astype(np.float64), w.astype(np.float64), **how)
    error = {
        kernel: np.abs(plan.get(kernel).forward(x, w, **how) - exact).max() / np.abs(exact).max()
        for kernel in ("implicit", "winograd2", "winograd")
    }
    assert error["winograd2"] < error["implicit"] < error["winograd"] < 3 * error["implicit"]
    assert error["winograd"] < 4e-6


@pytest.mark.parametrize(
    ("shape", "multiple", "how"),
    [
        ((2, 5, 20, 37), 1, window(padding=1)),
        ((3, 2, 9, 9), 3, window(stride=2, padding=2, dilation=2)),
        ((1, 4, 30, 16), 2, window(stride=3, padding=((0, 2), (3, 0)))),
        ((1, 3, 33, 50), 2, window(stride=2, padding=((0, 1), (2, 1)))),
        ((2, 3, 1, 40), 1, window(stride=2, padding=1)),
        ((1, 2, 3, 3), 1, window(padding=3)),
        ((1, 3, 5, 5), 1, window(stride=4)),
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_depthwise(shape, multiple, how, dtype, tolerance):
    C = shape[1]
    check("depthwise", shape, (C * multiple, 1, 3, 3), {**how, "groups": C}, dtype, tolerance)


@pytest.mark.parametrize("name", ["implicit", "winograd", "winograd2", "depthwise"])
def test_the_number_of_threads_changes_no_bit(name):
    C = 96
    groups = C if name == "depthwise" else 1
    how = window(padding=1, groups=groups)
    x, w = normal(0, 4, C, 28, 28, dtype=np.float32), normal(1, C, C // groups, 3, 3)
    w = w.astype(np.float32)
    dy = normal(2, 4, C, 28, 28, dtype=np.float32)
    results = []
    for count in (1, 2, 3):
        threads.set_num_threads(count)
        results.append([a.tobytes() for a in all_three(plan.get(name), x, w, dy, how)])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", ["implicit", "winograd"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape"), [((1, 16, 100, 100), (8, 16, 3, 3)), ((1, 200, 7, 7), (300, 200, 3, 3))]
)
def test_one_image_is_work_for_several_threads(name, x_shape, w_shape, monkeypatch):
    blocks = []
    module = {"implicit": inplace, "winograd": winograd_blocks}[name]
    monkeypatch.setattr(pieces, "UNIT", 2**20)
    implicit._forward_work.cache_clear()
    monkeypatch.setattr(
        module, "in_threads", lambda work, some, **_: blocks.append([work(one) for one in some])
    )
    plan.get(name).forward(normal(0, *x_shape), normal(1, *w_shape), **window(padding=1))
    assert max(map(len, blocks)) > 1


@pytest.mark.parametrize("name", ["implicit", "winograd", "winograd2", "depthwise"])
def test_workspace_is_what_it_says_and_not_much(name):
    kernel = plan.get(name)
    threads.set_num_threads(2)
    C = 128
    groups = C if name == "depthwise" else 1
    how = window(padding=1, groups=groups)
    says = kernel.workspace_bytes((16, C, 28, 28), (C, C // groups, 3, 3), 4, **how)
    assert says <= 32 * 2**20


@pytest.mark.parametrize("name", ["implicit", "winograd", "winograd2"])
def test_workspace_bytes_are_not_exceeded(name):
    kernel, how = plan.get(name), window(padding=1)
    x, w = normal(0, 16, 16, 28, 28), normal(1, 16, 16, 3, 3)
    threads.set_num_threads(2)
    kernel.forward(x, w, **how)
    tracemalloc.start()
    y = kernel.forward(x, w, **how)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < y.nbytes + kernel.workspace_bytes(x.shape, w.shape, 8, **how) + 2**16


# The plan ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "how", "name"),
    [
        ((1, 64, 56, 56), (64, 64, 3, 3), window(padding=1), "winograd"),
        ((1, 256, 14, 14), (256, 256, 3, 3), window(padding=1), "winograd"),
        ((1, 512, 7, 7), (512, 512, 3, 3), window(padding=1), "implicit"),
        ((8, 64, 56, 56), (64, 64, 3, 3), window(padding=1, stride=2), "implicit"),
        ((8, 64, 56, 56), (64, 64, 3, 3), window(padding=2, dilation=2), "implicit"),
        ((8, 64, 56, 56), (64, 64, 1, 1), window(), "implicit"),
        ((8, 64, 56, 56), (64, 1, 3, 3), window(padding=1, groups=64), "depthwise"),
        ((1, 1, 8, 8), (4, 1, 3, 3), window(padding=1), "implicit"),
    ],
)
def test_choice(x_shape, w_shape, how, name):
    assert plan.choose(x_shape, w_shape, **how) == name


@given(case=three_by_three(), groups=st.booleans())
def test_the_plan_never_chooses_what_a_kernel_refuses(case, groups):
    x_shape, w_shape, how = case
    if groups:
        w_shape, how = (x_shape[1], 1, 3, 3), {**how, "groups": x_shape[1]}
    kernel = plan.get(plan.choose(x_shape, w_shape, **how))
    assert not hasattr(kernel, "supports") or kernel.supports(x_shape, w_shape, **how)
