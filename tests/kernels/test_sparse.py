"""Sparse convolution: the definition's answers, from stored weights only."""

import itertools
import os
import platform
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from oracles import normal

from minicnn import ops, plan
from minicnn.kernels import microkernel_sparse, naive, sparse, threads, tiling
from minicnn.kernels.sparse_weights import SparseWeights, compress, compress_nm, prepare


@pytest.fixture(autouse=True)
def _restore_threads():
    before = threads.num_threads()
    yield
    threads.set_num_threads(before)


def window(stride=1, padding=0, dilation=1, groups=1):
    pads = ((padding, padding), (padding, padding))
    return {"stride": (stride,) * 2, "padding": pads, "dilation": (dilation,) * 2, "groups": groups}


def filters(seed, *shape, density=0.3, dtype=np.float64):
    """Filters of which so many are not zero; the first has none at all."""
    w = normal(seed, *shape, dtype=dtype)
    w[np.random.default_rng(seed).random(shape) >= density] = 0
    w[0] = 0
    return w


def check(x, w, how, tolerance=1e-12):
    """All three functions against the definition in float64, from dense and sparse weights."""
    wide = x.astype(np.float64), w.astype(np.float64)
    y = naive.forward(*wide, **how)
    dy = normal(5, *y.shape, dtype=x.dtype)
    bias = normal(6, len(w), dtype=x.dtype)
    dx = naive.backward_input(dy.astype(np.float64), wide[1], x.shape, **how)
    dw = naive.backward_weight(dy.astype(np.float64), wide[0], w.shape, **how)

    def close(ours, expected):
        assert ours.dtype == x.dtype
        assert ours.flags.c_contiguous
        scale = np.abs(expected).max(initial=1)
        assert np.abs(ours - expected).max(initial=0) <= tolerance * scale

    weights = compress(w)
    for given_as in (w, weights):
        close(sparse.forward(x, given_as, **how), y)
        close(sparse.backward_input(dy, given_as, x.shape, **how), dx)
    out = np.full(y.shape, np.nan, x.dtype)
    assert sparse.forward(x, weights, **how, bias=bias, relu=True, out=out) is out
    close(out, np.maximum(y + bias[:, None, None], 0))
    close(sparse.backward_weight(dy, x, w.shape, **how), dw)
    stored = sparse.backward_weight(dy, x, weights, **how)
    close(stored, dw.reshape(len(w), -1)[weights.rows, weights.columns])
    np.testing.assert_array_equal(weights.with_values(stored).to_dense()[w == 0], 0)


@st.composite
def cases(draw):
    small = st.integers(1, 3)
    stride, dilation = (draw(st.tuples(small, small)) for _ in range(2))
    edge = st.integers(0, 3)
    padding = tuple((draw(edge), draw(edge)) for _ in range(2))
    R, S = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    reach = dilation[0] * (R - 1) + 1, dilation[1] * (S - 1) + 1
    hw = [draw(st.integers(max(1, reach[i] - sum(padding[i])), 20)) for i in (0, 1)]
    groups = draw(small)
    C, K = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    x = normal(draw(st.integers(0, 9)), draw(small), groups * C, *hw, dtype=dtype)
    density = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    w = filters(draw(st.integers(0, 9)), groups * K, C, R, S, density=density, dtype=dtype)
    return x, w, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@settings(max_examples=60)
