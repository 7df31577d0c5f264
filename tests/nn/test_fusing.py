"""A ReLU done by the layer before it: the same bits, and nobody else's numbers overwritten."""

import numpy as np
import pytest

from minicnn import models, nn


def one_by_one(layer, x):
    """Forward in training without any fusing."""
    if isinstance(layer, nn.Sequential):
        for child in layer:
            x = one_by_one(child, x)
        return x
    if isinstance(layer, nn.Residual):
        return one_by_one(layer.body, x) + (
            x if layer.shortcut is None else one_by_one(layer.shortcut, x)
        )
    return layer.forward(x, training=True)


def back_one_by_one(layer, dy):
    if isinstance(layer, nn.Sequential):
        for child in reversed(list(layer)):
            dy = back_one_by_one(child, dy)
        return dy
    if isinstance(layer, nn.Residual):
        around = dy if layer.shortcut is None else back_one_by_one(layer.shortcut, dy)
        return back_one_by_one(layer.body, dy) + around
    return layer.backward(dy)


@pytest.mark.parametrize("name", ["small_cnn", "vgg_small", "resnet_cifar", "lenet_300_100"])
@pytest.mark.parametrize("forward", [one_by_one, None])
@pytest.mark.parametrize("backward", [back_one_by_one, None])
def test_the_same_bits(name, forward, backward):
    extra = {"depth": 8} if name == "resnet_cifar" else {}
    model = models.MODELS[name]((3, 16, 16), **extra)
    twin = model.copy()
    x = np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype(np.float32)
    expected = one_by_one(twin, x)
    y = model.forward(x, training=True) if forward is None else forward(model, x)
    np.testing.assert_array_equal(y, expected)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    expected = back_one_by_one(twin, dy)
    np.testing.assert_array_equal(model.backward(dy) if backward is None else backward(model, dy),
                                  expected)  # fmt: skip
    other = twin.parameters()
    for key, parameter in model.parameters().items():
        np.testing.assert_array_equal(parameter.grad, other[key].grad)
    for key, buffer in model.buffers().items():
        np.testing.assert_array_equal(buffer, twin.buffers()[key])
    assert all(layer._saved is None for _, layer in model.named_layers())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "layers",
    [
        [nn.ReLU()],
        [nn.Identity(), nn.ReLU()],
        [nn.Dropout(0.5, seed=0), nn.ReLU()],
        [nn.Flatten(), nn.ReLU()],
        [nn.Sequential(nn.Identity()), nn.ReLU()],
        [nn.Residual(nn.Sequential(nn.Identity())), nn.ReLU()],
        [nn.BatchNorm2d(2), nn.ReLU()],
        [nn.MaxPool2d(1), nn.ReLU()],
    ],
)
def test_the_input_is_never_written_over(layers, training):
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 4)).astype(np.float32)
    before = x.copy()
    nn.Sequential(*layers).forward(x, training=training)
    np.testing.assert_array_equal(x, before)


def test_what_a_layer_keeps_is_never_written_over():
    class Keeps(nn.Conv2d):
        def forward(self, x, training=False):
            self.seen = super().forward(x, training)
            return self.seen

    x = np.random.default_rng(0).standard_normal((3, 2, 4, 4)).astype(np.float32)
    layer = Keeps(2, 3, 3, seed=0)
    nn.Sequential(layer, nn.ReLU()).forward(x, training=True)
    assert (layer.seen < 0).any()
    model = nn.Sequential(nn.Tanh(), nn.ReLU())  # tanh keeps its output for the gradient
    y = model.forward(x, training=True)
    np.testing.assert_allclose(
        model.backward(np.ones_like(y)), np.where(x > 0, 1 - np.tanh(x) ** 2, 0), atol=1e-6
    )


def test_a_frozen_normalisation_with_relu():
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 4)).astype(np.float32)
    model = nn.Sequential(nn.Conv2d(2, 2, 1, seed=0), nn.BatchNorm2d(2), nn.ReLU())
    model[1].load_state_dict({**model[1].state_dict(), "running_var": np.full(2, 4, np.float32)})
    model.freeze("1")
    twin = model.copy()
    y, expected = model.forward(x, training=True), one_by_one(twin, x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(model.backward(y), back_one_by_one(twin, y))


def test_the_first_learning_layer_may_be_fused():
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 4)).astype(np.float32)
    model = nn.Sequential(
        nn.Conv2d(2, 2, 1, seed=0), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 3, 3, seed=1)
    )
    model.freeze("0")
    twin = model.copy()
    y, expected = model.forward(x, training=True), one_by_one(twin, x)
    model.backward_parameters(y)
    back_one_by_one(twin, expected)
    for key in ("1.weight", "1.bias", "3.weight"):
        np.testing.assert_array_equal(model.parameters()[key].grad, twin.parameters()[key].grad)
    assert all(layer._saved is None for _, layer in model.named_layers())
