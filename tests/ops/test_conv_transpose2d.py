import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import border, conv_cases, normal, numerical_gradient, onnx_pads, onnx_run, two

from minicnn import ops


def transposed(case):
    """Arrays x, w and arguments that undo the size changes of the convolution in `case`."""
    window = dict(case["window"])
    assume(window["padding"] != "same")
    hw, rs = case["x_shape"][2:], case["w_shape"][2:]
    pads = border(window["padding"], hw, rs, window["stride"], window["dilation"])
    spare = [
        (size + sum(pad) - d * (k - 1) - 1) % s
        for size, pad, k, s, d in zip(
            hw, pads, rs, two(window["stride"]), two(window["dilation"]), strict=True
        )
    ]
    window["output_padding"] = tuple(spare)
    x_shape = ops.conv2d_out_shape(case["x_shape"], case["w_shape"], **case["window"])
    return normal(case["seed"], *x_shape), normal(case["seed"] + 1, *case["w_shape"]), window, pads


@given(case=conv_cases())
def test_forward_is_onnx_runtime(case):
    x, w, window, pads = transposed(case)
    x, w = x.astype(np.float32), w.astype(np.float32)
    b = normal(case["seed"] + 2, case["x_shape"][1], dtype=np.float32)
    y = ops.conv_transpose2d(x, w, b, **window)
    expected = onnx_run(
        "ConvTranspose",
        [x, w, b],
        strides=two(window["stride"]),
        dilations=two(window["dilation"]),
        group=window["groups"],
        pads=onnx_pads(pads),
        output_padding=window["output_padding"],
    )
    assert y.dtype == np.float32
    assert y.shape == case["x_shape"]
    np.testing.assert_allclose(y, expected, atol=2e-5)


@given(case=conv_cases(), algorithm=st.sampled_from(["naive", "im2col"]))
def test_it_is_the_transpose_of_conv2d(case, algorithm):
    x, w, window, _ = transposed(case)
    image = normal(case["seed"] + 3, *case["x_shape"])
    there = ops.conv2d(image, w, **case["window"], algorithm=algorithm)
    back = ops.conv_transpose2d(x, w, **window, algorithm=algorithm)
    assert np.isclose(np.vdot(there, x), np.vdot(image, back), atol=1e-10)


@given(case=conv_cases())
def test_backward_is_finite_differences(case):
    x, w, window, _ = transposed(case)
    b = normal(case["seed"] + 2, case["x_shape"][1])
    dy = normal(case["seed"] + 3, *case["x_shape"])
    dx, dw, db = ops.conv_transpose2d_backward(dy, x, w, **window)
    for ours, f, argument in (
        (dx, lambda x: ops.conv_transpose2d(x, w, b, **window), x),
        (dw, lambda w: ops.conv_transpose2d(x, w, b, **window), w),
        (db, lambda b: ops.conv_transpose2d(x, w, b, **window), b),
    ):
        np.testing.assert_allclose(ours, numerical_gradient(f, argument, dy), rtol=1e-6, atol=1e-6)


def test_forward_and_backward_are_pytorch():
    torch = pytest.importorskip("torch")
    x, w, b = normal(0, 2, 4, 5, 6), normal(1, 4, 3, 3, 2), normal(2, 6)
    window = {"stride": (2, 3), "padding": 1, "output_padding": (1, 0), "groups": 2}
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    expected = torch.nn.functional.conv_transpose2d(*leaves, **window)
    dy = normal(3, *expected.shape)
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(ops.conv_transpose2d(x, w, b, **window), expected.detach())
    for ours, leaf in zip(ops.conv_transpose2d_backward(dy, x, w, **window), leaves, strict=True):
        np.testing.assert_allclose(ours, leaf.grad, atol=1e-11)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_multiplies_the_size_by_the_stride(kernel, stride):
    x, w = normal(0, 1, 2, 3, 4), normal(1, 2, 1, kernel, kernel)
    window = {"stride": stride, "padding": "same"}
    y = ops.conv_transpose2d(x, w, **window)
    assert y.shape == (1, 1, 3 * stride, 4 * stride)
    image = normal(2, *y.shape)
    assert np.isclose(np.vdot(ops.conv2d(image, w, **window), x), np.vdot(image, y))
    dx, _, _ = ops.conv_transpose2d_backward(image, x, w, **window)
    assert dx.shape == x.shape


def test_out_shape_is_that_of_the_output():
    window = {"stride": (3, 2), "padding": 1, "output_padding": (2, 0), "groups": 2}
    x, w = np.zeros((2, 4, 3, 5)), np.zeros((4, 3, 3, 4))
    shape = ops.conv_transpose2d_out_shape(x.shape, w.shape, **window)
    assert shape == ops.conv_transpose2d(x, w, **window).shape


X, W = np.zeros((2, 4, 3, 3)), np.zeros((4, 6, 2, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.conv_transpose2d(X[0], W), ValueError, r"4 axes.*Use x\[None\]"),
        (lambda: ops.conv_transpose2d(X, W.astype(np.float32)), TypeError, "w is float32"),
        (lambda: ops.conv_transpose2d(X, W.swapaxes(0, 1)), ValueError, r"w\.shape\[0\] = 4"),
        (lambda: ops.conv_transpose2d(X, W, np.zeros(4)), ValueError, r"one number per output"),
        (lambda: ops.conv_transpose2d(X, W, output_padding=1), ValueError, "less than the stride"),
        (lambda: ops.conv_transpose2d(X, W, padding=2), ValueError, "0 x 0 pixels.*less padding"),
        (lambda: ops.conv_transpose2d(X, W, groups=3), ValueError, "groups is 3"),
        (lambda: ops.conv_transpose2d_backward(X, X, W), ValueError, r"\(2, 6, 4, 4\)"),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