@given(case=cases())
def test_it_is_the_definition(case):
    x, w, how = case
    check(x, w, how, 1e-12 if x.dtype == np.float64 else 1e-4)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "how"),
    [
        ((2, 70, 23, 31), (13, 70, 3, 3), window(padding=1)),
        ((1, 6, 40, 261), (5, 6, 3, 3), window(padding=1)),
        ((9, 24, 7, 7), (40, 24, 3, 3), window(padding=1)),
        ((2, 40, 17, 50), (24, 20, 3, 3), window(stride=2, padding=1, groups=2)),
        ((2, 30, 20, 40), (17, 30, 3, 2), window(stride=3, padding=2, dilation=2)),
    ],
)
def test_in_many_blocks(x_shape, w_shape, how, monkeypatch):
    monkeypatch.setattr(tiling, "BAND_BYTES", 2**15)
    monkeypatch.setattr(tiling, "BLOCK_BYTES", 2**12)
    monkeypatch.setattr(sparse, "UNIT", 2**14)
    check(normal(0, *x_shape), filters(1, *w_shape), how)


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    monkeypatch.setattr(sparse, "UNIT", 2**16)
    x = normal(0, 2, 48, 28, 28, dtype=np.float32)
    weights = compress(filters(1, 40, 48, 3, 3, dtype=np.float32))
    dy, how = normal(2, 2, 40, 28, 28, dtype=np.float32), window(padding=1)
    results = []
    for count in (1, 2, 3):
        threads.set_num_threads(count)
        results.append(
            (
                sparse.forward(x, weights, **how).tobytes(),
                sparse.backward_input(dy, weights, x.shape, **how).tobytes(),
                sparse.backward_weight(dy, x, weights, **how).tobytes(),
            )
        )
    assert results[0] == results[1] == results[2]


def test_ops_know_it_by_name():
    x, w = normal(0, 1, 3, 9, 9), filters(1, 4, 3, 3, 3)
    y = ops.conv2d(x, w, padding=1, algorithm="sparse")
    np.testing.assert_allclose(y, ops.conv2d(x, w, padding=1), atol=1e-12)


# Stored weights ---------------------------------------------------------------------------------


def test_compressed_rows():
    w = np.zeros((3, 2, 1, 2))
    w[0, 1, 0, 0], w[2, 0, 0, 1], w[2, 1, 0, 1] = 5, 6, 7
    weights = compress(w)
    np.testing.assert_array_equal(weights.values, [5, 6, 7])
    np.testing.assert_array_equal(weights.columns, [2, 1, 3])
    np.testing.assert_array_equal(weights.pointers, [0, 1, 1, 3])
    np.testing.assert_array_equal(weights.rows, [0, 2, 2])
    np.testing.assert_array_equal(weights.to_dense(), w)
    assert weights.density == 0.25
    assert weights.nbytes == 3 * 8 + 3 * 4 + 4 * 8
    assert prepare(weights) is weights
    kept = compress(w, keep=np.ones(w.shape, bool))
    assert kept.density == 1
    np.testing.assert_array_equal(kept.to_dense(), w)


def test_stored_arrays_are_read_only_and_new_values_are_used():
    x, how = normal(0, 1, 3, 8, 8), window(padding=1)
    weights = compress(filters(1, 4, 3, 3, 3))
    y = sparse.forward(x, weights, **how)
    with pytest.raises(ValueError, match="read-only"):
        weights.values[0] = 1
    other = weights.with_values(-2 * weights.values)
    assert isinstance(other, SparseWeights)
    np.testing.assert_allclose(sparse.forward(x, other, **how), -2 * y, atol=1e-12)


