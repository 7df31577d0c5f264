"""Integer convolution is exact: it equals int64 sums, on every kind of processor."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from minicnn.kernels import int8, microkernel_int8, simd, simd_int, threads
from minicnn.kernels.requantize import Requantization, requantization, requantize


@pytest.fixture(autouse=True)
def _restore_threads():
    before = threads.num_threads()
    yield
    threads.set_num_threads(before)


def bytes_(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def weights(seed, *shape):
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)


def exact(x, w, *, stride, padding, dilation, groups, x_zero_point=0):
    """The definition in int64: an einsum over windows of the shifted, zero-padded image."""
    x = np.pad(x.astype(np.int64) - x_zero_point, ((0, 0), (0, 0), *padding))
    (N, C, _, _), (K, _, R, S) = x.shape, w.shape
    reach = dilation[0] * (R - 1) + 1, dilation[1] * (S - 1) + 1
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    windows = windows.reshape(N, groups, C // groups, *windows.shape[2:])
    filters = w.astype(np.int64).reshape(groups, K // groups, C // groups, R, S)
    y = np.einsum("ngcpqrs,gkcrs->ngkpq", windows, filters)
    return y.reshape(N, K, *y.shape[3:])


def window(stride=1, padding=0, dilation=1, groups=1):
    pads = ((padding, padding), (padding, padding))
    return {"stride": (stride,) * 2, "padding": pads, "dilation": (dilation,) * 2, "groups": groups}


@st.composite
def cases(draw):
    small = st.integers(1, 3)
    stride, dilation = (draw(st.tuples(small, small)) for _ in range(2))
    edge = st.integers(0, 3)
    padding = tuple((draw(edge), draw(edge)) for _ in range(2))
    R, S = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    reach = dilation[0] * (R - 1) + 1, dilation[1] * (S - 1) + 1
    hw = [draw(st.integers(max(1, reach[i] - sum(padding[i])), 20)) for i in (0, 1)]
    groups = draw(st.integers(1, 3))
    C, K = draw(st.integers(1, 6)), draw(st.integers(1, 10))
    x = bytes_(draw(st.integers(0, 9)), draw(small), groups * C, *hw)
    w = weights(draw(st.integers(0, 9)), groups * K, C, R, S)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, w, how, draw(st.integers(0, 255))


@settings(max_examples=80)
@given(case=cases())
def test_sums_are_exact(case):
    x, w, how, zero = case
    y = int8.forward(x, w, **how, x_zero_point=zero)
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, exact(x, w, **how, x_zero_point=zero))


@settings(max_examples=40)
@given(case=cases(), relu=st.booleans(), dtype=st.sampled_from([np.uint8, np.int8]))
def test_bytes_are_those_of_the_requantised_sums(case, relu, dtype):
    x, w, how, zero = case
    K = len(w)
    bias = np.arange(K, dtype=np.int32) * 1000 - 3000
    to = requantization(np.geomspace(1e-5, 3, K), K, zero_point=7, dtype=dtype, relu=relu)
    y = int8.forward_requantized(x, w, **how, x_zero_point=zero, to=to, bias=bias)
    sums = exact(x, w, **how, x_zero_point=zero) + bias[:, None, None]
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, requantize(sums.astype(np.int32), to))
    assert y.min() >= (7 if relu else np.iinfo(dtype).min)


# Several bands, several pieces of everything.
LARGE = [
    ((2, 70, 30, 33), (37, 70, 3, 3), window(padding=1)),
    ((1, 16, 90, 200), (20, 16, 5, 3), window(padding=2, stride=2)),
    ((1, 130, 7, 7), (200, 130, 3, 3), window(padding=1)),
    ((3, 96, 15, 15), (96, 1, 3, 3), window(padding=1, groups=96)),
    ((1, 3, 64, 64), (16, 3, 7, 7), window(padding=3, stride=2)),
    ((1, 24, 40, 40), (24, 12, 3, 3), window(padding=2, dilation=2, groups=2)),
]


@pytest.mark.parametrize(("x_shape", "w_shape", "how"), LARGE)
def test_large(x_shape, w_shape, how, monkeypatch):
    monkeypatch.setattr(int8, "UNIT", 2**18)
    monkeypatch.setattr(int8, "BAND_BYTES", 2**13)
    x, w = bytes_(0, *x_shape), weights(1, *w_shape)
    expected = exact(x, w, **how, x_zero_point=3)
    prepared = int8.prepare(w, groups=how["groups"])
    results = []
    for count in (1, 3):
        threads.set_num_threads(count)
        results.append(int8.forward(x, prepared, **how, x_zero_point=3))
        np.testing.assert_array_equal(results[-1], expected)
    out = np.full_like(results[0], -1)
    assert int8.forward(x, w, **how, x_zero_point=3, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_the_largest_sums_that_fit():
    """255 times -128 and 127, as often as is allowed, does not overflow on the way."""
    C = int8.MOST_PRODUCTS // 9
    x = np.full((1, C, 3, 3), 255, np.uint8)
    w = np.full((2, C, 3, 3), -128, np.int8)
    w[1] = 127
    for zero in (0, 255):
        y = int8.forward(x, w, **window(), x_zero_point=zero)
        np.testing.assert_array_equal(
            y.ravel(), [-128 * C * 9 * (255 - zero), 127 * C * 9 * (255 - zero)]
        )


def test_arguments_in_any_layout_are_left_alone():
    x, w, how = bytes_(0, 2, 5, 9, 8), weights(1, 4, 5, 3, 3), window(padding=1)
    expected = exact(x, w, **how)
    turned = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    other = np.ascontiguousarray(w[..., ::-1])[..., ::-1]
    turned.flags.writeable = other.flags.writeable = False
    np.testing.assert_array_equal(int8.forward(turned, other, **how), expected)


# Requantisation ---------------------------------------------------------------------------------


def gemmlowp(number, multiplier, shift):
    """gemmlowp's two roundings, with Python's integers: SaturatingRoundingDoublingHighMul and
    RoundingDivideByPOT, of which C's division is towards zero."""
    product = number * 2 ** max(0, -shift) * multiplier
    product += 2**30 if product >= 0 else 1 - 2**30
    high = abs(product) // 2**31 * (1 if product >= 0 else -1)
    right = max(0, shift)
    mask = 2**right - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


