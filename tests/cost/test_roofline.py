"""The roofline's arithmetic, the counted intensities, and what assembly says."""

import importlib

import numpy as np
import pytest
from numba import njit

from minicnn import cost
from minicnn.cost import assembly
from minicnn.cost.roofline import Roofline
from minicnn.kernels import gemm, microkernel, simd

measure = importlib.import_module("minicnn.cost.roofline")  # the function has the same name

ROOF = Roofline(100.0, {"L1 cache": 200.0, "memory": 10.0}, "float32")


def test_attainable_is_the_lower_of_two_roofs():
    assert ROOF.attainable(2.0) == 20.0
    assert ROOF.attainable(2.0, "L1 cache") == 100.0
    assert ROOF.ridge() == 10.0
    assert ROOF.attainable(ROOF.ridge("L1 cache"), "L1 cache") == ROOF.peak
    assert "100  GFLOP/s" in str(ROOF)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_machine_is_measured(dtype, monkeypatch):
    monkeypatch.setattr(measure, "LEVELS", {"near": 2**14, "far": 2**20})
    roof = cost.roofline(dtype, repeat=2)
    assert roof.dtype == np.dtype(dtype).name
    assert list(roof.bandwidth) == ["near", "far"]
    assert roof.peak > 0
    assert all(speed > 0 for speed in roof.bandwidth.values())


def test_bandwidth_counts_what_the_triad_moves(monkeypatch):
    seen = []
    monkeypatch.setattr(measure, "_triad", lambda a, b, c, rounds: seen.append((a, b, c, rounds)))
    monkeypatch.setattr(measure, "_best", lambda function, repeat: (function(), 2.0)[1])
    speed = measure._bandwidth(3 * 4096, np.dtype(np.float32), 1)
    a, b, c, rounds = seen[0]
    assert a.size == b.size == c.size == 1024
    assert speed == pytest.approx(rounds * 3 * 4096 / 2 / 1e9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ROOF.attainable(0), "more than 0"),
        (lambda: ROOF.attainable(1, "disk"), "'L1 cache', 'memory'"),
        (lambda: cost.roofline(repeat=0), "1 or more"),
        (lambda: cost.core_intensity("magic", (1, 1, 3, 3), (1, 1, 3, 3)), "'naive', 'im2col'"),
    ],
)
def test_wrong_input_says_what_and_how_to_mend_it(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_other_dtypes_have_no_roofline():
    with pytest.raises(TypeError, match="float32 or float64"):
        cost.roofline(np.int8)


def test_intensity_of_a_layer_by_hand():
    x, w = (2, 3, 5, 5), (4, 3, 3, 3)
    assert cost.operations(x, w) == 2 * (2 * 4 * 3 * 3) * 27
    assert cost.intensity(x, w) == pytest.approx(2 * 72 * 27 / (4 * (150 + 108 + 72)))
    assert cost.intensity(x, w, itemsize=8) == pytest.approx(cost.intensity(x, w) / 2)
    assert cost.operations((1, 4, 6, 6), (4, 1, 3, 3), groups=4, padding=1) == 2 * 4 * 36 * 9


def test_blocks_in_registers_raise_the_intensity():
    x, w = (1, 64, 56, 56), (64, 64, 3, 3)
    by = {name: cost.core_intensity(name, x, w, padding=1) for name in cost_names()}
    assert by["naive"] == pytest.approx(2 / (3 * 4))
    assert by["naive"] < by["direct"] < 2 * 16 / (12 * 4)
    if simd.REGISTER_BYTES:
        assert by["direct"] < by["implicit"] < by["winograd"]


def cost_names():
    return ("naive", "im2col", "direct", "implicit", "winograd", "winograd2")


def test_depthwise_has_no_block_to_gain_from():
    x, w = (1, 16, 28, 28), (16, 1, 3, 3)
    assert cost.core_intensity("depthwise", x, w, padding=1, groups=16) < 0.5


X86 = """
_ZN4loop:
.LBB0_1:
	movl	$1, %eax
.LBB0_2:
	vmovups	(%rdi,%rax,4), %zmm0
	vfmadd231ps	64(%rsi), %zmm1, %zmm0 # a note (with %ymm3)
	vmulps	%ymm1, %ymm2, %ymm3
	vmulss	(%rsi), %xmm2, %xmm3
	vmovups	%zmm0, (%rdi,%rax,4)
	vmovups	%zmm0, (%rdi) {%k1}
	cmpq	%rax, (%rdx)
	leaq	8(%rdi), %rdi
	jne	.LBB0_2
	jmp	.LBB0_1
	.cfi_endproc
_ZN7cpython4loop:
	vmulps	%zmm1, %zmm2, %zmm3
"""
ARM = """
_ZN4loop:
LBB0_1:
	ldr	q0, [x0, x8]
	ldp	q1, q2, [x1]
	fmla	v0.4s, v1.4s, v2.s[0]
	fmul	s3, s4, s5
	str	q0, [x0, x8]
	b.ne	LBB0_1
"""


def test_both_languages_are_understood():
    [x86] = assembly._functions(X86)
    [inner] = assembly._innermost(x86)
    count = assembly._count(inner)
    assert (count.zmm, count.ymm, count.xmm, count.scalar) == (4, 1, 0, 1)
    assert (count.fma, count.products, count.loads, count.stores) == (1, 3, 4, 2)
    assert count.instructions == 9
    assert count.vector == 5
    assert assembly._count(x86).instructions == 11
    assert assembly._multiplied(inner) == 64 + 32 + 8
    [arm] = assembly._functions(ARM)
    [inner] = assembly._innermost(arm)
    count = assembly._count(inner)
    assert (count.neon, count.scalar, count.fma, count.products) == (4, 1, 1, 2)
    assert (count.loads, count.stores, count.instructions) == (2, 1, 6)
    assert "4 neon" in str(count)


def test_a_compiled_loop_is_read():
    @njit
    def axpy(a, x, y):
        for i in range(x.size):
            y[i] += a * x[i]

    x = np.ones(10, np.float32)
    axpy(np.float32(2), x, x.copy())
    count = cost.count_instructions(axpy, loop=True)
    assert count.products >= 1
    assert count.loads >= 2
    assert count.stores >= 1
    assert count.instructions < cost.count_instructions(axpy).instructions


def test_the_micro_kernel_stores_nothing_in_its_loop():
    rows, width = microkernel.ROWS, gemm.panel_width(4)

    @njit
    def product(depth, a, b, c):
        microkernel.product(depth, rows, width, a, 0, depth, 1, b, 0, width, c, 0, width, False)

    product(3, *(np.ones(size, np.float32) for size in (3 * rows, 3 * width, rows * width)))
    count = cost.count_instructions(product, loop=True)
    assert count.stores == 0
    assert count.products >= (rows if simd.REGISTER_BYTES else 1)


def test_what_cannot_be_read_is_said():
    with pytest.raises(TypeError, match="@njit"):
        cost.count_instructions(len)
    with pytest.raises(ValueError, match="Call it once"):
        cost.count_instructions(njit(lambda x: x))
    still = njit(lambda x: x + 1)
    still(1)
    with pytest.raises(ValueError, match="loop=False"):
        cost.count_instructions(still, loop=True)
