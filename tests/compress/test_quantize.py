"""The pass: which grids it chooses, what stays true in training, and what the file weighs."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.calibrate import activation_grid, weight_steps
from minicnn.compress.grids import find_grid, from_grid


@pytest.fixture(scope="module")
def digits():
    return mc.data.load("digits")


@pytest.fixture(scope="module")
def trained(digits):
    model = mc.models.small_cnn(seed=0)
    train = digits[:2]
    mc.fit(model, train, epochs=6, seed=0, optimizer=mc.optim.Adam(2e-3), progress=False)
    return model


def quantized(model):
    kinds = (nn.QuantConv2d, nn.QuantLinear)
    return {name: p for name, p in model.named_layers() if isinstance(p, kinds)}


@pytest.mark.parametrize("per", ["channel", "tensor"])
@pytest.mark.parametrize("calibration", ["minmax", "percentile", "mse"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_eight_bits_lose_nothing_worth_naming(trained, digits, per, calibration, symmetric):
    before = trained.state_dict()
    how = {"per": per, "calibration": calibration, "symmetric": symmetric}
    small, told = compress.quantize(trained, images=digits[0][:256], data=digits[2:], **how)
    assert told.errors[1] <= told.errors[0] + 0.01
    assert told.ratio > 3.5
    assert len(told.changes) == 3
    for name, array in trained.state_dict().items():
        assert np.array_equal(array, before[name])
    for layer in quantized(small).values():
        assert layer.quantize_input.zero == (128 if symmetric else 0)
        assert (len(np.unique(layer.steps)) == 1) == (per == "tensor")
        np.testing.assert_array_equal(layer.weight.data, layer.rounded_weight())


@pytest.mark.parametrize("bits", [2, 3, 4, 6])
def test_few_bits_are_few_values_and_a_small_file(trained, digits, bits):
    small, told = compress.quantize(trained, images=digits[0][:256], bits=bits)
    for layer in quantized(small).values():
        assert all(len(np.unique(row)) <= 2**bits - 1 for row in layer.weight.data)
    # The rest: biases, steps, the table of the code, the architecture.
    assert told.after.file_bytes < trained.num_parameters * bits / 8 + 1600
    assert told.after.params == trained.num_parameters + sum(
        layer.log_step.size + 1 for layer in quantized(small).values()
    )


def test_bits_by_name(trained, digits):
    small, _ = compress.quantize(trained, images=digits[0][:64], bits={"0": 8, "2": 3})
    assert {name: layer.bits for name, layer in quantized(small).items()} == {"0": 8, "2": 3}
    assert type(small[6]) is nn.Linear


def test_training_makes_up_for_two_bits(trained, digits):
    x, y, *test = digits
    how = {"bits": 2, "per": "tensor", "calibration": "mse", "data": tuple(test)}
    small, told = compress.quantize(trained, images=x[:256], **how)
    mc.fit(small, (x, y), epochs=4, seed=0, progress=False)
    assert mc.evaluate(small, tuple(test)).error < told.errors[1] - 0.02
    for layer in quantized(small).values():
        assert len(np.unique(layer.steps)) == 1  # one step for the layer, still
    assert len(np.unique(small[2].weight.data)) > 100
    snapped, _ = compress.snap(small)
    assert len(np.unique(snapped[2].weight.data)) <= 3
    np.testing.assert_array_equal(snapped(test[0]), small(test[0]))
    assert len(compress.to_bytes(snapped)) < len(compress.to_bytes(small)) / 3


def test_steps_learn_and_frozen_ones_do_not(trained, digits):
    small, _ = compress.quantize(trained, images=digits[0][:64], bits=3)
    small.freeze("6")
    before = small.state_dict()
    mc.fit(small, (digits[0][:128], digits[1][:128]), epochs=1, seed=0, progress=False)
    changed = {n for n, a in small.state_dict().items() if not np.array_equal(a, before[n])}
    assert {"0.log_step", "2.log_step", "2.quantize_input.log_step"} <= changed
    assert not {name for name in changed if name.startswith("6.") or "zero_point" in name}


def test_normalisations_are_folded_and_branches_share_a_grid(digits):
    model = mc.models.resnet_cifar((1, 8, 8), seed=0, depth=8)
    mc.fit(model, digits[:2], epochs=1, seed=0, progress=False)
    small, told = compress.quantize(model, images=digits[0][:256], data=digits[2:])
    kinds = [type(layer).__name__ for layer in small]
    assert "BatchNorm2d" not in [type(layer).__name__ for _, layer in small.named_layers()]
    for position, kind in enumerate(kinds):
        if kind in ("Residual", "GlobalAvgPool2d"):
            assert kinds[position - 1] == "FakeQuantize"
    assert told.errors[1] <= told.errors[0] + 0.01
    again, _ = compress.quantize(small, images=digits[0][:256])
    assert [type(layer).__name__ for layer in again] == kinds
    np.testing.assert_allclose(again(digits[2]), small(digits[2]), atol=0.5)


def test_corrected_biases_keep_the_means(digits):
    model = mc.models.resnet_cifar((1, 8, 8), seed=1, depth=8)
    mc.fit(model, digits[:2], epochs=2, seed=0, progress=False)
    images = digits[0][:256]
    how = {"images": images, "bits": 3, "calibration": "mse"}
    plain, _ = compress.quantize(model, **how)
    mended, _ = compress.quantize(model, correct_biases=True, **how)
    want = model(images).mean(axis=0)
    np.testing.assert_allclose(mended(images).mean(axis=0), want, atol=0.01)
    assert np.abs(plain(images).mean(axis=0) - want).max() > 0.03


def test_what_cannot_be_quantised_stays_and_is_named(digits):
    model = nn.Sequential(
        nn.BatchNorm2d(1), nn.ReLU(), nn.ConvTranspose2d(1, 3, 2, seed=0), nn.Flatten(),
        nn.Linear(243, 5, seed=0),
    )  # fmt: skip
    small, told = compress.quantize(model, images=digits[0][:64])
    assert [name for name, what in told.changes if "stays in floats" in what] == ["0", "2"]
    assert list(quantized(small)) == ["4"]


def test_masks_and_their_zeros_survive(trained, digits):
    pruned, _ = compress.prune(trained, sparsity=0.8)
    small, _ = compress.quantize(pruned, images=digits[0][:64], bits=4)
    masks = {name: pruned.parameters()[f"{name}.weight"].constraints[0].keep for name in "026"}
    for name, layer in quantized(small).items():
        assert not layer.weight.data[~masks[name]].any()
    mc.fit(small, (digits[0][:256], digits[1][:256]), epochs=1, seed=0, progress=False)
    for name, layer in quantized(small).items():
        assert not layer.integer_weight()[~masks[name]].any()


def test_channels_can_be_trimmed_afterwards(digits):
    model = mc.models.mobilenet_small((1, 8, 8), seed=0, width=0.25)
    small, _ = compress.quantize(model, images=digits[0][:64])
    trimmed, _ = compress.trim(small, channels=0.5)
    assert trimmed[0].weight.shape[0] == 4
    for layer in quantized(trimmed).values():
        assert layer.log_step.size == layer.weight.shape[0]
    assert np.isfinite(trimmed(digits[0][:4])).all()


def test_grids_of_activations():
    x = np.array([-1.0, 0, 2, 3], np.float32)
    how = {"bits": 8, "percentile": 99.99}
    step, zero = activation_grid(x, symmetric=False, calibration="minmax", **how)
    assert (round(step * 255, 5), zero) == (4, 64)
    step, zero = activation_grid(x, symmetric=True, calibration="minmax", **how)
    assert (round(step * 127, 5), zero) == (3, 128)
    step, zero = activation_grid(np.abs(x), symmetric=False, calibration="minmax", **how)
    assert (round(step * 255, 5), zero) == (3, 0)
    assert activation_grid(0 * x, symmetric=False, calibration="mse", **how) == (1.0, 0)
    far = np.append(np.linspace(0, 1, 9999), 1000).astype(np.float32)
    steps = {
        name: activation_grid(far, bits=8, symmetric=False, calibration=name, percentile=99.9).step
        for name in ("minmax", "percentile")
    }
    assert steps["percentile"] < steps["minmax"] / 500


def test_steps_of_weights():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(5, 40)) * np.array([1, 0.1, 10, 1, 0])[:, None]
    how = {"percentile": 90.0}
    minmax = weight_steps(w, bits=4, per="channel", calibration="minmax", **how)
    np.testing.assert_allclose(minmax, np.abs(w).max(axis=1) / 7)
    together = weight_steps(w, bits=4, per="tensor", calibration="minmax", **how)
    np.testing.assert_allclose(together, np.full(5, minmax.max()))
    best = weight_steps(w, bits=2, per="channel", calibration="mse", **how)

    def error(steps, high):
        steps = np.maximum(steps, 1e-9)[:, None]
        return ((steps * np.clip(np.rint(w / steps), -high, high) - w) ** 2).sum(axis=1)

    for share in np.linspace(0.1, 1, 46):
        assert np.all(error(best, 1) <= error(share * np.abs(w).max(axis=1), 1) + 1e-12)
    percentile = weight_steps(w, bits=4, per="channel", calibration="percentile", **how)
    assert np.all(percentile[:4] < minmax[:4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_grid_is_found_again_to_the_last_bit(dtype):
    rng = np.random.default_rng(0)
    for high in (1, 3, 7, 127):
        q = rng.integers(-high, high + 1, (6, 5, 3, 3))
        steps = np.exp2(rng.normal(-5, 2, 6)).astype(dtype)
        array = steps[:, None, None, None] * q.astype(dtype)
        found = find_grid(array)
        assert found is not None
        np.testing.assert_array_equal(from_grid(*found), array)
        assert np.abs(found[1]).max() <= 127
    assert find_grid(rng.normal(size=(4, 30)).astype(dtype)) is None
    assert find_grid(np.full((2, 2), np.nan, dtype)) is None


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({}, "wants a batch"),
        ({"images": np.zeros((0, 1, 8, 8), np.float32)}, "wants a batch"),
        ({"bits": 1}, "wants 2 to 8"),
        ({"activation_bits": 9}, "wants 2 to 8"),
        ({"bits": {"9": 4}}, "no convolution or linear layer"),
        ({"per": "layer"}, "per channel or"),
        ({"calibration": "best"}, "minmax, percentile, mse"),
        ({"percentile": 10}, "above 50"),
    ],
)
def test_bad_input_is_refused(trained, digits, settings, match):
    if settings and "images" not in settings:
        settings = {"images": digits[0][:16], **settings}
    with pytest.raises(ValueError, match=match):
        compress.quantize(trained, **settings)
    with pytest.raises(TypeError, match=r"plain nn\.Sequential"):
        compress.quantize(nn.ReLU(), images=digits[0][:16])
