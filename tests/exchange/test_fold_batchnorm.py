"""Folding is exact wherever it is done, and says why where it is not."""

import numpy as np
import pytest
from exchange_models import DTYPES, SEEDS, convs, exchanged, images, kinds, reasons, relative, shake
from hypothesis import given
from hypothesis import strategies as st

from minicnn import nn
from minicnn.exchange import Rewrite, affine, fold_batchnorm
from minicnn.exchange.rewrite import run


@given(st.data(), DTYPES, SEEDS)
def test_behind_a_convolution(data, dtype, seed):
    conv = data.draw(convs(data.draw(st.sampled_from([1, 3, 4])), dtype))
    model = shake(nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels, dtype=dtype)), seed)
    in_shape = images(model, conv.in_channels, data.draw)
    new, report = exchanged(fold_batchnorm, model, in_shape)
    assert kinds(new) == ["Conv2d"]
    assert [entry.where for entry in report.applied] == ["0, 1"]
    assert not report.refused


@given(DTYPES, SEEDS, st.sampled_from([1, 2, 3]), st.booleans(), st.integers(1, 2))
def test_behind_a_transposed_convolution(dtype, seed, groups, bias, stride):
    how = {"stride": stride, "padding": ((1, 0), (0, 1)), "groups": groups, "bias": bias}
    conv = nn.ConvTranspose2d(6, 2 * groups, (3, 2), **how, seed=0, dtype=dtype)
    model = shake(nn.Sequential(conv, nn.BatchNorm2d(2 * groups, dtype=dtype)), seed)
    new, _ = exchanged(fold_batchnorm, model, (6, 4, 5))
    assert kinds(new) == ["ConvTranspose2d"]


@given(st.data(), DTYPES, SEEDS)
def test_before_a_convolution_with_any_padding(data, dtype, seed):
    channels = data.draw(st.sampled_from([1, 3, 4]))
    conv = data.draw(convs(channels, dtype))
    norm = nn.BatchNorm2d(channels, eps=1e-3, dtype=dtype)
    model = shake(nn.Sequential(nn.ReLU(), norm, conv), seed, zeros=False)
    new, report = exchanged(fold_batchnorm, model, images(model, channels, data.draw))
    assert len(report.applied) == 1
    assert kinds(new) in (["ReLU", "Conv2d"], ["ReLU", "Pad2d", "Conv2d"])


@given(st.data(), DTYPES, SEEDS)
def test_zero_gammas_fold_without_padding_and_are_refused_with(data, dtype, seed):
    padding = data.draw(st.sampled_from([0, 1]))
    conv = data.draw(convs(3, dtype, padding=padding, groups=1))
    model = shake(nn.Sequential(nn.BatchNorm2d(3, dtype=dtype), conv), seed)
    model[0].weight.data[1] = 0
    in_shape = images(model, 3, data.draw)
    new, report = exchanged(fold_batchnorm, model, in_shape)
    if padding:
        assert "no value of the border would be normalised to zero" in reasons(report)
        model[0].bias.data[model[0].weight.data == 0] = 0  # now the channel is zero everywhere
        new, report = exchanged(fold_batchnorm, model, in_shape)
    assert "BatchNorm2d" not in kinds(new)


def test_a_gamma_near_zero_makes_no_infinite_border():
    model = shake(nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, padding=1, seed=0)), 1)
    model[0].weight.data[:] = 1e-3, -1e-42
    model[0].bias.data[:] = 2
    assert "no value of the border" in reasons(exchanged(fold_batchnorm, model, (2, 5, 5))[1])
    model[0].weight.data[1] = -1e-30
    assert kinds(exchanged(fold_batchnorm, model, (2, 5, 5))[0]) == ["Pad2d", "Conv2d"]


@given(DTYPES, SEEDS, st.booleans())
def test_through_poolings(dtype, seed, positive):
    how = {"seed": 0, "dtype": dtype}
    norms = [nn.BatchNorm2d(4, dtype=dtype) for _ in range(4)]
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, **how), nn.MaxPool2d(2, padding=1), norms[0], nn.ReLU(),
        norms[1], nn.MaxPool2d(2), nn.AvgPool2d(2, padding=1, count_include_pad=False), nn.Tanh(),
        norms[2], nn.Dropout(seed=0), nn.GlobalAvgPool2d(), nn.Flatten(), nn.Identity(),
        nn.Linear(4, 8, **how),
    )  # fmt: skip
    shake(model, seed)
    norms[0].weight.data[:] = norms[1].weight.data[:] = [0.5, 0, 2, 1 if positive else -1]
    new, report = exchanged(fold_batchnorm, model, (2, 19, 17))
    assert kinds(new).count("BatchNorm2d") == (1 if positive else 2)
    # Of the two beside a max-pooling, neither has a way out; and tanh stops the third.
    assert ("a negative gamma makes the maximum a minimum" in reasons(report)) is not positive
    assert "it comes after ReLU and before Tanh" in reasons(report) or not positive


def test_flatten_and_linear_take_it_with_pixels():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3 * 4 * 5, 7, seed=0))
    new, _ = exchanged(fold_batchnorm, shake(model, 3), (3, 4, 5))
    assert kinds(new) == ["Flatten", "Linear"]