@settings(max_examples=200)
@given(
    number=st.integers(-(2**31) + 1, 2**31 - 1) | st.integers(-2000, 2000),
    factor=st.floats(2.0**-34, 2.0**20) | st.sampled_from([0.5, 0.25, 1.0, 2.0**-31, 1 - 2**-40]),
)
def test_rounding_is_that_of_gemmlowp(number, factor):
    to = requantization(factor, 1, zero_point=-3, dtype=np.int8)
    ours = requantize(np.full((1, 1), number, np.int32), to).item()
    wide = gemmlowp(number, int(to.multiplier[0]), int(to.shift[0])) - 3
    assert ours == max(-128, min(127, wide))
    if -127 < number * factor - 3 < 126:
        assert abs(ours + 3 - number * factor) <= 1 + 1e-6


def test_the_multiplier_has_31_bits():
    factors = np.geomspace(1e-6, 1000, 50)
    to = requantization(factors, 50)
    assert isinstance(to, Requantization)
    assert np.all(to.multiplier >= 2**30)
    np.testing.assert_allclose(to.multiplier * 2.0**-31 * 2.0**-to.shift, factors, rtol=2**-31)


# Other processors -------------------------------------------------------------------------------

X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 only")


def possible():
    """Ways and sizes of registers; an instruction that is not there may not even be named."""
    yield "lanes", 0
    for register in (16, 32, 64):
        yield "lanes", register
        best = simd_int.best_way(register) if register <= simd.REGISTER_BYTES else "lanes"
        for way in ("pmaddwd", "vpdpbusd"):
            if best in (way, "vpdpbusd"):
                yield way, register


