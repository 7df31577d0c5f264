"""Clipping: what sticks out is cut off, stays so, and PACT's limit learns the true gradient."""

import numpy as np
import pytest
from oracles import numerical_gradient

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.prune import prunable


@pytest.fixture(scope="module")
def digits():
    return mc.data.load("digits")


def test_weights_are_bounded_by_their_own_spread():
    model = mc.models.small_cnn(seed=0)
    small, told = compress.clip(model, weights=1.5)
    for name, parameter in prunable(small).items():
        old = prunable(model)[name].data
        limit = 1.5 * np.sqrt(np.mean(old.astype(np.float64) ** 2))
        np.testing.assert_allclose(parameter.data, np.clip(old, -limit, limit), rtol=1e-6)
        assert isinstance(parameter.constraints[0], nn.Range)
    assert len(told.changes) == 3
    assert "cut off" in told.changes[0].what


def test_the_bound_holds_through_training(digits):
    small, _ = compress.clip(mc.models.small_cnn(seed=0), weights=1.0)
    limits = {n: p.constraints[0].high for n, p in prunable(small).items()}
    mc.fit(small, digits[:2], epochs=1, seed=0, progress=False, optimizer=mc.optim.Adam(3e-3))
    for name, parameter in prunable(small).items():
        assert np.abs(parameter.data).max() <= np.float32(limits[name])


@pytest.mark.parametrize("kind", ["relu6", "pact"])
@pytest.mark.parametrize("name", ["small_cnn", "resnet_cifar"])
def test_every_relu_is_replaced(kind, name):
    how = {"depth": 8} if name == "resnet_cifar" else {}
    model = getattr(mc.models, name)((1, 8, 8), seed=0, dtype=np.float64, **how)
    bounded, told = compress.clip(model, activations=kind)
    assert not any(type(layer) is nn.ReLU for _, layer in bounded.named_layers())
    assert any(type(layer) is nn.ReLU for _, layer in model.named_layers())
    x = np.random.default_rng(0).random((3, 1, 8, 8))
    small = 1e-3 * x  # nothing reaches the limit
    np.testing.assert_allclose(bounded(small), model(small), rtol=1e-9)
    assert all("ReLU to" in change.what for change in told.changes)


def test_limits_come_from_images(digits):
    x = digits[0][:100]
    model = mc.models.small_cnn(seed=0)
    bounded, _ = compress.clip(model, activations="pact", images=x, keep=0.9)
    seen = model[0](x)
    assert bounded[1].alpha.data[0] == pytest.approx(np.quantile(seen[seen > 0], 0.9), rel=1e-6)
    exact, _ = compress.clip(model, activations="pact", images=x, keep=1.0)
    np.testing.assert_allclose(exact(x), model(x), rtol=1e-5, atol=1e-6)


def test_gradients_of_pact():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(0, 2, (4, 3, 2, 2)), rng.standard_normal((4, 3, 2, 2))
    layer = nn.PACT(1.5, dtype=np.float64)
    layer.forward(x, training=True)
    dx = layer.backward(dy)
    np.testing.assert_allclose(dx, numerical_gradient(layer, x, dy), atol=1e-7)

    def of_alpha(alpha):
        twin = nn.PACT(dtype=np.float64)
        twin.alpha.data[...] = alpha
        return twin(x)

    expected = numerical_gradient(of_alpha, np.array([1.5]), dy)
    np.testing.assert_allclose(layer.alpha.grad, expected, atol=1e-6)


def test_the_limit_learns(digits):
    model = mc.models.small_cnn(seed=0)
    bounded, _ = compress.clip(model, activations="pact", images=digits[0][:50], keep=0.7)
    before = bounded[1].alpha.data[0]
    mc.fit(bounded, digits[:2], epochs=2, seed=0, progress=False, optimizer=mc.optim.Adam(3e-3))
    assert bounded[1].alpha.data[0] != before
    assert mc.evaluate(bounded, digits[2:]).error < 0.15


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"weights": 0},
        {"activations": "tanh"},
        {"activations": "pact", "keep": 0.0},
    ],
)
def test_bad_input_is_refused(settings):
    with pytest.raises(ValueError, match="wants"):
        compress.clip(mc.models.small_cnn(seed=0), **settings)


def test_pact_refuses_another_dtype():
    with pytest.raises(TypeError, match="float32"):
        nn.PACT()(np.zeros((1, 2)))
