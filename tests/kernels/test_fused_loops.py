"""Fused loops: equal to the steps they join, to the last bit for any number of threads."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import normal
from test_threads import _restore_threads  # noqa: F401 (a fixture)

from minicnn import nn, ops, optim
from minicnn.kernels import elementwise, threads

DTYPES = st.sampled_from([np.float32, np.float64])


def special(seed, *shape, dtype):
    """Random numbers with NaN, infinities and zeros of both signs among them."""
    x = normal(seed, *shape, dtype=dtype)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], dtype)
    x.flat[:: max(1, x.size // 7)] = np.resize(odd, len(x.flat[:: max(1, x.size // 7)]))
    return x


@given(size=st.integers(1, 70), seed=st.integers(0, 99), dtype=DTYPES)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_elementwise_is_numpy(size, seed, dtype):
    x, dy = special(seed, size, dtype=dtype), normal(seed + 1, size, dtype=dtype)
    y = np.maximum(x, 0)
    np.testing.assert_array_equal(ops.relu(x), y)
    np.testing.assert_array_equal(ops.relu6(x), np.minimum(y, 6))
    np.testing.assert_array_equal(ops.leaky_relu(x, 0.2), np.where(x > 0, x, dtype(0.2) * x))
    np.testing.assert_array_equal(ops.relu_backward(dy, x), dy * (x > 0))
    np.testing.assert_array_equal(ops.relu6_backward(dy, x), dy * ((x > 0) & (x < 6)))
    np.testing.assert_array_equal(ops.add(x, dy), x + dy)
    np.testing.assert_array_equal(ops.add(x, dy, relu=True), np.maximum(x + dy, 0))


def test_elementwise_may_work_in_place():
    x, other = normal(0, 3, 5), normal(1, 3, 5)
    for f in (ops.relu, ops.relu6, lambda x, out=None: ops.add(x, other, relu=True, out=out)):
        expected, mine = f(x), x.copy()
        assert f(mine, out=mine) is mine
        np.testing.assert_array_equal(mine, expected)
    last = other.copy()
    ops.add(x, last, out=last)
    np.testing.assert_array_equal(last, x + other)
    with pytest.raises(ValueError, match="b has shape"):
        ops.add(x, other[:1])


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 99),
    dtype=DTYPES,
)
def test_batch_norm_with_relu_is_one_after_the_other(shape, seed, dtype):
    x, dy = normal(seed, *shape, dtype=dtype), normal(seed + 1, *shape, dtype=dtype)
    gamma, beta = normal(seed + 2, shape[1], dtype=dtype), normal(seed + 3, shape[1], dtype=dtype)
    plain, cache = ops.batch_norm2d(x, gamma, beta)
    y, fused_cache = ops.batch_norm2d(x, gamma, beta, relu=True)
    np.testing.assert_array_equal(y, ops.relu(plain))
    one = ops.batch_norm2d_backward(ops.relu_backward(dy, y), gamma, cache)
    other = ops.batch_norm2d_backward(dy, gamma, fused_cache, relu_y=y)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_of_awkward_numbers(dtype):
    x = normal(0, 4, 3, 40, 50, dtype=dtype)
    x[:, 1] = x[:, 1] * dtype(1e-3) + dtype(100)
    x[0, 2] += 1000  # one plane far from the others
    _, cache = ops.batch_norm2d(x, np.ones(3, dtype), np.zeros(3, dtype))
    exact = x.astype(np.float64)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(cache.mean, exact.mean(axis=(0, 2, 3)), rtol=tolerance, atol=1e-7)
    np.testing.assert_allclose(cache.var, exact.var(axis=(0, 2, 3)), rtol=100 * tolerance)
    constant, _ = ops.batch_norm2d(np.full_like(x, 0.1), np.ones(3, dtype), np.ones(3, dtype))
    np.testing.assert_allclose(constant, 1, atol=1e-2)
    x[1, 0, 3, 3] = np.nan
    y, cache = ops.batch_norm2d(x, np.ones(3, dtype), np.zeros(3, dtype))
    assert np.isnan([cache.mean[0], cache.var[0]]).all()
    assert np.isnan(y[:, 0]).all()
    assert not np.isnan(y[:, 1:]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    list(itertools.product([1, 2, 3, 5], [1, 2, 3], [0, 1])),
)
def test_max_pool_of_wide_rows(kernel, stride, padding, dtype):
    if padding > kernel // 2:
        return
    x = special(kernel, 2, 3, 9, 75, dtype=dtype)
    how = {"stride": stride, "padding": padding}
    y, indices = ops.max_pool2d(x, kernel, return_indices=True, **how)  # plain loops
    np.testing.assert_array_equal(ops.max_pool2d(x, kernel, **how), y)
    dy = normal(1, *y.shape, dtype=dtype)
    dx = np.zeros_like(x)
    for n, c, p, q in np.ndindex(*y.shape):
        dx[n, c].flat[indices[n, c, p, q]] += dy[n, c, p, q]
    np.testing.assert_array_equal(ops.max_pool2d_backward(dy, x, kernel, **how), dx)


def everything():
    x, dy = normal(0, 4, 6, 21, 19, dtype=np.float32), normal(1, 4, 6, 21, 19, dtype=np.float32)
    gamma = normal(2, 6, dtype=np.float32)
    y, cache = ops.batch_norm2d(x, gamma, gamma, relu=True)
    results = [y, *ops.batch_norm2d_backward(dy, gamma, cache, relu_y=y)]
    results += [ops.relu(x), ops.relu_backward(dy, x), ops.leaky_relu(x), ops.add(x, dy)]
    results += [ops.global_avg_pool2d(x), ops.max_pool2d(x, 3, stride=2, padding=1)]
    parameter = nn.Parameter(x)
    for optimizer in (optim.SGD(0.1, momentum=0.9), optim.Adam(), optim.RMSProp(), optim.AdaGrad()):
        parameter.grad = dy
        optimizer.step({"w": parameter})
    return [*results, parameter.data]


@pytest.mark.parametrize("count", [2, 3])
def test_the_number_of_threads_changes_no_bit(count, monkeypatch):
    monkeypatch.setattr(elementwise, "BLOCK", 1000)
    monkeypatch.setattr(ops.pool, "BLOCK_BYTES", 5000)
    monkeypatch.setattr(ops.norm, "BLOCK_BYTES", 5000)
    threads.set_num_threads(1)
    alone = everything()
    threads.set_num_threads(count)
    for a, b in zip(alone, everything(), strict=True):
        assert a.tobytes() == b.tobytes()