@pytest.mark.parametrize(("n", "m", "C"), [(2, 4, 8), (1, 4, 6), (2, 3, 7), (1, 1, 3), (4, 16, 5)])
def test_n_of_m(n, m, C):
    w = normal(0, 5, C, 3, 2, dtype=np.float32)
    for first in range(0, C, m):
        part = w[:, first : first + m]
        least = np.sort(np.abs(part), axis=1)[:, -n if n < part.shape[1] else 0][:, None]
        part[np.abs(part) < least] = 0
    w[0] = 0
    weights = compress_nm(w, n, m)
    assert weights.n == n
    assert weights.values.shape == (5, -(-C // m), n, 3, 2)
    assert np.all(np.diff(weights.places.astype(int), axis=2) > 0)
    np.testing.assert_array_equal(weights.to_dense(), w)
    x, how = normal(1, 2, C, 9, 9, dtype=np.float32), window(padding=1)
    np.testing.assert_allclose(
        sparse.forward(x, weights, **how), naive.forward(x, w, **how), atol=1e-5
    )
    dy = normal(2, *naive.forward(x, w, **how).shape, dtype=np.float32)
    gradient = prepare(weights).with_values(sparse.backward_weight(dy, x, weights, **how))
    stored = prepare(weights).with_values(np.ones_like(gradient.values)).to_dense() == 1
    expected = np.where(stored, naive.backward_weight(dy, x, w.shape, **how), 0)
    np.testing.assert_allclose(gradient.to_dense(), expected, atol=1e-3)


def test_n_of_m_is_checked_and_small():
    w = np.ones((2, 4, 1, 1), np.float32)
    with pytest.raises(ValueError, match="Prune it to 2:4"):
        compress_nm(w, 2, 4)
    with pytest.raises(ValueError, match="Usual is"):
        compress_nm(w, 3, 2)
    w[:, 1:3] = 0
    assert compress_nm(w, 2, 4).nbytes == 4 * 4 + 1  # 2 bits each for the places


# The micro-kernels, and other processors ---------------------------------------------------------


@pytest.mark.parametrize("register", [0, 16, 32, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_register_size_and_edge(register, dtype):
    multiply, products = microkernel_sparse.micro(register, 2)
    lanes = max(1, register // np.dtype(dtype).itemsize)

    @njit
    def run(k, p, first, v, c, d, x, x_first, pixels, y, row, gradient):
        if gradient:
            products(k, p, first, v, c, d, x, x_first, pixels, y, row)
        else:
            multiply(k, p, first, v, c, d, x, x_first, pixels, y, row)

    x, values = normal(0, 80, dtype=dtype), normal(1, 7, dtype=dtype)
    columns = np.array([0, 1, 2, 2, 1, 0, 1], np.int32)
    distance, pointers = np.array([9, 0, 31]), np.array([1, 3, 3, 7])
    pitch = 2 * lanes
    for pixels in sorted({1, lanes, lanes + 1, 2 * lanes}):
        y = normal(2, 3, pitch, dtype=dtype)
        seen = x[4 + distance[columns][:, None] + np.arange(pixels)]
        sums, dv = y.copy(), values.copy()
        for k, (begin, end) in enumerate(itertools.pairwise(pointers)):
            sums[k, :pixels] += values[begin:end] @ seen[begin:end]
            dv[begin:end] += seen[begin:end] @ y[k, :pixels]
        ours, gradient = y.copy(), values.copy()
        run(3, pointers, 0, values, columns, distance, x, 4, pixels, ours, pitch, False)
        np.testing.assert_allclose(ours[:, :pixels], sums[:, :pixels], rtol=1e-4, atol=1e-5)
        run(3, pointers, 0, gradient, columns, distance, x, 4, pixels, y, pitch, True)
        np.testing.assert_allclose(gradient, dv, rtol=1e-4, atol=1e-5)


ELSEWHERE = """
import numpy as np
if {unknown}:
    import llvmlite.binding
    llvmlite.binding.TargetMachine.emit_assembly = lambda *_: ""
from minicnn.kernels import naive, simd, sparse
rng = np.random.default_rng(0)
x, w = rng.standard_normal((1, 5, 9, 9)), rng.standard_normal((6, 5, 3, 3))
how = dict(stride=(1, 1), padding=((1, 1), (0, 1)), dilation=(1, 1), groups=1)
assert np.allclose(sparse.forward(x, w, **how), naive.forward(x, w, **how))
print(simd.REGISTER_BYTES)
"""
X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 only")


@pytest.mark.parametrize(
    ("unknown", "environment", "register"),
    [
        (True, {}, 0),
        pytest.param(False, {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}, 16, marks=X86),
    ],
)
def test_lesser_processors(unknown, environment, register, tmp_path):
    environment = {**os.environ, **environment, "NUMBA_CACHE_DIR": str(tmp_path)}
    code = [sys.executable, "-c", ELSEWHERE.format(unknown=unknown)]
    done = subprocess.run(code, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(register)]


# Memory -----------------------------------------------------------------------------------------


def test_workspace_is_small_and_not_exceeded():
    threads.set_num_threads(2)
    how = window(padding=1)
    shapes = (16, 128, 28, 28), (128, 128, 3, 3)
    assert sparse.workspace_bytes(*shapes, 4, **how) <= 32 * 2**20
    assert "sparse" in plan.ALGORITHMS
    x, w = normal(0, 4, 64, 28, 28), filters(1, 32, 64, 3, 3, density=1)
    sparse.forward(x, w, **how)
    tracemalloc.start()
    y = sparse.forward(x, w, **how)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < y.nbytes + sparse.workspace_bytes(x.shape, w.shape, 8, **how) + 2**16
