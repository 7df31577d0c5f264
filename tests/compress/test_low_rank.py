"""Low rank: exact for weights of that rank, smaller otherwise, best in the sum of squares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.low_rank import rank_for


def conv_of_rank_one(C, K, R, S, rng, method, **how):
    """A convolution that has factors of rank one."""
    conv = nn.Conv2d(C, K, (R, S), seed=0, dtype=np.float64, **how)
    a, b, c, d = (rng.standard_normal(n) for n in (K, C, R, S))
    if method == "separable":
        conv.weight.data[...] = np.einsum("ks,cr->kcrs", np.outer(a, d), np.outer(b, c))
    else:
        conv.weight.data[...] = np.einsum("k,c,rs->kcrs", a, b, rng.standard_normal((R, S)))
    conv.bias.data[...] = rng.standard_normal(K)
    return conv


@given(
    st.sampled_from(["tucker", "separable"]),
    st.tuples(*[st.integers(2, 5)] * 2, *[st.integers(1, 4)] * 2),
    st.sampled_from([1, 2, (2, 1)]),
    st.sampled_from([0, 1, (0, 2), ((1, 0), (2, 3)), "same", "valid"]),
    st.sampled_from([1, 2, (1, 2)]),
)
def test_exact_for_a_layer_of_that_rank(method, sizes, stride, padding, dilation):
    rng = np.random.default_rng(0)
    conv = conv_of_rank_one(*sizes, rng, method, stride=stride, padding=padding, dilation=dilation)
    model = nn.Sequential(conv)
    small, told = compress.low_rank(model, energy=1 - 1e-9, method=method)
    x = rng.standard_normal((2, sizes[0], 9, 8))
    np.testing.assert_allclose(small(x), model(x), rtol=1e-9, atol=1e-9)
    assert small.num_parameters <= model.num_parameters
    assert (len(small) > 1) == ("rank 1" in told.changes[0].what)


def test_linear_is_the_best_of_its_rank():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(30, 20, seed=0, dtype=np.float64))
    w = model[0].weight.data
    small, _ = compress.low_rank(model, energy=0.6)
    product = small[1].weight.data @ small[0].weight.data
    rank = small[0].out_features
    s = np.linalg.svd(w, compute_uv=False)
    assert np.linalg.norm(w - product) == pytest.approx(np.linalg.norm(s[rank:]))
    assert (s[:rank] ** 2).sum() >= 0.6 * (s**2).sum() > (s[: rank - 1] ** 2).sum()
    x = rng.standard_normal((3, 30))
    assert np.abs(small(x) - x @ product.T - model[0].bias.data).max() < 1e-12


@pytest.mark.parametrize("method", ["tucker", "separable"])
@pytest.mark.parametrize("budget", [0.2, 0.5, 0.8])
def test_a_budget_is_kept_and_used(method, budget):
    model = mc.models.lenet5(seed=0)
    small, told = compress.low_rank(model, budget=budget, method=method, in_shape=(1, 28, 28))
    assert 0.85 * budget <= small.num_parameters / model.num_parameters <= budget
    assert told.after.params == small.num_parameters
    assert small.out_shape((1, 28, 28)) == (10,)


def test_through_residuals_and_with_folding():
    model = mc.models.resnet_cifar((3, 16, 16), depth=8, seed=0, dtype=np.float64)
    small, _ = compress.low_rank(model, energy=0.7)
    assert small.num_parameters < model.num_parameters
    folded, _ = mc.exchange.fold_batchnorm(small)
    x = np.random.default_rng(0).standard_normal((2, 3, 16, 16))
    np.testing.assert_allclose(folded(x), small(x), rtol=1e-9, atol=1e-9)
    assert not any(isinstance(layer, nn.BatchNorm2d) for _, layer in folded.named_layers())


def test_what_is_not_smaller_stays():
    model = mc.models.small_cnn(seed=0)
    same, told = compress.low_rank(model, energy=1.0)
    x = np.random.default_rng(0).random((2, 1, 8, 8), dtype=np.float32)
    assert np.array_equal(same(x), model(x))
    assert all("stays" in change.what for change in told.changes)


def test_flags_and_constraints():
    pruned, _ = compress.prune(mc.models.lenet5(seed=0), sparsity=0.5)
    pruned.freeze("5")
    small, told = compress.low_rank(pruned, energy=0.5)
    linear = [layer for layer in small if isinstance(layer, nn.Linear)]
    assert not linear[0].weight.trainable
    assert not linear[1].bias.trainable
    assert linear[2].weight.trainable
    assert any("constraints are dropped" in change.what for change in told.changes)


@pytest.mark.parametrize("method", ["tucker", "separable"])
def test_a_bias_keeps_its_rules(method):
    model = mc.models.lenet5(seed=0)
    for name, parameter in model.parameters().items():
        if name.endswith("bias"):
            parameter.data[...] = 1
            parameter.constrain(nn.Mask(np.arange(parameter.size) % 2 == 1))
    small, _ = compress.low_rank(model, energy=0.5, method=method)
    assert len(small) > len(model)
    biases = [p for name, p in small.parameters().items() if name.endswith("bias")]
    assert all(isinstance(bias.constraints[0], nn.Mask) for bias in biases)
    again = compress.from_bytes(compress.to_bytes(small))
    x = np.random.default_rng(0).random((2, 1, 28, 28), dtype=np.float32)
    assert np.array_equal(again(x), small(x))


def test_rank_for():
    s = np.array([2.0, 1.0, 1.0])
    assert [rank_for(s, e) for e in (1e-9, 4 / 6, 0.7, 5 / 6, 0.99, 1.0)] == [1, 1, 2, 2, 3, 3]
    assert rank_for(np.zeros(3), 0.5) == 1


@pytest.mark.parametrize(
    "settings",
    [{}, {"energy": 0.5, "budget": 0.5}, {"energy": 0.0}, {"budget": 1.5}, {"budget": 0.001}],
)
def test_bad_input_is_refused(settings):
    with pytest.raises(ValueError, match="wants"):
        compress.low_rank(mc.models.lenet5(seed=0), **settings)
    with pytest.raises(ValueError, match="expected one of"):
        compress.low_rank(mc.models.lenet5(seed=0), energy=0.5, method="cp")
