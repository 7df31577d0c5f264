"""Slimming: the gradient of the penalty is that of finite differences, and gammas get sparse."""

import numpy as np
import pytest
from oracles import numerical_gradient

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress import SlimGammas
from minicnn.compress.slim import gammas


def network(dtype=np.float64):
    rng = np.random.default_rng(0)
    body = nn.Sequential(nn.Conv2d(4, 4, 1, seed=rng, dtype=dtype), nn.BatchNorm2d(4, dtype=dtype))
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False, seed=rng, dtype=dtype),
        nn.BatchNorm2d(4, dtype=dtype),
        nn.ReLU(),
        nn.Residual(body),
        nn.GlobalAvgPool2d(),
        nn.Flatten(),
        nn.Linear(4, 10, seed=rng, dtype=dtype),
    )
    for gamma in gammas(model):
        gamma.data[:] = rng.standard_normal(4)
    return model


def test_the_gradient_is_that_of_the_penalty():
    model, hook = network(), SlimGammas(0.3)
    assert len(gammas(model)) == 2
    for gamma in gammas(model):
        gamma.grad = np.full(4, 2.0)
    hook.on_backward_end(model, 0)
    for gamma in gammas(model):

        def loss(values, gamma=gamma):
            kept, gamma.data = gamma.data, values
            total = hook.penalty(model)
            gamma.data = kept
            return np.array(total)

        slope = numerical_gradient(loss, gamma.data, np.array(1.0))
        np.testing.assert_allclose(gamma.grad, 2 + slope, atol=1e-7)


def test_frozen_and_masked_gammas_stay():
    model = network()
    first, second = gammas(model)
    first.trainable = False
    second.constrain(nn.Mask(np.array([True, False, True, True])))
    SlimGammas(1.0).on_backward_end(model, 0)
    assert first.grad is None
    assert second.grad[1] == 0
    assert np.all(second.grad[[0, 2, 3]] != 0)


def test_the_stronger_the_penalty_the_smaller_the_gammas():
    x, y = mc.data.glyphs(200, size=8, seed=0)
    sums, models = [], []
    for strength in (0.0, 0.02, 0.2):
        model = network(np.float32)
        mc.fit(
            model, (x, y), epochs=3, seed=0, progress=False, hooks=[SlimGammas(strength)],
            optimizer=mc.optim.SGD(0.05, momentum=0.9),
        )  # fmt: skip
        sums.append(sum(np.abs(gamma.data).sum() for gamma in gammas(model)))
        models.append(model)
    assert sums[0] > sums[1] > sums[2]
    plain = network(np.float32)
    mc.fit(
        plain, (x, y), epochs=3, seed=0, progress=False,
        optimizer=mc.optim.SGD(0.05, momentum=0.9),
    )  # fmt: skip
    assert np.array_equal(plain(x), models[0](x))
    small, _ = compress.trim(models[2], channels=0.5, by="gamma")
    assert small.out_shape((1, 8, 8)) == (10,)


@pytest.mark.parametrize("strength", [-1, float("nan"), float("inf")])
def test_bad_strengths_are_refused(strength):
    with pytest.raises(ValueError, match="wants a finite number"):
        SlimGammas(strength)


def test_a_model_without_normalisation_is_refused():
    with pytest.raises(ValueError, match="no BatchNorm2d"):
        SlimGammas(1.0).on_backward_end(mc.models.small_cnn(), 0)
