import numpy as np
import pytest
from oracles import LAYOUTS, in_layout, normal, numerical_gradient

from minicnn import ops


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
def test_dropout_keeps_the_mean(p, dtype):
    x = np.ones((200, 500), dtype)
    y, mask = ops.dropout(x, p, np.random.default_rng(0))
    assert y.dtype == mask.dtype == dtype
    assert np.isclose((y == 0).mean(), p, atol=0.01)
    assert np.isclose(y.mean(), 1, atol=0.02)
    np.testing.assert_allclose(np.unique(mask)[-1], 1 / (1 - p), rtol=1e-6)


def test_dropout_backward_is_finite_differences():
    x, dy = normal(0, 4, 5), normal(1, 4, 5)
    _, mask = ops.dropout(x, 0.4, np.random.default_rng(7))
    expected = numerical_gradient(lambda x: ops.dropout(x, 0.4, np.random.default_rng(7))[0], x, dy)
    np.testing.assert_allclose(ops.dropout_backward(dy, mask), expected, atol=1e-8)


def test_same_seed_same_dropout():
    x = normal(0, 3, 4)
    first, second = (ops.dropout(x, 0.5, np.random.default_rng(3))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_flatten_and_back(layout):
    x = normal(0, 2, 3, 4, 5)
    y = ops.flatten(in_layout(x, layout))
    np.testing.assert_array_equal(y, x.reshape(2, 60))
    np.testing.assert_array_equal(ops.flatten_backward(y, x.shape), x)


@pytest.mark.parametrize("padding", [0, 2, (1, 0), ((1, 2), (0, 3))])
def test_pad_and_back(padding):
    x = normal(0, 2, 3, 4, 5)
    y = ops.pad2d(x, padding, value=7.0)
    assert not np.shares_memory(x, y)
    np.testing.assert_array_equal(ops.pad2d_backward(y, padding), x)
    assert y.sum() == pytest.approx(x.sum() + 7 * (y.size - x.size))
    dy = normal(1, *y.shape)
    np.testing.assert_allclose(
        ops.pad2d_backward(dy, padding),
        numerical_gradient(lambda x: ops.pad2d(x, padding), x, dy),
        atol=1e-8,
    )


X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.dropout(X, 1.0, np.random.default_rng(0)), ValueError, r"0 <= p < 1"),
        (lambda: ops.dropout(X, 50, np.random.default_rng(0)), ValueError, "Divide by 100"),
        (lambda: ops.dropout(X, 0.5, 0), TypeError, r"rng is a int.*np\.random\.default_rng\(0\)"),
        (lambda: ops.dropout_backward(X, X.T), ValueError, "the shape of mask"),
        (lambda: ops.flatten_backward(X, (2, 3, 4)), ValueError, r"wants \(2, 12\)"),
        (lambda: ops.pad2d(X[..., None, None], "same"), ValueError, "knows no kernel.*padding=1"),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
