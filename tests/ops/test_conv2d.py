import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import (
    LAYOUTS,
    border,
    conv_cases,
    in_layout,
    normal,
    numerical_gradient,
    onnx_pads,
    onnx_run,
    scipy_conv2d,
    two,
)

from minicnn import ops

ALGORITHMS = st.sampled_from(["naive", "im2col"])


def arrays(case):
    seed = case["seed"]
    return normal(seed, *case["x_shape"]), normal(seed + 1, *case["w_shape"])


@given(case=conv_cases(), algorithm=ALGORITHMS)
def test_forward_is_scipy_correlation(case, algorithm):
    x, w = arrays(case)
    b = normal(case["seed"] + 2, len(w))
    y = ops.conv2d(x, w, b, **case["window"], algorithm=algorithm)
    expected = scipy_conv2d(x, w, **case["window"]) + b[:, None, None]
    np.testing.assert_allclose(y, expected, atol=1e-12)
    assert y.flags.c_contiguous


@given(case=conv_cases())
def test_forward_is_onnx_runtime(case):
    x, w = (a.astype(np.float32) for a in arrays(case))
    b = normal(case["seed"] + 2, len(w), dtype=np.float32)
    window = case["window"]
    pads = border(window["padding"], x.shape[2:], w.shape[2:], window["stride"], window["dilation"])
    expected = onnx_run(
        "Conv",
        [x, w, b],
        strides=two(window["stride"]),
        dilations=two(window["dilation"]),
        group=window["groups"],
        pads=onnx_pads(pads),
    )
    y = ops.conv2d(x, w, b, **window)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, atol=1e-5)


@given(case=conv_cases())
def test_same_is_onnx_same_upper(case):
    x, w = (a.astype(np.float32) for a in arrays(case))
    stride, groups = case["window"]["stride"], case["window"]["groups"]
    assume(all(r >= s for r, s in zip(w.shape[2:], two(stride), strict=True)))  # no negative border
    expected = onnx_run("Conv", [x, w], strides=two(stride), group=groups, auto_pad="SAME_UPPER")
    y = ops.conv2d(x, w, stride=stride, padding="same", groups=groups)
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_forward_and_backward_are_pytorch():
    torch = pytest.importorskip("torch")
    x, w, b = normal(0, 3, 4, 9, 8), normal(1, 6, 2, 3, 2), normal(2, 6)
    window = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    expected = torch.nn.functional.conv2d(*leaves, **window)
    dy = normal(3, *expected.shape)
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(ops.conv2d(x, w, b, **window), expected.detach(), atol=1e-12)
    for ours, leaf in zip(ops.conv2d_backward(dy, x, w, **window), leaves, strict=True):
        np.testing.assert_allclose(ours, leaf.grad, atol=1e-11)


