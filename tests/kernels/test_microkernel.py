import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from numba import njit
from oracles import normal

from minicnn.kernels import gemm, microkernel, simd

REGISTERS = [0, 16, 32, 64]  # LLVM writes code for any of them, whatever this processor has


@pytest.mark.parametrize("register", REGISTERS)
def test_every_register_size_and_every_edge(register):
    rows, vectors = 3, 2
    product = microkernel.micro(register, rows, vectors)

    @njit
    def call(depth, m, n, a, a_first, a_row, a_step, b, b_row, c, c_row, accumulate):
        product(depth, m, n, a, a_first, a_row, a_step, b, 0, b_row, c, 0, c_row, accumulate)

    for dtype in (np.float32, np.float64):
        lanes = max(1, register // np.dtype(dtype).itemsize)
        width = vectors * lanes
        depth = 5
        a = normal(0, rows + 1, depth, dtype=dtype)
        b = normal(1, depth, width, dtype=dtype)
        for m in range(1, rows + 1):
            for n in {1, lanes, width - 1, width} - {0}:
                for accumulate in (False, True):
                    c = normal(2, rows, width + 3, dtype=dtype)
                    expected = c.copy()
                    if not accumulate:
                        expected[:m, :n] = 0
                    expected[:m, :n] += a[1 : m + 1] @ b[:, :n]
                    call(depth, m, n, a, depth, depth, 1, b, width, c, width + 3, accumulate)
                    np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-5)
                    # Numbers outside the block are untouched, to the last bit.
                    np.testing.assert_array_equal(c[m:], expected[m:])
                    np.testing.assert_array_equal(c[:, n:], expected[:, n:])
        transposed = np.ascontiguousarray(a.T)
        c = np.empty((rows, width), dtype)
        call(depth, rows, width, transposed, 0, 1, rows + 1, b, width, c, width, False)
        np.testing.assert_allclose(c, a[:rows] @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("register", REGISTERS)
def test_factors_that_lie_about(register):
    rows, vectors, depth = 4, 2, 7
    product = microkernel.micro_at(register, rows, vectors)

    @njit
    def call(m, n, a, a_rows, a_steps, b, b_steps, c, accumulate):
        product(
            len(a_steps), m, n, a, 1, a_rows, a_steps, b, 2, b_steps, c, 0, c.shape[1], accumulate
        )

    order = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        width = vectors * max(1, register // np.dtype(dtype).itemsize)
        a, b = normal(0, 200, dtype=dtype), normal(1, 300, dtype=dtype)
        a_rows, a_steps, b_steps = (order.integers(0, 99, n) for n in (rows, depth, depth))
        for m, n in ((rows, width), (1, 1), (3, width - 1 or 1)):
            for accumulate in (False, True):
                c = normal(2, rows, width + 3, dtype=dtype)
                expected = c.copy()
                left = a[1 + a_rows[:m, None] + a_steps]
                right = b[2 + b_steps[:, None] + np.arange(n)]
                expected[:m, :n] = left @ right + (c[:m, :n] if accumulate else 0)
                call(m, n, a, a_rows, a_steps, b, b_steps, c, accumulate)
                np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-5)
                np.testing.assert_array_equal(c[m:], expected[m:])
                np.testing.assert_array_equal(c[:, n:], expected[:, n:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "depth", "n"), [(1, 1, 1), (9, 1100, 53), (70, 30, 1500), (3, 0, 4)])
def test_matmul(m, depth, n, dtype):
    a, b = normal(0, m, depth, dtype=dtype), normal(1, depth, n, dtype=dtype)
    c = gemm.matmul(a, b)
    assert c.dtype == dtype
    np.testing.assert_allclose(c, a @ b, atol=2000 * np.finfo(dtype).eps)


def test_parts_of_vectors_touch_nothing_else():
    x = np.arange(1.0, 9)

    @njit
    def load_part(x, y, first, start, stop):
        simd.store(y, 0, simd.load_part(x, first, start, stop))

    @njit
    def store_part(x, y, count):
        simd.store_part(y, 0, simd.load(x, 0), count)

    @njit
    def gather(x, y, step, start, stop):
        simd.store(y, 0, simd.gather(x, 0, step, start, stop))

    lanes = simd.lanes_of(x)
    for start in range(-1, lanes + 1):
        for stop in range(start, lanes + 2):
            y = np.full(lanes, np.nan)
            load_part(x, y, 0, start, stop)
            inside = (np.arange(lanes) >= start) & (np.arange(lanes) < stop)
            np.testing.assert_array_equal(y, np.where(inside, x[:lanes], 0))
            gather(np.repeat(x, 3), y, 3, start, stop)
            np.testing.assert_array_equal(y, np.where(inside, x[:lanes], 0))
        y = np.zeros(lanes)
        store_part(x, y, start)
        np.testing.assert_array_equal(y, np.where(np.arange(lanes) < start, x[:lanes], 0))
    y = np.full(lanes, np.nan)
    load_part(x, y, -(10**9), lanes, lanes)  # far outside, and not looked at
    np.testing.assert_array_equal(y, 0)


def test_shuffles_undo_each_other():
    @njit
    def run(x, y):
        lanes = simd.lanes_of(x)
        a, b = simd.load(x, 0), simd.load(x, lanes)
        even, odd = simd.evens(a, b), simd.odds(a, b)
        simd.store(y, 0, even)
        simd.store(y, lanes, odd)
        simd.store(y, 2 * lanes, simd.zip_low(even, odd))
        simd.store(y, 3 * lanes, simd.zip_high(even, odd))

    n = 2 * simd.lanes_of(np.empty(1, np.float32))
    x, y = np.arange(n, dtype=np.float32), np.empty(2 * n, np.float32)
    run(x, y)
    np.testing.assert_array_equal(y, np.concatenate([x[::2], x[1::2], x]))


def test_transpose():
    @njit
    def run(x, rows, columns, y):
        simd.transpose(x, 1, 40, rows, columns, y, 0, y.shape[1])

    for dtype in (np.float32, np.float64):
        n = simd.lanes_of(np.empty(1, dtype))
        x = normal(0, n * 40 + 1, dtype=dtype)
        for rows, columns in ((n, n), (n + 5, n + 5), (1, n), (n, 1), (n // 2 + 1, n // 2 + 1)):
            y = np.full((n, n + 3), np.nan, dtype)
            run(x, rows, columns, y)
            m, k = min(rows, n), min(columns, n)
            square = x[1:].reshape(n, 40)[:m, :k].T
            np.testing.assert_array_equal(y[:k, :m], square)
            np.testing.assert_array_equal(y[k:, :n], 0)
            assert np.isnan(y[:, n:]).all()


def test_relu_keeps_nan():
    @njit
    def run(x, y):
        simd.store(y, 0, simd.relu(simd.load(x, 0)))

    x = np.resize([-1.0, 2.0, np.nan, -0.5], simd.lanes_of(np.empty(1)))
    y = np.empty_like(x)
    run(x, y)
    np.testing.assert_array_equal(y, np.maximum(x, 0))


X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 only")

# Other processors -------------------------------------------------------------------------------


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@X86
@pytest.mark.parametrize(
    ("cpu", "features", "register"),
    [
        ("x86-64", "", 16),
        ("haswell", "", 32),
        ("skylake-avx512", "", 64),
        ("skylake-avx512", "-avx512f", 32),
    ],
)
def test_registers_are_those_of_the_processor_that_numba_compiles_for(cpu, features, register):
    code = "from minicnn.kernels import simd; print(simd.REGISTER_BYTES)"
    assert python(code, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=features) == [str(register)]


KERNELS = """
import numpy as np
if {unknown}:
    import llvmlite.binding
    llvmlite.binding.TargetMachine.emit_assembly = lambda *_: ""
from minicnn.kernels import implicit, naive, simd, winograd
x, w = np.random.default_rng(0).standard_normal((2, 5, 5, 9, 9))
w = w[:, :, :3, :3].copy()
window = dict(stride=(1, 1), padding=((1, 1), (0, 1)), dilation=(1, 1), groups=1)
dy = naive.forward(x, w, **window)
assert np.allclose(implicit.forward(x, w, **window), dy)
for stride in ((1, 1), (2, 2)):
    window["stride"] = stride
    dy = naive.forward(x, w, **window)
    for backward, other, shape in (("input", w, x.shape), ("weight", x, w.shape)):
        ours, expected = (getattr(k, "backward_" + backward) for k in (implicit, naive))
        assert np.allclose(ours(dy, other, shape, **window), expected(dy, other, shape, **window))
window["stride"] = (1, 1)
assert np.allclose(winograd.forward(x, w, **window), naive.forward(x, w, **window))
print(simd.REGISTER_BYTES)
"""


@pytest.mark.parametrize(
    ("unknown", "environment", "register"),
    [
        (True, {}, 0),
        pytest.param(False, {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}, 16, marks=X86),
    ],
)
def test_kernels_on_lesser_processors(unknown, environment, register, tmp_path):
    environment = {**environment, "NUMBA_CACHE_DIR": str(tmp_path)}
    assert python(KERNELS.format(unknown=unknown), **environment) == [str(register)]


COPY = """
from numba import njit
from minicnn.kernels import simd
@njit(cache=True)
def copy(x, y):
    simd.store(y, 0, simd.load(x, 0) + simd.load(x, 0))
"""


def test_the_second_process_compiles_nothing(tmp_path):
    (tmp_path / "small.py").write_text(COPY)
    code = f"""
import sys; sys.path.append({str(tmp_path)!r})
import numpy as np, small
small.copy(np.ones(16), np.ones(16))
statistics = small.copy.stats
print(sum(statistics.cache_hits.values()), sum(statistics.cache_misses.values()))
"""
    here = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert python(code, **here) == ["0", "1"]
    assert python(code, **here) == ["1", "0"]
    # What was compiled for one processor is not taken on another.
    assert python(code, **here, NUMBA_ENABLE_AVX="0") == ["0", "1"]
    assert python(code, **here) == ["1", "0"]
