import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import LAYOUTS, in_layout, normal, numerical_gradient, onnx_run

from minicnn import ops
from minicnn.ops import norm

SHAPES = st.tuples(*[st.integers(1, 4)] * 4)


def statistics(seed, C, dtype=np.float64):
    """gamma, beta, running mean and variance."""
    gamma, beta, mean, spread = (normal(seed + i, C, dtype=dtype) for i in range(4))
    return gamma, beta, mean, spread**2 + dtype(0.1)


@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_training_form_is_its_formula(shape, seed):
    x = normal(seed, *shape) * 3 + 5
    gamma, beta, _, _ = statistics(seed, shape[1])
    y, cache = ops.batch_norm2d(x, gamma, beta, eps=1e-3)
    for c in range(shape[1]):
        channel = x[:, c]
        x_hat = (channel - channel.mean()) / np.sqrt(channel.var() + 1e-3)
        np.testing.assert_allclose(y[:, c], gamma[c] * x_hat + beta[c], atol=1e-9)
        np.testing.assert_allclose(cache.x_hat[:, c], x_hat, atol=1e-9)
    np.testing.assert_allclose(cache.mean, x.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(cache.var, x.var(axis=(0, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(cache.inv_std, 1 / np.sqrt(cache.var + 1e-3))


@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_inference_form_is_onnx_runtime(shape, seed):
    x = normal(seed, *shape, dtype=np.float32)
    numbers = statistics(seed, shape[1], np.float32)
    y = ops.batch_norm2d_inference(x, *numbers, eps=1e-4)
    assert y.dtype == np.float32
    expected = onnx_run("BatchNormalization", [x, *numbers], epsilon=1e-4)
    np.testing.assert_allclose(y, expected, atol=1e-5)


@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_training_backward_is_finite_differences(shape, seed):
    x, dy = normal(seed, *shape), normal(seed + 9, *shape)
    gamma, beta, _, _ = statistics(seed, shape[1])
    eps = 0.1  # a channel of one or two numbers would be all curvature with less
    _, cache = ops.batch_norm2d(x, gamma, beta, eps=eps)
    dx, dgamma, dbeta = ops.batch_norm2d_backward(dy, gamma, cache)
    for ours, f, argument in (
        (dx, lambda x: ops.batch_norm2d(x, gamma, beta, eps=eps)[0], x),
        (dgamma, lambda gamma: ops.batch_norm2d(x, gamma, beta, eps=eps)[0], gamma),
        (dbeta, lambda beta: ops.batch_norm2d(x, gamma, beta, eps=eps)[0], beta),
    ):
        np.testing.assert_allclose(ours, numerical_gradient(f, argument, dy), rtol=1e-6, atol=1e-7)


def test_inference_backward_is_finite_differences():
    x, dy = normal(0, 2, 3, 4, 5), normal(1, 2, 3, 4, 5)
    gamma, beta, mean, var = statistics(2, 3)
    dx, dgamma, dbeta = ops.batch_norm2d_inference_backward(dy, x, gamma, mean, var)
    for ours, f, argument in (
        (dx, lambda x: ops.batch_norm2d_inference(x, gamma, beta, mean, var), x),
        (dgamma, lambda gamma: ops.batch_norm2d_inference(x, gamma, beta, mean, var), gamma),
        (dbeta, lambda beta: ops.batch_norm2d_inference(x, gamma, beta, mean, var), beta),
    ):
        np.testing.assert_allclose(ours, numerical_gradient(f, argument, dy), atol=1e-6)


def test_both_forms_are_pytorch():
    torch = pytest.importorskip("torch")
    x, dy = normal(0, 4, 3, 5, 5), normal(1, 4, 3, 5, 5)
    gamma, beta, mean, var = statistics(2, 3)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    running = [torch.tensor(mean), torch.tensor(var)]
    expected = torch.nn.functional.batch_norm(
        leaves[0], *running, *leaves[1:], training=True, momentum=0.2
    )
    expected.backward(torch.tensor(dy))
    y, cache = ops.batch_norm2d(x, gamma, beta)
    np.testing.assert_allclose(y, expected.detach())
    for ours, leaf in zip(ops.batch_norm2d_backward(dy, gamma, cache), leaves, strict=True):
        np.testing.assert_allclose(ours, leaf.grad, atol=1e-12)
    for ours, theirs in zip(
        ops.update_running(mean, var, cache, count=100, momentum=0.2), running, strict=True
    ):
        np.testing.assert_allclose(ours, theirs)


def test_running_statistics_find_the_true_ones():
    rng = np.random.default_rng(0)
    mean, var = np.zeros(2), np.ones(2)
    for _ in range(300):
        x = rng.normal([3, -1], [2, 0.5], size=(64, 2))[..., None, None]
        _, cache = ops.batch_norm2d(x, np.ones(2), np.zeros(2))
        before = mean.copy(), var.copy()
        new_mean, new_var = ops.update_running(mean, var, cache, count=64, momentum=0.02)
        np.testing.assert_array_equal((mean, var), before)
        mean, var = new_mean, new_var
    np.testing.assert_allclose(mean, [3, -1], atol=0.1)
    np.testing.assert_allclose(var, [4, 0.25], rtol=0.1)


def test_running_variance_is_unbiased():
    x = normal(0, 3, 2, 2, 2)
    _, cache = ops.batch_norm2d(x, np.ones(2), np.zeros(2))
    mean, var = ops.update_running(np.zeros(2), np.ones(2), cache, count=12, momentum=1.0)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(var, x.var(axis=(0, 2, 3), ddof=1))


def test_a_large_mean_does_not_drown_the_variance():
    x = normal(0, 16, 1, 32, 32, dtype=np.float32) + np.float32(1000)
    _, cache = ops.batch_norm2d(x, np.ones(1, np.float32), np.zeros(1, np.float32))
    np.testing.assert_allclose(cache.var, x.astype(np.float64).var(), rtol=1e-4)


@given(layouts=st.tuples(*[st.sampled_from(LAYOUTS)] * 2))
def test_layout_in_memory_and_blocks_do_not_matter(layouts):
    x, dy = normal(0, 3, 4, 5, 2, dtype=np.float32), normal(1, 3, 4, 5, 2, dtype=np.float32)
    gamma, beta, mean, var = statistics(2, 4, np.float32)

    def everything(x, dy):
        y, cache = ops.batch_norm2d(x, gamma, beta)
        return [
            y,
            *cache,
            *ops.batch_norm2d_backward(dy, gamma, cache),
            ops.batch_norm2d_inference(x, gamma, beta, mean, var),
            *ops.batch_norm2d_inference_backward(dy, x, gamma, mean, var),
        ]

    plain = everything(x, dy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(norm, "BLOCK_BYTES", 1)
        odd = everything(in_layout(x, layouts[0]), in_layout(dy, layouts[1]))
    for a, b in zip(plain, odd, strict=True):
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_array_equal(a, b)


X, G = np.zeros((2, 3, 4, 4)), np.ones(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.batch_norm2d(X[0], G, G), ValueError, r"4 axes.*Use x\[None\]"),
        (lambda: ops.batch_norm2d(X, np.ones(2), G), ValueError, "gamma has shape.*per channel"),
        (lambda: ops.batch_norm2d(X, G, G.astype(np.float32)), TypeError, "beta is float32"),
        (lambda: ops.batch_norm2d(X, G, G, eps=-1), ValueError, "eps is -1.*eps=1e-5"),
        (
            lambda: ops.batch_norm2d_inference(X, G, G, G, np.ones(4)),
            ValueError,
            "running_var has shape",
        ),
        (
            lambda: ops.batch_norm2d_backward(X[:1], G, ops.batch_norm2d(X, G, G)[1]),
            ValueError,
            "dy has shape",
        ),
        (
            lambda: ops.update_running(G, G, ops.batch_norm2d(X, G, G)[1], count=1),
            ValueError,
            "at least 2 numbers per channel.*larger batches",
        ),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
