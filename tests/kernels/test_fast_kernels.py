"""The fast kernels: by the definition, bit-equal for any number of threads, within their memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import normal

from minicnn import plan
from minicnn.kernels import implicit, naive, threads, winograd, winograd2


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
    monkeypatch.setattr(winograd, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(implicit, "backward_weight", naive.backward_weight)  # tested above
    check(name, shape, (filters, shape[1], 3, 3), window(padding=1), np.float64, 1e-13)


def test_winograd_takes_transformed_filters():
    x, w = normal(0, 2, 9, 10, 11), normal(1, 7, 9, 3, 3)
    how = window(padding=1)
    for kernel in (winograd, winograd2):
        u = kernel.transform_filters(w)
        np.testing.assert_allclose(
            kernel.forward(x, w, **how, transformed=u), naive.forward(x, w, **how), atol=1e-12
        )


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
    module = {"implicit": implicit, "winograd": winograd}[name]
    monkeypatch.setattr(implicit, "UNIT", 2**20)
    monkeypatch.setattr(
        module, "in_threads", lambda work, some: blocks.append([work(block) for block in some])
    )
    module.forward(normal(0, *x_shape), normal(1, *w_shape), **window(padding=1))
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
        ((1, 512, 7, 7), (512, 512, 3, 3), window(padding=1), "implicit"),
        ((8, 64, 56, 56), (64, 64, 3, 3), window(padding=1, stride=2), "implicit"),
        ((8, 64, 56, 56), (64, 64, 3, 3), window(padding=2, dilation=2), "implicit"),
        ((8, 64, 56, 56), (64, 64, 1, 1), window(), "implicit"),
        ((8, 64, 56, 56), (64, 1, 3, 3), window(padding=1, groups=64), "depthwise"),
        ((1, 1, 8, 8), (4, 1, 3, 3), window(padding=1), "im2col"),
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