@pytest.mark.parametrize(("way", "register"), list(possible()))
def test_every_way_register_and_edge(way, register):
    product = microkernel_int8.micro(way, register, 4, 2)
    lanes = max(1, register // 4)

    @njit
    def call(depth, rows, pixels, w, w_first, x, x_first, distance, c):
        product(depth, rows, pixels, w, w_first, x, x_first, distance, c)

    x = bytes_(0, 100, 4)
    x[:40] = 255  # the largest products too
    words = x.view(np.uint32).ravel()
    distance = np.array([0, 3, 40, 7, 91 - 2 * lanes])
    for rows in (1, 2, 4):
        w = weights(1, 1 + len(distance), rows, 4)
        w[1] = -128
        packed = simd_int.pack(w, way)
        for pixels in sorted({1, lanes, lanes + 1, 2 * lanes}):
            c = np.full((4, 2 * lanes), -1, np.int32)
            first = packed[0].size
            call(len(distance), rows, pixels, packed, first, words, 5, distance, c)
            seen = x[5 + distance[:, None] + np.arange(pixels)].astype(np.int64)
            expected = np.einsum("kpc,kic->ip", seen, w[1:].astype(np.int64))
            np.testing.assert_array_equal(c[:rows, :pixels], expected)
            assert np.all(c[rows:] == -1)


@X86
@pytest.mark.parametrize(
    ("cpu", "features", "way"),
    [
        ("x86-64", "", "pmaddwd"),
        ("haswell", "", "pmaddwd"),
        ("skylake-avx512", "", "pmaddwd"),
        ("cascadelake", "", "vpdpbusd"),
        ("alderlake", "", "vpdpbusd"),
        ("znver4", "-avx512vnni", "pmaddwd"),
    ],
)
def test_the_way_is_that_of_the_processor_that_numba_compiles_for(cpu, features, way):
    code = "from minicnn.kernels import microkernel_int8; print(microkernel_int8.WAY)"
    assert python(code, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=features) == way


ELSEWHERE = """
import numpy as np
if {unknown}:
    import llvmlite.binding
    llvmlite.binding.TargetMachine.emit_assembly = lambda *_: ""
from minicnn.kernels import int8, microkernel_int8
from minicnn.kernels.requantize import requantization, requantize
rng = np.random.default_rng(0)
x = rng.integers(0, 256, (1, 5, 9, 9), dtype=np.uint8)
w = rng.integers(-128, 128, (6, 5, 3, 3), dtype=np.int8)
how = dict(stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)
windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3)).astype(int)
expected = np.einsum("ncpqrs,kcrs->nkpq", windows, w.astype(int))
y = int8.forward(x, w, **how)
assert np.array_equal(y, expected)
to = requantization(1e-3, 6, zero_point=9)
assert np.array_equal(int8.forward_requantized(x, w, **how, to=to), requantize(y, to))
print(microkernel_int8.WAY)
"""


@pytest.mark.parametrize(
    ("unknown", "environment", "way"),
    [
        (True, {}, "lanes"),
        pytest.param(
            False, {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}, "pmaddwd", marks=X86
        ),
    ],
)
def test_lesser_processors(unknown, environment, way, tmp_path):
    environment = {**environment, "NUMBA_CACHE_DIR": str(tmp_path)}
    assert python(ELSEWHERE.format(unknown=unknown), **environment) == way


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# What is refused --------------------------------------------------------------------------------

X, W = bytes_(0, 1, 4, 6, 6), weights(1, 8, 4, 3, 3)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: int8.forward(X.astype(np.int8), W, **window()), TypeError, "zero point 128"),
        (lambda: int8.forward(X[0], W, **window()), ValueError, r"x\[None\]"),
        (lambda: int8.forward(X, W.astype(np.float32), **window()), TypeError, "int8.prepare"),
        (lambda: int8.forward(X, W, **window(groups=2)), ValueError, "4 channels"),
        (lambda: int8.forward(X, int8.prepare(W), **window(groups=2)), ValueError, "same groups"),
        (lambda: int8.forward(X, W, **window(), x_zero_point=256), ValueError, "include 0"),
        (lambda: int8.forward(X, W, **window(), bias=np.zeros(8)), TypeError, "np.rint"),
        (lambda: int8.forward(X[..., :2], W, **window()), ValueError, "padding"),
        (lambda: int8.forward(X, W, **window(), out=X), ValueError, "np.empty"),
        (lambda: int8.prepare(np.zeros((1, 7311, 3, 3), np.int8)), ValueError, "65793"),
        (lambda: int8.prepare(W[0]), ValueError, "4 axes"),
        (lambda: int8.prepare(W, groups=3), ValueError, "divide"),
        (
            lambda: int8.forward(X, W, **window(), bias=np.full(8, 2**31 - 1, np.int32)),
            ValueError,
            "larger scales",
        ),
        (
            lambda: int8.forward_requantized(X, W, **window(), to=requantization(1, 4)),
            ValueError,
            "one each",
        ),
        (lambda: requantization(0.0, 1), ValueError, "scale_y"),
        (lambda: requantization(1.0, 1, dtype=np.int16), ValueError, "int8.forward"),
        (lambda: requantization(1.0, 1, zero_point=-1), ValueError, "calibrate"),
    ],
)
def test_messages(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_workspace_is_small():
    threads.set_num_threads(2)
    how = window(padding=1)
    assert int8.workspace_bytes((16, 128, 28, 28), (128, 128, 3, 3), 1, **how) <= 32 * 2**20
