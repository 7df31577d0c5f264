import numpy as np
import pytest

from minicnn import cost, nn, ops


def test_it_is_the_operation_with_weights_of_its_own():
    layer = nn.LocallyConnected2d(
        2, 3, (5, 4), (2, 3), stride=(1, 2), padding=1, dilation=(2, 1), seed=0, dtype=np.float64
    )
    assert layer.weight.shape == (5, 2, 3, 2, 2, 3)
    assert layer.bias.shape == (3, 5, 2)
    x = np.random.default_rng(0).normal(size=(4, 2, 5, 4))
    layer.bias.data[...] = np.random.default_rng(1).normal(size=layer.bias.shape)
    how = {"stride": (1, 2), "padding": 1, "dilation": (2, 1)}
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(
        y, ops.locally_connected2d(x, layer.weight.data, layer.bias.data, **how)
    )
    dy = np.random.default_rng(2).normal(size=y.shape)
    dx, dw, db = ops.locally_connected2d_backward(dy, x, layer.weight.data, **how)
    np.testing.assert_array_equal(layer.backward(dy), dx)
    np.testing.assert_array_equal(layer.weight.grad, dw)
    np.testing.assert_array_equal(layer.bias.grad, db)


def test_parameters_grow_with_the_image_and_multiply_adds_do_not_care():
    shared = nn.Conv2d(1, 8, 3, padding=1, seed=0)
    for size in (8, 16, 28):
        layer = nn.LocallyConnected2d(1, 8, size, 3, padding=1, seed=0)
        assert layer.num_parameters == size**2 * shared.num_parameters
        assert layer.macs((1, size, size)) == shared.macs((1, size, size))
    assert cost.summary(layer, (1, 28, 28)).params == 28**2 * 80


def test_first_weights_have_the_size_of_a_convolutions():
    layer = nn.LocallyConnected2d(4, 8, 20, 3, init="he", seed=0)
    assert layer.weight.data.std() == pytest.approx(np.sqrt(2 / (4 * 9)), rel=0.01)
    layer = nn.LocallyConnected2d(4, 8, 20, 3, init="xavier_normal", seed=0)
    assert layer.weight.data.std() == pytest.approx(np.sqrt(2 / (4 * 9 + 8 * 9)), rel=0.01)
    positions = layer.weight.data.reshape(18 * 18, -1)
    assert len(np.unique(positions, axis=0)) == 18 * 18  # no two start alike
    again = nn.LocallyConnected2d(4, 8, 20, 3, init="xavier_normal", seed=0)
    np.testing.assert_array_equal(again.weight.data, layer.weight.data)


def test_it_learns_where_things_are():
    """A convolution cannot tell left from right by position alone; this layer can."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 1, 4, 4)).astype(np.float32)
    target = x * np.linspace(-1, 1, 4, dtype=np.float32)
    layer = nn.LocallyConnected2d(1, 1, 4, 1, bias=False, seed=0)
    for _ in range(200):
        layer.zero_grad()
        layer.backward(2 * (layer.forward(x, training=True) - target) / len(x))
        layer.weight.data -= 0.1 * layer.weight.grad
    np.testing.assert_allclose(layer(x), target, atol=1e-3)


def test_other_sizes_are_refused():
    layer = nn.LocallyConnected2d(1, 2, (6, 5), 3, bias=False, seed=0)
    assert "in_size=(6, 5)" in repr(layer)
    assert "bias=False" in repr(layer)
    with pytest.raises(ValueError, match="for images of \\(6, 5\\) only"):
        layer.out_shape((1, 5, 6))
    with pytest.raises(ValueError, match="filters for each output pixel"):
        layer(np.ones((1, 1, 7, 7), np.float32))
    with pytest.raises(ValueError, match="smaller kernel"):
        nn.LocallyConnected2d(1, 2, 3, 5, seed=0)
