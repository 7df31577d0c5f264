import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from oracles import (
    LAYOUTS,
    border,
    distinct,
    in_layout,
    normal,
    numerical_gradient,
    onnx_pads,
    onnx_run,
    two,
)

from minicnn import ops
from minicnn.ops import pool


@st.composite
def pool_cases(draw):
    kernel = draw(st.integers(1, 4) | st.tuples(st.integers(1, 3), st.integers(1, 4)))
    edges = [st.integers(0, k // 2) for k in two(kernel)]
    padding = draw(
        st.integers(0, min(two(kernel)) // 2)
        | st.tuples(*edges)
        | st.tuples(*[st.tuples(edge, edge) for edge in edges])
        | st.sampled_from(["same", "valid"])
    )
    hw = []
    for k, pad in zip(two(kernel), border(padding, (1, 1), two(kernel), 1, 1), strict=True):
        least = 1 if padding == "same" else max(1, k - sum(pad))
        hw.append(draw(st.integers(least, least + 6)))
    stride = draw(st.none() | st.integers(1, 4) | st.tuples(st.integers(1, 3), st.integers(1, 3)))
    x_shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *hw)
    return x_shape, kernel, {"stride": stride, "padding": padding}, draw(st.integers(0, 1000))


def windows(x, kernel, stride, padding, value):
    """All windows of x, (N, C, P, Q, R, S), with a border of `value`."""
    stride = kernel if stride is None else stride
    pads = border(padding, x.shape[2:], two(kernel), stride, 1)
    padded = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=value)
    sh, sw = two(stride)
    return sliding_window_view(padded, two(kernel), axis=(2, 3))[:, :, ::sh, ::sw]


def onnx_window(x_shape, kernel, window):
    stride = kernel if window["stride"] is None else window["stride"]
    pads = border(window["padding"], x_shape[2:], two(kernel), stride, 1)
    return {"kernel_shape": two(kernel), "strides": two(stride), "pads": onnx_pads(pads)}


@given(case=pool_cases(), dtype=st.sampled_from([np.float32, np.float64]))
def test_max_is_the_largest_of_each_window(case, dtype):
    x_shape, kernel, window, seed = case
    x = normal(seed, *x_shape, dtype=dtype)
    y = ops.max_pool2d(x, kernel, **window)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, windows(x, kernel, **window, value=-np.inf).max(axis=(4, 5)))
    assert ops.pool2d_out_shape(x_shape, kernel, **window) == y.shape
    with_indices, indices = ops.max_pool2d(x, kernel, **window, return_indices=True)
    np.testing.assert_array_equal(with_indices, y)
    flat = x.reshape(*x_shape[:2], -1)
    read = np.take_along_axis(flat, indices.reshape(*x_shape[:2], -1), axis=2)
    np.testing.assert_array_equal(read.reshape(y.shape), y)


@given(case=pool_cases())
def test_forwards_are_onnx_runtime(case):
    x_shape, kernel, window, seed = case
    x = normal(seed, *x_shape, dtype=np.float32)
    same = onnx_window(x_shape, kernel, window)
    np.testing.assert_array_equal(
        ops.max_pool2d(x, kernel, **window), onnx_run("MaxPool", [x], **same)
    )
    for include in (True, False):
        np.testing.assert_allclose(
            ops.avg_pool2d(x, kernel, **window, count_include_pad=include),
            onnx_run("AveragePool", [x], **same, count_include_pad=int(include)),
            atol=1e-6,
        )
    np.testing.assert_allclose(
        ops.global_avg_pool2d(x), onnx_run("GlobalAveragePool", [x]), atol=1e-6
    )


@given(case=pool_cases(), include=st.booleans())
def test_average_is_the_mean_of_each_window(case, include):
    x_shape, kernel, window, seed = case
    x = normal(seed, *x_shape)
    border_value = 0.0 if include else np.nan
    expected = np.nanmean(windows(x, kernel, **window, value=border_value), axis=(4, 5))
    y = ops.avg_pool2d(x, kernel, **window, count_include_pad=include)
    np.testing.assert_allclose(y, expected, atol=1e-12)


@given(case=pool_cases())
def test_max_backward_is_finite_differences(case):
    x_shape, kernel, window, seed = case
    x = distinct(seed, *x_shape)
    dy = normal(seed + 1, *ops.pool2d_out_shape(x_shape, kernel, **window))
    np.testing.assert_allclose(
        ops.max_pool2d_backward(dy, x, kernel, **window),
        numerical_gradient(lambda x: ops.max_pool2d(x, kernel, **window), x, dy),
        atol=1e-7,
    )


@given(case=pool_cases(), include=st.booleans())
def test_average_backward_is_finite_differences(case, include):
    x_shape, kernel, window, seed = case
    window["count_include_pad"] = include
    x = normal(seed, *x_shape)
    y = ops.avg_pool2d(x, kernel, **window)
    dy = normal(seed + 1, *y.shape)
    np.testing.assert_allclose(
        ops.avg_pool2d_backward(dy, x_shape, kernel, **window),
        numerical_gradient(lambda x: ops.avg_pool2d(x, kernel, **window), x, dy),
        atol=1e-7,
    )


def test_global_average_backward_is_finite_differences():
    x, dy = normal(0, 2, 3, 4, 5), normal(1, 2, 3, 1, 1)
    np.testing.assert_allclose(
        ops.global_avg_pool2d_backward(dy, x.shape),
        numerical_gradient(ops.global_avg_pool2d, x, dy),
        atol=1e-8,
    )


def test_ties_go_to_the_first_in_reading_order():
    dx = ops.max_pool2d_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 1, 2, 2)), 2)
    np.testing.assert_array_equal(dx[0, 0], [[1, 0], [0, 0]])
    _, indices = ops.max_pool2d(np.full((1, 1, 3, 3), -np.inf), 3, padding=1, return_indices=True)
    assert indices.item() == 0


