"""First weights: their fans, their variance, their seed."""

import numpy as np
import pytest

from minicnn import nn
from minicnn.nn import init


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((300, 784), (784, 300)), ((50, 20, 5, 5), (500, 1250)), ((32, 1, 3, 3), (9, 288))],
)
def test_fans(shape, fans):
    assert init.fans(shape) == fans


@pytest.mark.parametrize("shape", [(3,), (), (3, 0)])
def test_fans_refuse(shape):
    with pytest.raises(ValueError, match="expected"):
        init.fans(shape)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("he_normal", 2 / 450),
        ("he_uniform", 2 / 450),
        ("xavier_normal", 2 / (450 + 900)),
        ("xavier_uniform", 2 / (450 + 900)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_variance(name, variance, dtype):
    w = init.by_name(name)((100, 50, 3, 3), np.random.default_rng(0), dtype)
    assert w.dtype == dtype
    assert abs(w.mean()) < 4 * np.sqrt(variance / w.size)
    assert abs(w.var() / variance - 1) < 0.03
    bound = np.sqrt(3 * variance)
    assert (np.abs(w).max() <= bound) == name.endswith("uniform")


def test_both_precisions_start_from_the_same_weights():
    single = nn.Conv2d(3, 4, 3, seed=7)
    double = nn.Conv2d(3, 4, 3, seed=7, dtype=np.float64)
    np.testing.assert_array_equal(single.weight.data, double.weight.data.astype(np.float32))


def test_a_shared_generator_gives_each_layer_its_own_numbers():
    rng = np.random.default_rng(0)
    one, two = nn.Linear(4, 4, seed=rng), nn.Linear(4, 4, seed=rng)
    assert (one.weight.data != two.weight.data).any()
    np.testing.assert_array_equal(one.weight.data, nn.Linear(4, 4, seed=0).weight.data)
    assert not one.bias.data.any()


@pytest.mark.parametrize("groups", [1, 4, 16])
def test_he_keeps_the_size_of_the_signal(groups):
    """A grouped convolution sums fewer channels, so its weights must be larger."""
    x = np.random.default_rng(0).normal(size=(8, 16, 12, 12)).astype(np.float32)
    y = nn.Conv2d(16, 64, 3, groups=groups, seed=1)(x)
    assert 1.6 < y.var() < 2.4  # He: twice the variance, half of which ReLU takes away


def test_transposed_convolution_keeps_the_size_of_the_signal():
    x = np.random.default_rng(0).normal(size=(8, 16, 12, 12)).astype(np.float32)
    y = nn.ConvTranspose2d(16, 64, 4, stride=2, padding=1, seed=1)(x)
    assert 1.6 < y.var() < 2.4
