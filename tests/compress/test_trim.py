"""Trimming: the narrow network is the wide one with some channels silenced, and really smaller."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.channels import groups_of

MODELS = {
    "lenet_300_100": (1, 28, 28),
    "lenet5": (1, 28, 28),
    "small_cnn": (1, 8, 8),
    "vgg_small": (3, 16, 16),
    "resnet_cifar": (3, 16, 16),
    "mobilenet_small": (3, 16, 16),
}


def build(name, dtype=np.float64):
    """A model whose normalisations do something."""
    how = {"depth": 8} if name == "resnet_cifar" else {}
    model = getattr(mc.models, name)(MODELS[name], seed=0, dtype=dtype, **how)
    rng = np.random.default_rng(1)
    for _, layer in model.named_layers():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data[:] = rng.uniform(0.5, 1.5, layer.num_features)
            layer.bias.data[:] = rng.standard_normal(layer.num_features)
            layer.running_mean[:] = rng.standard_normal(layer.num_features)
    return model


def silence(model, group, gone):
    """Let nobody read some channels of a group."""
    for slot in group.of("reads"):
        held = getattr(slot.layer, slot.array).data
        pixels = held.shape[slot.axis] // group.size
        index = [slice(None)] * held.ndim
        index[slot.axis] = (gone[:, None] * pixels + np.arange(pixels)).ravel()
        held[tuple(index)] = 0


@pytest.mark.parametrize("name", MODELS)
def test_the_same_function_as_with_these_channels_silenced(name):
    model = build(name)
    x = np.random.default_rng(2).standard_normal((2, *MODELS[name]))
    small, told = compress.trim(model, channels=0.5)
    wide, silent = groups_of(model), model.copy()
    for group, other in zip(wide, groups_of(silent), strict=True):
        if not group.pinned:
            slots = group.of("makes")
            worth = np.sum(
                [np.abs(compress.channels.values(s, group.size)).sum(axis=1) for s in slots], axis=0
            )
            silence(silent, other, np.argsort(worth, kind="stable")[: round(group.size / 2)])
    np.testing.assert_allclose(small(x), silent(x), rtol=1e-9, atol=1e-9)
    assert told.after.params < 0.6 * told.before.params
    assert small.out_shape(MODELS[name]) == (10,)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("by", ["gamma", "activation", "random"])
def test_any_ranking_gives_a_model_that_trains_and_saves(name, by, tmp_path):
    model = build(name, np.float32)
    before = model.state_dict()
    rng = np.random.default_rng(0)
    x = rng.random((16, *MODELS[name]), dtype=np.float32)
    has_norm = any(isinstance(layer, nn.BatchNorm2d) for _, layer in model.named_layers())
    if by == "gamma" and not has_norm:
        with pytest.raises(ValueError, match='Use by="l1"'):
            compress.trim(model, channels=0.5, by=by)
        return
    small, _ = compress.trim(model, channels=0.5, by=by, scope="global", images=x)
    mc.fit(small, (x, np.arange(16) % 10), epochs=1, seed=0, progress=False)
    mc.io.save(small, tmp_path / "m")
    assert np.array_equal(mc.io.load(tmp_path / "m")(x), small(x))
    assert np.array_equal(compress.from_bytes(compress.to_bytes(small))(x), small(x))
    for key, array in model.state_dict().items():
        assert np.array_equal(array, before[key])


def test_counts_of_the_layers():
    small, told = compress.trim(build("lenet5"), channels=0.5, in_shape=(1, 28, 28))
    assert [layer.weight.shape for layer in (small[0], small[2], small[5], small[7])] == [
        (10, 1, 5, 5), (25, 10, 5, 5), (250, 400), (10, 250)
    ]  # fmt: skip
    assert repr(small[2]) == "Conv2d(10, 25, kernel_size=(5, 5), stride=(1, 1))"
    assert told.after.flops < 0.35 * told.before.flops


def test_channels_that_are_added_leave_together():
    groups = {group.name: group for group in groups_of(build("resnet_cifar"))}
    joined = next(name for name in groups if " + " in name)
    assert "body" in joined
    assert not groups[joined].pinned
    small, _ = compress.trim(build("resnet_cifar"), channels=0.25)
    assert small.out_shape((3, 16, 16)) == (10,)


@given(st.integers(1, 5), st.integers(2, 6), st.floats(0, 0.99), st.booleans())
def test_any_share_leaves_at_least_one(C, K, share, flat):
    model = nn.Sequential(
        nn.Conv2d(C, K, 3, padding=1, seed=0), nn.ReLU(), nn.Conv2d(K, K + 1, 1, seed=1)
    )
    if flat:
        model.append(nn.Flatten()).append(nn.Linear((K + 1) * 16, 3, seed=2))
    small, _ = compress.trim(model, channels=share, scope="global")
    assert (
        small(np.ones((1, C, 4, 4), np.float32)).shape
        == model(np.ones((1, C, 4, 4), np.float32)).shape
    )


def test_a_sum_behind_flatten_stays():
    body = nn.Sequential(nn.Linear(64, 64, seed=1), nn.ReLU())
    model = nn.Sequential(
        nn.Conv2d(1, 4, 1, seed=0), nn.Flatten(), nn.Residual(body), nn.Linear(64, 3, seed=2)
    )
    small, told = compress.trim(model, channels=0.5)
    x = np.ones((1, 1, 4, 4), np.float32)
    assert np.array_equal(small(x), model(x))
    assert "4 channels are added to 64 features" in str(told)


def test_pruned_residuals_lose_dead_channels_exactly():
    model = build("resnet_cifar")
    for block in (model[3], model[7]):
        block.body[3].weight.data[:, ::2] = 0  # nobody reads every other channel inside
    for slot in next(g for g in groups_of(model) if " + " in g.name).of("reads"):
        slot.layer.weight.data[:, 5] = 0  # nor one of those that are added
    small, told = compress.remove_dead(model)
    x = np.random.default_rng(0).standard_normal((3, 3, 16, 16))
    np.testing.assert_allclose(small(x), model(x), rtol=1e-9, atol=1e-12)
    assert len(told.changes) == 3
    assert small[3].body[0].weight.shape == (8, 15, 3, 3)


def test_transposed_and_grouped_convolutions():
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, seed=0),
        nn.ConvTranspose2d(4, 6, 2, stride=2, seed=1),
        nn.Conv2d(6, 6, 3, groups=2, seed=2),
        nn.ConvTranspose2d(6, 3, 1, seed=3),
    )
    small, told = compress.trim(model, channels=0.5)
    assert small[1].weight.shape == (2, 6, 2, 2)
    assert small[3].weight.shape == (6, 3, 1, 1)
    assert any("2 groups" in change.what for change in told.changes)


def test_constraints_are_cut_with_their_weights():
    pruned, _ = compress.prune(build("lenet5"), sparsity=0.8)
    shared, _ = compress.cluster(pruned, bits=3)
    small, _ = compress.trim(shared, channels=0.5)
    weight = small[5].weight
    assert {type(rule) for rule in weight.constraints} == {nn.Mask, nn.Tied}
    for rule in weight.constraints:
        rule.check(weight.shape)
    assert not weight.data[~weight.constraints[0].keep].any()


@pytest.mark.parametrize("name", MODELS)
def test_dead_channels_leave_without_a_trace(name):
    pruned, _ = compress.prune(build(name), sparsity=0.97)
    small, told = compress.remove_dead(pruned)
    x = np.random.default_rng(0).standard_normal((3, *MODELS[name]))
    np.testing.assert_allclose(small(x), pruned(x), rtol=1e-9, atol=1e-12)
    if name.startswith("lenet"):
        assert told.after.params < told.before.params
        assert told.changes
    assert compress.remove_dead(small)[1].changes == ()


def test_channels_after_a_sigmoid_are_not_dead():
    model = nn.Sequential(
        nn.Conv2d(1, 3, 1, bias=False, seed=0), nn.Sigmoid(), nn.Conv2d(3, 2, 1, seed=1)
    )
    model[0].weight.data[1] = 0  # a half everywhere
    assert compress.remove_dead(model)[1].changes == ()
    model[2].weight.data[:, 1] = 0
    assert compress.remove_dead(model)[0][0].out_channels == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": 1.0},
        {"channels": -0.1},
        {"channels": 0.5, "by": "l2"},
        {"channels": 0.5, "scope": "all"},
        {"channels": 0.5, "by": "activation"},
    ],
)
def test_bad_input_is_refused(settings):
    with pytest.raises(ValueError, match=r"wants|knows"):
        compress.trim(build("small_cnn"), **settings)
