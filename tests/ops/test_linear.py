import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import LAYOUTS, in_layout, normal, numerical_gradient, onnx_run

from minicnn import ops

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4))


@given(sizes=SIZES, seed=st.integers(0, 1000))
def test_forward_is_onnx_runtime(sizes, seed):
    N, inputs, outputs = sizes
    x, w = normal(seed, N, inputs, dtype=np.float32), normal(1, outputs, inputs, dtype=np.float32)
    b = normal(2, outputs, dtype=np.float32)
    y = ops.linear(x, w, b)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, onnx_run("Gemm", [x, w, b], transB=1), atol=1e-5)
    np.testing.assert_allclose(ops.linear(x, w), y - b, atol=1e-5)


@given(sizes=SIZES, seed=st.integers(0, 1000))
def test_backward_is_finite_differences(sizes, seed):
    N, inputs, outputs = sizes
    x, w, b = normal(seed, N, inputs), normal(seed + 1, outputs, inputs), normal(2, outputs)
    dy = normal(seed + 3, N, outputs)
    dx, dw, db = ops.linear_backward(dy, x, w)
    for ours, f, argument in (
        (dx, lambda x: ops.linear(x, w, b), x),
        (dw, lambda w: ops.linear(x, w, b), w),
        (db, lambda b: ops.linear(x, w, b), b),
    ):
        np.testing.assert_allclose(ours, numerical_gradient(f, argument, dy), atol=1e-7)


@pytest.mark.parametrize("sizes", [(300, 20, 10), (3, 20, 300), (130, 300, 129)])
def test_large_products_are_cut_and_joined(sizes):
    N, inputs, outputs = sizes
    x, w, dy = normal(0, N, inputs), normal(1, outputs, inputs), normal(2, N, outputs)
    np.testing.assert_allclose(ops.linear(x, w), x @ w.T, atol=1e-12)
    dx, dw, db = ops.linear_backward(dy, x, w)
    np.testing.assert_allclose(dx, dy @ w, atol=1e-12)
    np.testing.assert_allclose(dw, dy.T @ x, atol=1e-12)
    np.testing.assert_allclose(db, dy.sum(axis=0), atol=1e-12)
    assert dw.flags.c_contiguous


@given(layouts=st.tuples(*[st.sampled_from(LAYOUTS)] * 3))
def test_layout_in_memory_does_not_matter(layouts):
    arrays = normal(0, 4, 3), normal(1, 4, 5), normal(2, 3, 5)
    odd = [in_layout(a, layout) for a, layout in zip(arrays, layouts, strict=True)]
    np.testing.assert_allclose(ops.linear(*odd[1:]), ops.linear(*arrays[1:]), atol=1e-14)
    for ours, expected in zip(ops.linear_backward(*odd), ops.linear_backward(*arrays), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-14)


X, W = np.zeros((2, 3)), np.zeros((4, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.linear(X[0], W), ValueError, r"2 axes \(N, features\).*Use x\[None\]"),
        (lambda: ops.linear(np.zeros((2, 3, 1, 1)), W), ValueError, r"ops\.flatten\(x\)"),
        (lambda: ops.linear(X, W.T), ValueError, r"x has 3 features.*Is w transposed\? Use w\.T"),
        (lambda: ops.linear(X, W, np.zeros(3)), ValueError, "one number per output"),
        (lambda: ops.linear(X, W, np.zeros(4, np.float32)), TypeError, "b is float32"),
        (lambda: ops.linear_backward(X, X, W), ValueError, r"dy has shape \(2, 3\).*\(2, 4\)"),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
