"""Every layer's backward, and whole networks', against central differences in float64."""

import numpy as np
import pytest
from oracles import numerical_gradient

from minicnn import nn

F64 = {"dtype": np.float64}

LAYERS = {
    "conv": (lambda: nn.Conv2d(3, 4, (3, 2), seed=0, **F64), (2, 3, 5, 4)),
    "conv strided, same": (
        lambda: nn.Conv2d(2, 3, 3, stride=2, padding="same", seed=0, **F64),
        (2, 2, 5, 6),
    ),
    "conv grouped, dilated": (
        lambda: nn.Conv2d(
            4, 6, 3, groups=2, dilation=(2, 1), padding=((2, 1), (0, 1)), seed=0, **F64
        ),
        (2, 4, 5, 4),
    ),
    "conv depthwise, no bias": (
        lambda: nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False, seed=0, **F64),
        (2, 3, 4, 5),
    ),
    "conv transposed": (
        lambda: nn.ConvTranspose2d(
            4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, seed=0, **F64
        ),
        (2, 4, 3, 2),
    ),
    "linear": (lambda: nn.Linear(7, 5, seed=0, **F64), (3, 7)),
    "linear, no bias": (lambda: nn.Linear(4, 3, bias=False, seed=0, **F64), (1, 4)),
    "batch norm": (lambda: nn.BatchNorm2d(3, **F64), (4, 3, 3, 2)),
    "relu": (nn.ReLU, (2, 3, 4, 3)),
    "leaky relu": (lambda: nn.LeakyReLU(0.2), (2, 9)),
    "relu6": (nn.ReLU6, (2, 3, 4, 3)),
    "sigmoid": (nn.Sigmoid, (2, 9)),
    "tanh": (nn.Tanh, (2, 9)),
    "max pool": (lambda: nn.MaxPool2d(3, stride=2, padding=1), (2, 2, 5, 6)),
    "average pool": (lambda: nn.AvgPool2d((2, 3), stride=1), (2, 2, 4, 5)),
    "average pool, border not counted": (
        lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        (2, 2, 5, 4),
    ),
    "global average pool": (nn.GlobalAvgPool2d, (2, 3, 4, 3)),
    "flatten": (nn.Flatten, (2, 3, 2, 2)),
    "identity": (nn.Identity, (2, 3)),
    "dropout": (lambda: nn.Dropout(0.4, seed=3), (4, 6)),
}


def networks():
    def conv_pool_norm():
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, bias=False, seed=0),
            nn.BatchNorm2d(4),
            nn.Tanh(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 3, 2, seed=1),
            nn.LeakyReLU(0.1),
            nn.AvgPool2d(2, stride=1),
            nn.Flatten(),
            nn.Dropout(0.3, seed=5),
            nn.Linear(3, 4, seed=2),
        )

    def residual():
        return nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1, seed=0),
            nn.Residual(
                nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, seed=1), nn.BatchNorm2d(3), nn.Tanh())
            ),
            nn.ReLU(),
            nn.Residual(
                nn.Sequential(
                    nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False, seed=2),
                    nn.BatchNorm2d(4),
                    nn.Sigmoid(),
                    nn.Conv2d(4, 4, 3, padding=1, groups=2, seed=3),
                ),
                nn.Sequential(nn.Conv2d(3, 4, 1, stride=2, seed=4), nn.BatchNorm2d(4)),
            ),
            nn.ReLU(),
            nn.GlobalAvgPool2d(),
            nn.Flatten(),
            nn.Linear(4, 3, seed=5),
        )

    return {"conv, pools, norm, dropout": conv_pool_norm, "residual": residual}


def forward_of(layer):
    """A function of x that always starts from the same layer, so dropout drops the same."""

    def forward(x):
        return layer.copy().forward(x, training=True)

    return forward


def check(layer, x):
    """Compare dx and every parameter's gradient with finite differences."""
    rng = np.random.default_rng(1)
    for p in layer.parameters().values():  # no gradient may hide behind a zero or a one
        p.data += rng.normal(scale=0.1, size=p.shape)
    forward = forward_of(layer)
    dy = rng.normal(size=forward(x).shape)
    working = layer.copy()
    working.forward(x, training=True)
    dx = working.backward(dy)
    assert dx.dtype == np.float64
    np.testing.assert_allclose(dx, numerical_gradient(forward, x, dy), rtol=1e-5, atol=1e-7)

    for name, p in working.parameters().items():

        def of_parameter(values, name=name):
            twin = layer.copy()
            twin.parameters()[name].data[...] = values
            return twin.forward(x, training=True)

        expected = numerical_gradient(of_parameter, layer.parameters()[name].data.copy(), dy)
        np.testing.assert_allclose(p.grad, expected, rtol=1e-5, atol=1e-7, err_msg=name)

    # Without dx, the gradients of the parameters must be the same numbers.
    lean = layer.copy()
    lean.forward(x, training=True)
    lean.backward_parameters(dy)
    for name, p in lean.parameters().items():
        np.testing.assert_array_equal(p.grad, working.parameters()[name].grad, err_msg=name)


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    build, shape = LAYERS[name]
    x = np.random.default_rng(0).normal(size=shape)
    check(build(), x)


@pytest.mark.parametrize("name", networks())
def test_network(name):
    x = np.random.default_rng(0).normal(size=(3, 2, 6, 6))
    check(networks()[name]().astype(np.float64), x)


def test_batch_norm_in_inference_form():
    """A frozen BatchNorm2d uses the running statistics in training, and its dx is of that."""
    layer = nn.BatchNorm2d(3, dtype=np.float64)
    layer.running_mean[...] = [0.5, -1.0, 2.0]
    layer.running_var[...] = [2.0, 0.3, 1.0]
    layer.freeze()
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 2))
    dy = np.random.default_rng(1).normal(size=x.shape)
    np.testing.assert_array_equal(layer.forward(x, training=True), layer(x))
    dx = layer.backward(dy)
    np.testing.assert_allclose(dx, numerical_gradient(layer, x, dy), rtol=1e-6)
    np.testing.assert_array_equal(layer.running_mean, [0.5, -1.0, 2.0])
    assert layer.weight.grad is None


def test_gradients_add_up_until_zero_grad():
    layer = nn.Conv2d(2, 3, 3, seed=0)
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 4)).astype(np.float32)
    dy = np.ones((2, 3, 2, 2), np.float32)
    layer.forward(x, training=True)
    layer.backward(dy)
    once = layer.weight.grad.copy()
    layer.forward(x, training=True)
    layer.backward(dy)
    np.testing.assert_allclose(layer.weight.grad, 2 * once, rtol=1e-6)
    layer.zero_grad()
    assert layer.weight.grad is None
    assert layer.bias.grad is None


@pytest.mark.parametrize("frozen", ["weight", "bias", "both"])
def test_frozen_parameters_get_no_gradient(frozen):
    layer = nn.Conv2d(2, 3, 3, seed=0)
    layer.freeze(*([] if frozen == "both" else [frozen]))
    x = np.random.default_rng(0).normal(size=(1, 2, 4, 4)).astype(np.float32)
    dy = np.ones((1, 3, 2, 2), np.float32)
    layer.forward(x, training=True)
    dx = layer.backward(dy)
    assert (layer.weight.grad is None) == (frozen in ("weight", "both"))
    assert (layer.bias.grad is None) == (frozen in ("bias", "both"))
    layer.unfreeze()
    layer.forward(x, training=True)
    np.testing.assert_array_equal(dx, layer.backward(dy))
