import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import distinct, normal, numerical_gradient, onnx_run
from scipy import special

from minicnn import ops

FORWARD = {
    "relu": (ops.relu, "Relu", {}),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.2), "LeakyRelu", {"alpha": 0.2}),
    "sigmoid": (ops.sigmoid, "Sigmoid", {}),
    "tanh": (ops.tanh, "Tanh", {}),
    "softmax": (ops.softmax, "Softmax", {"axis": 1}),
    "log_softmax": (ops.log_softmax, "LogSoftmax", {"axis": 1}),
}


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (2, 3, 4, 5)])
def test_forward_is_onnx_runtime(name, shape):
    f, operator, attributes = FORWARD[name]
    x = normal(0, *shape, dtype=np.float32) * 4
    y = f(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, onnx_run(operator, [x], **attributes), rtol=1e-5, atol=1e-6)


def test_relu6_is_onnx_runtime_clip():
    x = normal(0, 3, 50, dtype=np.float32) * 6
    bounds = [np.array(0, np.float32), np.array(6, np.float32)]
    np.testing.assert_array_equal(ops.relu6(x), onnx_run("Clip", [x, *bounds]))


BACKWARD = {
    "relu": (ops.relu, lambda dy, x, y: ops.relu_backward(dy, y)),
    "relu from x": (ops.relu, lambda dy, x, y: ops.relu_backward(dy, x)),
    "leaky_relu": (
        lambda x: ops.leaky_relu(x, 0.2),
        lambda dy, x, y: ops.leaky_relu_backward(dy, x, 0.2),
    ),
    "relu6": (ops.relu6, lambda dy, x, y: ops.relu6_backward(dy, y)),
    "relu6 from x": (ops.relu6, lambda dy, x, y: ops.relu6_backward(dy, x)),
    "sigmoid": (ops.sigmoid, lambda dy, x, y: ops.sigmoid_backward(dy, y)),
    "tanh": (ops.tanh, lambda dy, x, y: ops.tanh_backward(dy, y)),
    "softmax": (ops.softmax, lambda dy, x, y: ops.softmax_backward(dy, y)),
    "log_softmax": (ops.log_softmax, lambda dy, x, y: ops.log_softmax_backward(dy, y)),
}


@pytest.mark.parametrize("name", BACKWARD)
@given(
    shape=hnp.array_shapes(min_dims=2, max_dims=4, max_side=5),
    scale=st.sampled_from([0.1, 1.0, 4.0]),
    seed=st.integers(0, 1000),
)
def test_backward_is_finite_differences(name, shape, scale, seed):
    f, backward = BACKWARD[name]
    x, dy = scale * distinct(seed, *shape) + 0.003, normal(seed, *shape)
    y = f(x)
    dx = backward(dy, x, y)
    np.testing.assert_allclose(dx, numerical_gradient(f, x, dy), rtol=1e-5, atol=1e-7)
    assert backward(*(a.astype(np.float32) for a in (dy, x, y))).dtype == np.float32


def test_numpy_scalars_do_not_change_the_dtype():
    x = np.ones((2, 2, 1, 1), np.float32)
    number = np.float64(0.1)
    assert ops.leaky_relu(x, number).dtype == np.float32
    assert ops.leaky_relu_backward(x, x, number).dtype == np.float32
    ones = np.ones(2, np.float32)
    assert ops.batch_norm2d_inference(x, ones, ones, ones, ones, eps=number).dtype == np.float32
    _, cache = ops.batch_norm2d(x, ones, ones, eps=number)
    for statistic in ops.update_running(ones, ones, cache, count=2, momentum=number):
        assert statistic.dtype == np.float32


def test_corners_have_gradient_zero():
    x = np.array([-1.0, 0.0, 3.0, 6.0, 7.0])
    one = np.ones_like(x)
    np.testing.assert_array_equal(ops.relu_backward(one, ops.relu(x)), [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(ops.relu6_backward(one, ops.relu6(x)), [0, 0, 1, 0, 0])


def test_nothing_overflows():
    x = np.array([[-1e30, -800, -90, 0, 90, 800, 1e30]])
    np.testing.assert_allclose(ops.sigmoid(x), special.expit(x), rtol=1e-15)
    np.testing.assert_array_equal(ops.softmax(x), [[0, 0, 0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(ops.log_softmax(x), x - 1e30)
    small = ops.sigmoid(np.array([-80.0], np.float32))
    np.testing.assert_allclose(small, np.exp(-80.0), rtol=1e-5)


@given(x=hnp.arrays(np.float64, (3, 5), elements=st.floats(-700, 700)))
def test_softmax_is_scipy(x):
    np.testing.assert_allclose(ops.softmax(x), special.softmax(x, axis=1), rtol=1e-12)
    np.testing.assert_allclose(ops.log_softmax(x), special.log_softmax(x, axis=1), rtol=1e-12)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu6", "sigmoid", "tanh", "softmax"])
def test_nan_stays_nan(name):
    x = np.array([[0.5, np.nan, -0.5]])
    assert np.isnan(getattr(ops, name)(x)[0, 1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.relu([1.0]), TypeError, "x is a list; relu wants a NumPy array"),
        (lambda: ops.tanh(np.arange(3)), TypeError, r"x\.astype\(np\.float32\)"),
        (lambda: ops.relu(np.zeros(0)), ValueError, "holds no numbers"),
        (lambda: ops.softmax(np.zeros(3)), ValueError, r"axis 1.*Use x\[None\]"),
        (
            lambda: ops.relu_backward(np.zeros(2), np.zeros(3)),
            ValueError,
            r"dy has shape \(2,\).*\(3,\), the shape of y",
        ),
        (
            lambda: ops.relu_backward(np.zeros(3), np.zeros(3, np.float32)),
            TypeError,
            r"y\.astype\(dy\.dtype\)",
        ),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
