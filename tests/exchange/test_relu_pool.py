"""Poolings change places with monotone functions and with batch normalisation."""

import numpy as np
import pytest
from exchange_models import DTYPES, SEEDS, exchanged, kinds, reasons, shake
from hypothesis import given
from hypothesis import strategies as st

from minicnn import nn
from minicnn.exchange import swap_batchnorm_pool, swap_relu_maxpool

MONOTONE = [nn.ReLU(), nn.LeakyReLU(0.0), nn.LeakyReLU(1.5), nn.ReLU6(), nn.Sigmoid(), nn.Tanh()]
POOLINGS = st.builds(
    nn.MaxPool2d,
    st.sampled_from([1, 2, 3, (2, 3)]),
    stride=st.sampled_from([1, 2, (3, 1)]),
    padding=st.sampled_from([0, ((0, 0), (0, 0)), "same"]),
)


@given(st.sampled_from(MONOTONE), POOLINGS, st.integers(3, 9), st.integers(3, 9))
def test_monotone_functions_commute_with_a_maximum(activation, pool, H, W):
    model = nn.Sequential(activation, pool)
    new, report = exchanged(swap_relu_maxpool, model, (2, H, W))
    assert kinds(new) == kinds(model)[::-1]
    if not isinstance(activation, nn.Sigmoid | nn.Tanh):
        assert report.max_abs_difference == 0
    assert report.after.activation_bytes <= report.before.activation_bytes


def test_several_activations_pass_several_poolings():
    model = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.MaxPool2d(2), nn.MaxPool2d(2))
    new, report = exchanged(swap_relu_maxpool, model, (1, 9, 8))
    assert kinds(new) == ["MaxPool2d", "MaxPool2d", "ReLU", "Tanh"]
    assert len(report.applied) == 4
    assert {entry.where for entry in report.applied} == {"1, 2", "0, 2", "1, 3", "0, 3"}


def test_a_falling_function_is_refused():
    leaky = nn.LeakyReLU(0.1)
    leaky.negative_slope = -0.1  # the constructor does not take it, an imported model may have it
    model = nn.Sequential(leaky, nn.MaxPool2d(2))
    new, report = exchanged(swap_relu_maxpool, model, (1, 6, 6))
    assert kinds(new) == kinds(model)
    assert "the slope -0.1 falls below zero: it is not monotone" in reasons(report)


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.GlobalAvgPool2d()])
def test_a_mean_is_refused(pool):
    _, report = exchanged(swap_relu_maxpool, nn.Sequential(nn.ReLU(), pool), (1, 6, 6))
    assert "the mean of f(x) is not f(mean of x)" in reasons(report)
    assert not report.applied


@given(DTYPES, SEEDS, POOLINGS)
def test_batchnorm_passes_a_maximum_by_the_sign_of_gamma(dtype, seed, pool):
    norm = nn.BatchNorm2d(5, dtype=dtype)
    model = shake(nn.Sequential(norm, pool), seed)
    norm.weight.data[0] = -0.5
    new, report = exchanged(swap_batchnorm_pool, model, (5, 7, 6))
    negative = (norm.weight.data < 0).sum()
    assert f"gamma is negative in {negative} of 5 channels" in reasons(report)
    assert not report.applied

    norm.weight.data[...] = np.abs(norm.weight.data)
    new, report = exchanged(swap_batchnorm_pool, model, (5, 7, 6))
    assert kinds(new) == ["MaxPool2d", "BatchNorm2d"]
    assert report.max_abs_difference == 0


@given(DTYPES, SEEDS, st.booleans(), st.sampled_from([1, 2]))
def test_a_convolution_takes_the_signs(dtype, seed, transposed, groups):
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    conv = kind(4, 6, 3, groups=groups, seed=0, dtype=dtype)
    model = nn.Sequential(nn.Tanh(), conv, nn.BatchNorm2d(6, dtype=dtype), nn.MaxPool2d(2))
    new, report = exchanged(swap_batchnorm_pool, shake(model, seed), (4, 7, 9))
    assert kinds(new)[2:] == ["MaxPool2d", "BatchNorm2d"]
    assert not report.refused
    if (model[2].weight.data < 0).any():
        assert report.applied[0].where == "1, 2, 3"
        assert (new[3].weight.data >= 0).all()


@given(DTYPES, SEEDS, st.sampled_from([0, 1, "same"]), st.booleans())
def test_batchnorm_passes_a_mean_unless_zeros_count(dtype, seed, padding, count):
    norm = nn.BatchNorm2d(3, dtype=dtype)
    pool = nn.AvgPool2d(3, stride=2, padding=padding, count_include_pad=count)
    model = shake(nn.Sequential(norm, pool), seed)
    new, report = exchanged(swap_batchnorm_pool, model, (3, 7, 8))
    blocked = count and padding != 0
    assert (kinds(new)[0] == "BatchNorm2d") is blocked
    assert ("the shift would be added to fewer pixels" in reasons(report)) is blocked
    norm.bias.data[...] = 0
    norm.running_mean[...] = 0
    new, report = exchanged(swap_batchnorm_pool, model, (3, 7, 8))
    assert kinds(new) == ["AvgPool2d", "BatchNorm2d"]


def test_batchnorm_passes_the_global_mean():
    model = shake(nn.Sequential(nn.BatchNorm2d(3), nn.GlobalAvgPool2d()), 1)
    new, report = exchanged(swap_batchnorm_pool, model, (3, 5, 4))
    assert kinds(new) == ["GlobalAvgPool2d", "BatchNorm2d"]
    assert report.after.flops == 2 * 3


@pytest.mark.parametrize("pass_", [swap_relu_maxpool, swap_batchnorm_pool])
def test_nothing_to_swap_is_said(pass_):
    _, report = pass_(nn.Sequential(nn.Flatten()))
    assert "Nothing to do: no " in str(report)
    assert "is followed directly by a pooling." in str(report)