@pytest.mark.parametrize("return_indices", [False, True])
def test_nan_wins(return_indices):
    x = normal(0, 1, 1, 4, 4)
    x[0, 0, 1, 0] = np.nan
    y = ops.max_pool2d(x, 2, return_indices=return_indices)
    y = y[0] if return_indices else y
    np.testing.assert_array_equal(np.isnan(y[0, 0]), [[True, False], [False, False]])
    dx = ops.max_pool2d_backward(np.ones((1, 1, 2, 2)), x, 2)
    assert dx[0, 0, 1, 0] == 1


@given(case=pool_cases(), layouts=st.tuples(*[st.sampled_from(LAYOUTS)] * 2))
def test_layout_in_memory_does_not_matter(case, layouts):
    x_shape, kernel, window, seed = case
    x = normal(seed, *x_shape)
    y = ops.max_pool2d(x, kernel, **window)
    odd_x, odd_y = in_layout(x, layouts[0]), in_layout(y, layouts[1])
    np.testing.assert_array_equal(ops.max_pool2d(odd_x, kernel, **window), y)
    np.testing.assert_array_equal(
        ops.max_pool2d_backward(odd_y, odd_x, kernel, **window),
        ops.max_pool2d_backward(y, x, kernel, **window),
    )
    np.testing.assert_array_equal(
        ops.avg_pool2d(odd_x, kernel, **window), ops.avg_pool2d(x, kernel, **window)
    )
    np.testing.assert_array_equal(
        ops.avg_pool2d_backward(odd_y, x_shape, kernel, **window),
        ops.avg_pool2d_backward(y, x_shape, kernel, **window),
    )
    np.testing.assert_array_equal(odd_x, x)


def test_small_blocks_give_the_same(monkeypatch):
    x, dy = normal(0, 7, 2, 6, 6), normal(1, 7, 2, 3, 3)

    def everything():
        return [
            ops.max_pool2d(x, 2),
            ops.max_pool2d_backward(dy, x, 2),
            ops.avg_pool2d(x, 2),
            ops.avg_pool2d_backward(dy, x.shape, 2),
        ]

    whole = everything()
    monkeypatch.setattr(pool, "BLOCK_BYTES", 1)
    for a, b in zip(whole, everything(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_unpool_undoes_pool():
    x = normal(0, 2, 3, 6, 4)
    y, indices = ops.max_pool2d(x, 2, return_indices=True)
    back = ops.max_unpool2d(y, indices, (6, 4))
    np.testing.assert_array_equal(back[back != 0], x[back != 0])
    assert np.count_nonzero(back) == y.size
    np.testing.assert_array_equal(ops.max_pool2d(np.where(back, back, -np.inf), 2), y)
    dy = normal(1, *back.shape)
    np.testing.assert_allclose(
        ops.max_unpool2d_backward(dy, indices),
        numerical_gradient(lambda y: ops.max_unpool2d(y, indices, (6, 4)), y, dy),
        atol=1e-8,
    )


def test_max_pool_and_unpool_are_pytorch():
    torch = pytest.importorskip("torch")
    x = normal(0, 2, 3, 8, 9)
    leaf = torch.tensor(x, requires_grad=True)
    expected, where = torch.nn.functional.max_pool2d(leaf, 3, 2, 1, return_indices=True)
    y, indices = ops.max_pool2d(x, 3, stride=2, padding=1, return_indices=True)
    np.testing.assert_array_equal(y, expected.detach())
    np.testing.assert_array_equal(indices, where)
    dy = normal(1, *y.shape)
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(ops.max_pool2d_backward(dy, x, 3, stride=2, padding=1), leaf.grad)


X = np.zeros((2, 3, 4, 4))
INDICES = np.zeros((2, 3, 2, 2), np.int64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.max_pool2d(X[0], 2), ValueError, r"4 axes.*Use x\[None\]"),
        (lambda: ops.max_pool2d(X.astype(int), 2), TypeError, r"x\.astype\(np\.float32\)"),
        (lambda: ops.max_pool2d(X, 0), ValueError, "kernel_size is 0.*at least 1"),
        (lambda: ops.max_pool2d(X, 3, padding=2), ValueError, "at most half the kernel.*pad2d"),
        (lambda: ops.max_pool2d(X, 5), ValueError, "pooling window reaches over 5 x 5.*4 x 4"),
        (lambda: ops.avg_pool2d(X, 5), ValueError, "Use a smaller kernel"),
        (lambda: ops.max_pool2d_backward(X, X, 2), ValueError, r"wants \(2, 3, 2, 2\)"),
        (lambda: ops.avg_pool2d_backward(X, X.shape, 2), ValueError, r"wants \(2, 3, 2, 2\)"),
        (lambda: ops.global_avg_pool2d_backward(X, X.shape), ValueError, r"wants \(2, 3, 1, 1\)"),
        (
            lambda: ops.max_unpool2d(X[..., :2, :2], INDICES.astype(float), (4, 4)),
            TypeError,
            "float64.*array of integers.*return_indices=True",
        ),
        (
            lambda: ops.max_unpool2d(X[..., :2, :2], INDICES + 9, (3, 3)),
            ValueError,
            "9 to 9.*wants 0 to 8.*size before pooling",
        ),
        (lambda: ops.max_unpool2d(X, INDICES, (4, 4)), ValueError, "one for each pooled number"),
        (lambda: ops.max_unpool2d_backward(X[:1], INDICES), ValueError, "indices has shape"),
        (lambda: ops.max_unpool2d_backward(X, [0, 1]), TypeError, "indices are list"),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