def test_chains_of_normalisations_become_one():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.MaxPool2d(1), nn.BatchNorm2d(3), nn.BatchNorm2d(3))
    shake(model, 2, zeros=False)
    for norm in (model[2], model[3]):
        norm.weight.data[...] = np.abs(norm.weight.data)
    new, report = exchanged(fold_batchnorm, model, (3, 4, 4))
    assert kinds(new) == ["BatchNorm2d", "MaxPool2d"]
    assert {entry.where for entry in report.applied} == {"0, 1, 2", "0 + 2, 1, 3"}


REFUSED = {
    "it is first and before ReLU": [nn.BatchNorm2d(2), nn.ReLU()],
    "it comes after ReLU and nothing follows": [nn.ReLU(), nn.BatchNorm2d(2)],
    "it comes after Residual and before Tanh": [
        nn.Residual(nn.Sequential(nn.ReLU())), nn.BatchNorm2d(2), nn.Tanh(),
    ],
    "0: MaxPool2d stands between": [
        nn.Conv2d(2, 2, 3, seed=0), nn.MaxPool2d(2), nn.BatchNorm2d(2), nn.ReLU(),
    ],
    "0: AvgPool2d, which counts zeros of its border, stands between": [
        nn.Conv2d(2, 2, 3, seed=0), nn.AvgPool2d(2, padding=1), nn.BatchNorm2d(2), nn.ReLU(),
    ],
    "spreads a shift unevenly": [nn.BatchNorm2d(2), nn.ConvTranspose2d(2, 2, 3, seed=0)],
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_every_refusal_says_why(reason):
    model = shake(nn.Sequential(*REFUSED[reason]), 4, zeros=False)
    for _, layer in model.named_layers():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data[0] = -1
    new, report = exchanged(fold_batchnorm, model, (2, 9, 9))
    assert reason in reasons(report)
    assert kinds(new) == kinds(model)
    assert not report.applied


def test_same_padding_with_a_stride_needs_the_size():
    conv = nn.Conv2d(2, 3, 3, stride=2, padding="same", seed=0)
    model = shake(nn.Sequential(nn.BatchNorm2d(2), conv), 5, zeros=False)
    _, report = fold_batchnorm(model)
    assert "give in_shape" in reasons(report)
    assert report.agrees is report.max_abs_difference is report.after.flops is None
    for size in (6, 7):
        assert kinds(exchanged(fold_batchnorm, model, (2, size, size + 1))[0])[0] == "Pad2d"


def test_a_zero_shift_needs_no_border_and_passes_a_transposed_convolution():
    norm = nn.BatchNorm2d(2, eps=0.0)
    norm.weight.data[:] = -2, 0.5
    padded = nn.Sequential(norm, nn.Conv2d(2, 3, 3, padding=1, seed=0))
    assert kinds(exchanged(fold_batchnorm, padded, (2, 5, 6))[0]) == ["Conv2d"]
    spread = nn.Sequential(norm, nn.ConvTranspose2d(2, 3, 3, stride=2, bias=False, seed=0))
    new, _ = exchanged(fold_batchnorm, spread, (2, 5, 6))
    assert kinds(new) == ["ConvTranspose2d"]
    assert new[0].bias.shape == (3,)


def test_no_normalisation_at_all_is_said():
    _, report = fold_batchnorm(nn.Sequential(nn.ReLU()))
    assert "Nothing to do: the model has no BatchNorm2d." in str(report)


def test_what_learned_still_learns():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, bias=False, seed=0), nn.BatchNorm2d(2), nn.ReLU(),
        nn.Conv2d(2, 2, 3, seed=0), nn.BatchNorm2d(2),
    )  # fmt: skip
    model.freeze("0", "1", "3")
    new, _ = fold_batchnorm(model)
    flags = {name: p.trainable for name, p in new.parameters().items()}
    assert flags == {"0.weight": False, "0.bias": False, "2.weight": True, "2.bias": True}
    assert all(p.grad is None for p in new.parameters().values())


def test_the_naive_way_before_a_padded_convolution_is_caught():
    """The classic mistake: the shift goes into the bias, the convolution still pads with zeros."""

    def naive(layers, position, in_shape):
        match layers[position : position + 2]:
            case [nn.BatchNorm2d() as norm, nn.Conv2d() as conv]:
                map_ = affine.of_batchnorm(norm)
                return Rewrite(2, [affine.before(conv, map_, [norm, conv])], "naive")
        return None

    model = shake(nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, padding=1, seed=0)), 1)
    _, report = run("naive", model, [naive], (2, 6, 6), nothing="")
    assert not report.agrees
    assert "one of the rewrites is WRONG" in str(report)
    with pytest.raises(AssertionError):
        exchanged(lambda m, in_shape: run("naive", m, [naive], in_shape, nothing=""), model,
                  (2, 6, 6))  # fmt: skip
    # Away from the border it is right, which is why the mistake is easily overlooked.
    new, _ = run("naive", model, [naive], (2, 6, 6), nothing="")
    x = np.random.default_rng(0).normal(size=(2, 2, 6, 6)).astype(np.float32)
    inside = (..., slice(1, -1), slice(1, -1))
    assert relative(model(x)[inside], new(x)[inside]) < 1e-5