@given(case=conv_cases(), algorithm=ALGORITHMS)
def test_backward_is_finite_differences(case, algorithm):
    x, w = arrays(case)
    window = case["window"]
    dy = normal(case["seed"] + 3, *ops.conv2d_out_shape(x.shape, w.shape, **window))
    dx, dw, db = ops.conv2d_backward(dy, x, w, **window, algorithm=algorithm)

    def forward(x, w, b=None):
        return ops.conv2d(x, w, b, **window, algorithm=algorithm)

    tolerance = {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(dx, numerical_gradient(lambda x: forward(x, w), x, dy), **tolerance)
    np.testing.assert_allclose(dw, numerical_gradient(lambda w: forward(x, w), w, dy), **tolerance)
    b = np.zeros(len(w))
    np.testing.assert_allclose(
        db, numerical_gradient(lambda b: forward(x, w, b), b, dy), **tolerance
    )


@given(case=conv_cases(), algorithm=ALGORITHMS)
def test_input_gradient_is_the_transpose(case, algorithm):
    """<conv(x), y> = <x, convᵀ(y)> and <conv(x), y> = <w, gradient of w>."""
    x, w = arrays(case)
    window = case["window"]
    cx = ops.conv2d(x, w, **window, algorithm=algorithm)
    y = normal(case["seed"] + 4, *cx.shape)
    inner = np.vdot(cx, y)
    dx = ops.conv2d_backward_input(y, w, x.shape, **window, algorithm=algorithm)
    dw = ops.conv2d_backward_weight(y, x, w.shape, **window, algorithm=algorithm)
    assert np.isclose(inner, np.vdot(x, dx), atol=1e-10)
    assert np.isclose(inner, np.vdot(w, dw), atol=1e-10)


@given(case=conv_cases(), layouts=st.tuples(*[st.sampled_from(LAYOUTS)] * 3))
def test_layout_in_memory_does_not_matter(case, layouts):
    x, w = arrays(case)
    window = case["window"]
    y = ops.conv2d(x, w, **window)
    odd_x, odd_w, odd_dy = (
        in_layout(a, layout) for a, layout in zip((x, w, y), layouts, strict=True)
    )
    kept = [a.copy() for a in (odd_x, odd_w, odd_dy)]
    np.testing.assert_array_equal(ops.conv2d(odd_x, odd_w, **window), y)
    for ours, expected in zip(
        ops.conv2d_backward(odd_dy, odd_x, odd_w, **window),
        ops.conv2d_backward(y, x, w, **window),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, expected)
    for array, before in zip((odd_x, odd_w, odd_dy), kept, strict=True):
        np.testing.assert_array_equal(array, before)


@given(case=conv_cases())
def test_float32_stays_float32(case):
    x, w = arrays(case)
    window = case["window"]
    x4, w4 = x.astype(np.float32), w.astype(np.float32)
    y4, y = ops.conv2d(x4, w4, **window), ops.conv2d(x, w, **window)
    for ours, exact in zip(
        (y4, *ops.conv2d_backward(y4, x4, w4, **window)),
        (y, *ops.conv2d_backward(y, x, w, **window)),
        strict=True,
    ):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("algorithm", ["naive", "im2col"])
def test_no_gradient_where_no_window_reaches(algorithm):
    dx = ops.conv2d_backward_input(
        np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)), (1, 1, 7, 6), stride=4, algorithm=algorithm
    )
    expected = np.zeros((7, 6))
    expected[np.ix_([0, 1, 4, 5], [0, 1, 4, 5])] = 1
    np.testing.assert_array_equal(dx[0, 0], expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_numbers_spread_as_in_the_definition(value):
    x, w = normal(0, 2, 3, 6, 6), normal(1, 4, 3, 3, 3)
    x[1, 2, 3, 3] = value
    naive = ops.conv2d(x, w, padding=1, algorithm="naive")
    np.testing.assert_array_equal(
        np.isfinite(ops.conv2d(x, w, padding=1, algorithm="im2col")), np.isfinite(naive)
    )
    assert np.isfinite(naive[0]).all()
    assert not np.isfinite(naive[1, :, 2:5, 2:5]).any()


def test_out_shape_is_that_of_the_output():
    window = {"stride": (2, 3), "padding": ((0, 1), (2, 0)), "dilation": (2, 1), "groups": 2}
    x, w = np.zeros((2, 4, 8, 9)), np.zeros((6, 2, 3, 2))
    assert ops.conv2d_out_shape(x.shape, w.shape, **window) == ops.conv2d(x, w, **window).shape


X, W = np.zeros((2, 4, 8, 8)), np.zeros((6, 4, 3, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.conv2d([[1.0]], W), TypeError, r"x is a list.*NumPy array.*np\.asarray"),
        (lambda: ops.conv2d(X.astype(int), W), TypeError, r"dtype int64.*x\.astype\(np\.float32\)"),
        (lambda: ops.conv2d(X.astype(np.float16), W), TypeError, "dtype float16"),
        (lambda: ops.conv2d(X.astype(np.float32), W), TypeError, r"w\.astype\(x\.dtype\)"),
        (lambda: ops.conv2d(X, W, np.zeros(6, np.float32)), TypeError, "b is float32"),
        (
            lambda: ops.conv2d(X[0], W),
            ValueError,
            r"\(4, 8, 8\).*4 axes.*One image\? Use x\[None\]",
        ),
        (lambda: ops.conv2d(X[0, 0], W), ValueError, r"Use x\[None, None\]"),
        (lambda: ops.conv2d(X[:0], W), ValueError, r"\(0, 4, 8, 8\).*Skip empty batches"),
        (lambda: ops.conv2d(X, W[0]), ValueError, r"w has shape \(4, 3, 3\).*K, C/groups, R, S"),
        (lambda: ops.conv2d(X[:, :3], W), ValueError, r"w\.shape\[1\] = 3"),
        (
            lambda: ops.conv2d(X, W, groups=3),
            ValueError,
            "groups is 3 with 4 input channels and 6 out",
        ),
        (lambda: ops.conv2d(X, W, groups=0), ValueError, "groups is 0"),
        (lambda: ops.conv2d(X, W, groups=1.0), ValueError, r"groups is 1\.0.*an int"),
        (lambda: ops.conv2d(X, W, np.zeros(5)), ValueError, r"b has shape \(5,\).*one number per"),
        (lambda: ops.conv2d(X, W, stride=0), ValueError, "stride is 0.*at least 1.*stride=1"),
        (lambda: ops.conv2d(X, W, stride=1.5), ValueError, r"stride is 1\.5"),
        (lambda: ops.conv2d(X, W, stride=(1, 2, 3)), ValueError, r"pair \(rows, columns\)"),
        (lambda: ops.conv2d(X, W, padding=-1), ValueError, "padding is -1.*at least 0"),
        (lambda: ops.conv2d(X, W, padding="full"), ValueError, "padding is 'full'.*\"same\""),
        (lambda: ops.conv2d(X, W, padding=((1, 2),)), ValueError, r"\(\(top, bottom\)"),
        (lambda: ops.conv2d(X, W, dilation=4), ValueError, "9 x 9 pixels.*8 x 8.*more padding"),
        (lambda: ops.conv2d(X, W, algorithm="magic"), ValueError, "'magic'; known are 'naive'"),
        (lambda: ops.conv2d_backward(X, X, W), ValueError, r"dy has shape.*\(2, 6, 6, 6\)"),
        (
            lambda: ops.conv2d_backward_input(X, W, (4, 8, 8)),
            ValueError,
            r"x_shape is \(4, 8, 8\).*4 positive ints",
        ),
        (lambda: ops.conv2d_out_shape(X, W.shape), ValueError, r"Use the \.shape"),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
