"""Quantised layers: the grid, its gradients, and sums that are whole numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import numerical_gradient
from scipy.signal import correlate

from minicnn import nn
from minicnn.nn.fake_quantize import on_grid


def forget_rounding(monkeypatch):
    """Leave out the rounding, so that what the gradient stands for can be differentiated."""
    from minicnn.nn import fake_quantize, quantized

    def smooth(x, step, zero, low, high):
        return np.clip(x / step + zero, low, high)

    monkeypatch.setattr(fake_quantize, "on_grid", smooth)
    monkeypatch.setattr(quantized, "on_grid", smooth)


@given(
    st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=20),
    st.floats(1e-3, 10),
    st.integers(2, 8),
    st.data(),
)
def test_numbers_on_a_grid(values, step, bits, data):
    zero = data.draw(st.integers(0, 2**bits - 1))
    layer = nn.FakeQuantize(step, zero, bits=bits)
    x = np.array(values, np.float32)
    y, q = layer(x), layer.to_bytes(x)
    assert q.dtype == np.uint8
    assert q.max() < 2**bits
    np.testing.assert_allclose(y, layer.step * (q.astype(float) - zero), rtol=1e-5, atol=1e-6)
    low, high = (layer.step * (end - zero) for end in (0, layer.high))
    nearest = np.clip(x, low, high)
    assert np.all(np.abs(y - nearest) <= 0.5001 * layer.step + 1e-5)
    np.testing.assert_array_equal(layer(y), y)
    assert layer(np.zeros(1, np.float32)) == 0


def test_half_goes_to_even_and_zero_has_no_sign():
    x = np.array([0.5, 1.5, 2.5, -0.5, -0.2], np.float32)
    q = on_grid(x, np.float32(1), 0, -7, 7)
    assert q.tolist() == [0, 2, 2, 0, 0]
    assert not np.signbit(q).any()


def test_gradient_of_the_step_is_that_of_the_paper():
    layer = nn.FakeQuantize(0.5, 2, bits=3, dtype=np.float64)  # from -1 to 2.5
    x = np.array([-3.0, -1.0, 0.3, 1.1, 2.4, 2.6, 9.0])
    layer.forward(x, training=True)
    dy = np.arange(1.0, 8)
    dx = layer.backward(dy)
    assert dx.tolist() == [0, 2, 3, 4, 5, 6, 0]  # 2.6 is rounded into the grid
    q = np.array([-2, -2, 1, 2, 5, 5, 5])
    per_step = np.where(dx != 0, q - x / 0.5, q)
    np.testing.assert_allclose(layer.log_step.grad, (dy * per_step).sum() * 0.5 * np.log(2))


def layers():
    how = {"seed": 1, "dtype": np.float64}
    conv = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2)}
    return {
        "conv": (nn.QuantConv2d(3, 4, (3, 2), **conv, bits=5, **how), (2, 3, 7, 6)),
        "depthwise": (nn.QuantConv2d(4, 4, 3, groups=4, padding="same", **how), (2, 4, 5, 5)),
        "no bias": (nn.QuantConv2d(2, 3, 1, bias=False, bits=2, **how), (1, 2, 1, 1)),
        "linear": (nn.QuantLinear(7, 5, bits=4, activation_bits=6, **how), (3, 7)),
    }


def set_grid(layer, step=0.04, zero=100):
    grid = layer.quantize_input
    grid.log_step.data[...] = np.log2(step)
    grid.zero_point[...] = min(zero, grid.high // 2)
    if layer.bias is not None:
        layer.bias.data[...] = np.linspace(-1, 1, layer.bias.size)


@pytest.mark.parametrize("name", layers())
def test_inference_is_whole_numbers(name):
    layer, shape = layers()[name]
    set_grid(layer)
    x = np.random.default_rng(0).normal(size=shape)
    q, w = layer.quantize_input.to_bytes(x), layer.integer_weight()
    assert w.dtype == np.int8
    assert np.abs(w).max() == 2 ** (layer.bits - 1) - 1
    bias = layer.integer_bias()
    sums = layer.sums(q)
    assert sums.dtype == np.int32
    centred = q.astype(np.int64) - layer.quantize_input.zero
    if isinstance(layer, nn.QuantLinear):
        want = centred @ w.T.astype(np.int64) + bias
        real = want * layer.scale
    else:
        plain = nn.Conv2d(**nn.Conv2d.config(layer))
        plain.weight.data[...] = w
        if bias is not None:
            plain.bias.data[...] = bias
        want = np.rint(plain(centred.astype(np.float64))).astype(np.int64)
        real = want * layer.scale[:, None, None]
    np.testing.assert_array_equal(sums, want)
    np.testing.assert_allclose(layer(x), real, rtol=1e-12)
    np.testing.assert_allclose(layer.forward(x, training=True), layer(x), atol=0.05)


def test_sums_against_scipy():
    layer = nn.QuantConv2d(2, 1, 3, seed=0)
    set_grid(layer, zero=77)
    q = np.random.default_rng(0).integers(0, 256, (1, 2, 6, 5), dtype=np.uint8)
    centred, w = q[0].astype(int) - 77, layer.integer_weight()[0].astype(int)
    want = correlate(centred, w, mode="valid")[0] + layer.integer_bias()[0]
    np.testing.assert_array_equal(layer.sums(q)[0, 0], want)


@pytest.mark.parametrize("name", layers())
def test_gradients_are_those_without_rounding(name, monkeypatch):
    layer, shape = layers()[name]
    set_grid(layer, step=0.2, zero=30)  # everything within the grid, so nothing has a kink
    layer.log_step.data += 0.2
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, shape)
    forget_rounding(monkeypatch)
    y = layer.forward(x, training=True)
    dy = rng.normal(size=y.shape)
    dx = layer.backward(dy)

    def run(value):
        result = layer.forward(value, training=True)
        layer.forget()
        return result

    np.testing.assert_allclose(dx, numerical_gradient(run, x, dy), atol=1e-6)


@pytest.mark.parametrize("name", layers())
def test_gradients_of_weights(name):
    layer, shape = layers()[name]
    set_grid(layer)
    x = np.random.default_rng(0).normal(size=shape)
    y = layer.forward(x, training=True)
    dy = np.random.default_rng(1).normal(size=y.shape)
    layer.backward(dy)
    kind = nn.QuantLinear if name == "linear" else nn.QuantConv2d
    plain = kind.__mro__[2](**kind.__mro__[2].config(layer))  # Linear or Conv2d
    plain.weight.data[...] = layer.rounded_weight()
    plain.forward(layer.quantize_input(x), training=True)
    plain.backward(dy)
    np.testing.assert_allclose(layer.weight.grad, plain.weight.grad)
    if layer.bias is not None:
        np.testing.assert_allclose(layer.bias.grad, plain.bias.grad)
    rest = (layer.rounded_weight() - layer.weight.data) * plain.weight.grad * np.log(2)
    want = rest.reshape(len(rest), -1).sum(axis=1)
    np.testing.assert_allclose(layer.log_step.grad, want, atol=1e-12)


def test_snapping_changes_no_output():
    layer = nn.QuantConv2d(3, 4, 3, bits=4, seed=0)
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 6)).astype(np.float32)
    before, w = layer(x), layer.integer_weight()
    layer.snap()
    np.testing.assert_array_equal(layer(x), before)
    np.testing.assert_array_equal(layer.integer_weight(), w)
    assert all(len(np.unique(row)) <= 15 for row in layer.weight.data)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="wants 2 to 8"):
        nn.QuantLinear(3, 2, bits=9, seed=0)
    with pytest.raises(ValueError, match="step above 0"):
        nn.FakeQuantize(0.0)
    with pytest.raises(ValueError, match="wants 0 to 15"):
        nn.FakeQuantize(0.1, 16, bits=4)
    with pytest.raises(TypeError, match="astype"):
        nn.FakeQuantize(0.1)(np.zeros(3))
