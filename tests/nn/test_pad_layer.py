"""The border layer against numpy.pad, its gradient, and a round trip through its description."""

import numpy as np
import pytest

from minicnn import nn
from minicnn.nn.pad import Pad2d


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", [0, 2, (0, 1), ((1, 0), (2, 3))])
def test_against_numpy(padding, dtype):
    value = np.array([1.5, -2, 0])
    layer = Pad2d(3, padding, value=value, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(dtype)
    y = layer(x)
    expected = [
        np.pad(x[:, c : c + 1], ((0, 0), (0, 0), *layer.padding), constant_values=value[c])
        for c in range(3)
    ]
    assert np.array_equal(y, np.concatenate(expected, axis=1))
    assert y.shape[1:] == layer.out_shape((3, 4, 5))
    assert y.dtype == x.dtype
    assert np.array_equal(layer.backward(y), x)


def test_description_and_values_survive():
    model = nn.Sequential(Pad2d(2, (1, 2), value=[3, 4]), nn.ReLU())
    twin = nn.from_spec(nn.to_spec(model))
    twin.load_state_dict(model.state_dict())
    x = np.ones((1, 2, 3, 3), np.float32)
    assert np.array_equal(twin(x), model(x))
    assert model.astype(np.float64)(x.astype(np.float64)).dtype == np.float64
    assert repr(model[0]) == "Pad2d(2, padding=((1, 1), (2, 2)))"


def test_messages():
    with pytest.raises(ValueError, match=r"padding is 'same'; .* Use for example padding=1"):
        Pad2d(2, "same")
    with pytest.raises(ValueError, match=r"value has shape \(3,\); expected .* Use an array"):
        Pad2d(2, 1, value=np.zeros(3))
    with pytest.raises(ValueError, match=r"wants \(2, H, W\)"):
        Pad2d(2, 1)(np.zeros((1, 3, 4, 4), np.float32))
    with pytest.raises(TypeError, match=r"x has dtype float64; .* Use x.astype\(np.float32\)"):
        Pad2d(2, 1)(np.zeros((1, 2, 4, 4)))
