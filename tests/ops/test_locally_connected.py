import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import LAYOUTS, border, conv_cases, in_layout, normal, numerical_gradient, two

from minicnn import ops


def ungrouped(case):
    """The case of a convolution with one group: shapes of x and of one position's filters."""
    N, _, H, W = case["x_shape"]
    K, C, R, S = case["w_shape"]
    window = {name: value for name, value in case["window"].items() if name != "groups"}
    return (N, C, H, W), (K, C, R, S), window


def by_definition(x, w, b, *, stride, padding, dilation):
    """One sum of products for each output number."""
    P, Q, K, _, R, S = w.shape
    (sh, sw), (dh, dw) = two(stride), two(dilation)
    x = np.pad(x, [(0, 0), (0, 0), *border(padding, x.shape[2:], (R, S), stride, dilation)])
    y = np.empty((len(x), K, P, Q))
    for n, k, p, q in np.ndindex(y.shape):
        rows = slice(p * sh, p * sh + dh * (R - 1) + 1, dh)
        columns = slice(q * sw, q * sw + dw * (S - 1) + 1, dw)
        y[n, k, p, q] = (x[n, :, rows, columns] * w[p, q, k]).sum() + b[k, p, q]
    return y


@given(case=conv_cases())
def test_shared_filters_make_it_a_convolution(case):
    x_shape, filter_shape, window = ungrouped(case)
    x, filters = normal(case["seed"], *x_shape), normal(1, *filter_shape)
    y = ops.conv2d(x, filters, **window)
    P, Q = y.shape[2:]
    w = np.broadcast_to(filters, (P, Q, *filter_shape))
    ours = ops.locally_connected2d(x, w, **window)
    np.testing.assert_allclose(ours, y, atol=1e-11)
    assert ours.flags.c_contiguous
    K, _, R, S = filter_shape
    assert ops.locally_connected2d_out_shape(x_shape, (R, S), K, **window) == y.shape

    dy = normal(2, *y.shape)
    dx, dw, db = ops.locally_connected2d_backward(dy, x, w, **window)
    conv_dx, conv_dw, conv_db = ops.conv2d_backward(dy, x, filters, **window)
    np.testing.assert_allclose(dx, conv_dx, atol=1e-11)
    np.testing.assert_allclose(dw.sum(axis=(0, 1)), conv_dw, atol=1e-11)  # shared: add them up
    np.testing.assert_allclose(db.sum(axis=(1, 2)), conv_db, atol=1e-11)


@settings(max_examples=20)
@given(case=conv_cases())
def test_by_definition(case):
    x_shape, (K, C, R, S), window = ungrouped(case)
    _, _, P, Q = ops.locally_connected2d_out_shape(x_shape, (R, S), K, **window)
    x, w, b = normal(case["seed"], *x_shape), normal(1, P, Q, K, C, R, S), normal(2, K, P, Q)
    ours = ops.locally_connected2d(x, w, b, **window)
    np.testing.assert_allclose(ours, by_definition(x, w, b, **window), atol=1e-11)


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"stride": 2, "padding": ((1, 0), (0, 2))},
        {"stride": (1, 2), "dilation": (2, 1), "padding": "same"},
    ],
)
def test_gradients_by_finite_differences(window):
    x = normal(0, 2, 2, 5, 4)
    _, K, P, Q = ops.locally_connected2d_out_shape(x.shape, (2, 3), 3, **window)
    w, b, dy = normal(1, P, Q, K, 2, 2, 3), normal(2, K, P, Q), normal(3, 2, K, P, Q)
    gradients = ops.locally_connected2d_backward(dy, x, w, **window)

    def f(x=x, w=w, b=b):
        return ops.locally_connected2d(x, w, b, **window)

    for ours, numerical in zip(
        gradients,
        (
            numerical_gradient(lambda v: f(x=v), x, dy),
            numerical_gradient(lambda v: f(w=v), w, dy),
            numerical_gradient(lambda v: f(b=v), b, dy),
        ),
        strict=True,
    ):
        np.testing.assert_allclose(ours, numerical, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("memory", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_awkward_arrays(memory, dtype):
    x, w = normal(0, 2, 3, 5, 4, dtype=dtype), normal(1, 4, 3, 2, 3, 2, 2, dtype=dtype)
    b, dy = normal(2, 2, 4, 3, dtype=dtype), normal(3, 2, 2, 4, 3, dtype=dtype)
    expected = [ops.locally_connected2d(x, w, b), *ops.locally_connected2d_backward(dy, x, w)]
    x, w, b, dy = (in_layout(array, memory) for array in (x, w, b, dy))
    before = x.copy()
    ours = [ops.locally_connected2d(x, w, b), *ops.locally_connected2d_backward(dy, x, w)]
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        assert one.dtype == dtype
    np.testing.assert_array_equal(x, before)


X = np.ones((1, 2, 5, 5), np.float32)
W = np.ones((3, 3, 4, 2, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((X[0], W), {}, ValueError, r"One image\? Use x\[None\]"),
        ((X, W[0, 0]), {}, ValueError, r"6 axes \(P, Q, K, C, R, S\)"),
        ((X, W.astype(np.float64)), {}, TypeError, r"w.astype\(x.dtype\)"),
        ((X, W), {"padding": 1}, ValueError, r"= \(5, 5, 4, 2, 3, 3\), filters for each"),
        ((X, W, np.ones(4, np.float32)), {}, ValueError, r"3 axes \(K, P, Q\)"),
        ((X, W, np.ones((4, 3, 2), np.float32)), {}, ValueError, "one number for each output"),
        ((X, np.ones((1, 1, 1, 2, 9, 9), np.float32)), {}, ValueError, "smaller kernel"),
    ],
)
def test_what_is_refused(arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        ops.locally_connected2d(*arguments, **keywords)


@given(stride=st.integers(1, 3), padding=st.integers(0, 2))
def test_one_pixel_in_one_pixel_out(stride, padding):
    x = normal(0, 1, 1, 1, 1)
    _, _, P, Q = ops.locally_connected2d_out_shape(x.shape, 1, 1, stride=stride, padding=padding)
    y = ops.locally_connected2d(x, np.ones((P, Q, 1, 1, 1, 1)), stride=stride, padding=padding)
    assert np.count_nonzero(y) == (padding % stride == 0)
