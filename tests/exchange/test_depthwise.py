"""Depthwise and pointwise convolutions change places when all channels are filtered alike."""

import numpy as np
import pytest
from exchange_models import DTYPES, PADDINGS, SEEDS, exchanged, kinds, reasons, shake
from hypothesis import given
from hypothesis import strategies as st

from minicnn import nn
from minicnn.exchange import swap_depthwise_pointwise


def pair(dtype="float32", pointwise_first=False, channels=4, bias=True, **how):
    """Two convolutions; the depthwise one has one filter, times a number for each channel."""
    narrow, wide = (3, channels) if pointwise_first else (channels, 3)
    pointwise = nn.Conv2d(narrow, wide, 1, bias=bias, seed=0, dtype=dtype)
    depthwise = nn.Conv2d(channels, channels, 3, groups=channels, seed=0, dtype=dtype, **how)
    layers = [pointwise, depthwise] if pointwise_first else [depthwise, pointwise]
    return nn.Sequential(*layers), depthwise


def alike(depthwise, seed):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(depthwise.in_channels, 1, 1, 1))
    factors[0] = 0
    depthwise.weight.data[...] = factors * rng.normal(size=(3, 3))


@given(DTYPES, SEEDS, PADDINGS, st.sampled_from([1, 2]), st.sampled_from([1, 2]), st.booleans())
def test_pointwise_first(dtype, seed, padding, stride, dilation, bias):
    how = {"padding": padding, "stride": stride, "dilation": dilation}
    model, depthwise = pair(dtype, bias=bias, **how)
    shake(model, seed)
    alike(depthwise, seed)
    new, report = exchanged(swap_depthwise_pointwise, model, (4, 9, 8))
    assert [layer.kernel_size for layer in new] == [(1, 1), (3, 3)]
    assert new[1].groups == 3
    assert report.applied[0].note == "pointwise first"


@given(DTYPES, SEEDS, PADDINGS, st.sampled_from([1, 2]), st.booleans())
def test_depthwise_first(dtype, seed, padding, stride, bias):
    model, depthwise = pair(dtype, True, padding=padding, stride=stride, bias=bias)
    shake(model, seed)
    alike(depthwise, seed)
    new, report = exchanged(swap_depthwise_pointwise, model, (3, 9, 8))
    blocked = bias and padding not in (0, "valid")
    assert ("pads with zeros what has a bias" in reasons(report)) is blocked
    assert blocked or [layer.kernel_size for layer in new] == [(3, 3), (1, 1)]


@pytest.mark.parametrize("pointwise_first", [True, False])
def test_different_filters_are_refused(pointwise_first):
    model, depthwise = pair(pointwise_first=pointwise_first)
    alike(depthwise, 0)
    exchanged(swap_depthwise_pointwise, model, (model[0].in_channels, 7, 7))
    depthwise.weight.data[1, 0, 0, 0] += 1e-3
    _, report = exchanged(swap_depthwise_pointwise, model, (model[0].in_channels, 7, 7))
    assert "the depthwise filters are not multiples of one filter" in reasons(report)
    assert not report.applied


def test_there_and_back_again():
    model, depthwise = pair(bias=False, channels=5)
    alike(depthwise, 3)
    there, _ = swap_depthwise_pointwise(model, in_shape=(5, 6, 6))
    there[1].bias = None
    back, report = exchanged(swap_depthwise_pointwise, there, (5, 6, 6))
    assert kinds(back) == ["Conv2d", "Conv2d"]
    assert back[0].weight.shape == (5, 1, 3, 3)
    assert report.applied[0].note == "depthwise first"


def test_only_the_order_that_pays():
    model, depthwise = pair(channels=16)
    alike(depthwise, 1)
    _, report = exchanged(swap_depthwise_pointwise, model, (16, 12, 12), only_if_cheaper=True)
    assert report.after.flops < report.before.flops  # 3 channels are filtered instead of 16
    widening, depthwise = pair(channels=1)
    alike(depthwise, 1)
    depthwise.weight.data[...] = 1
    _, report = exchanged(swap_depthwise_pointwise, widening, (1, 12, 12), only_if_cheaper=True)
    assert "does not pay" in reasons(report)


def test_filters_of_zeros_and_of_one_tap():
    model, depthwise = pair()
    depthwise.weight.data[...] = 0
    exchanged(swap_depthwise_pointwise, model, (4, 5, 5))
    taps = nn.Sequential(nn.Conv2d(3, 3, 1, groups=3, seed=0), nn.Conv2d(3, 2, 1, seed=0))
    _, report = exchanged(swap_depthwise_pointwise, shake(taps, 1), (3, 5, 5))
    assert len(report.applied) == 1


def test_no_pair_is_said():
    model = nn.Sequential(nn.Conv2d(2, 2, 3, seed=0), nn.Conv2d(2, 2, 1, seed=0))
    _, report = swap_depthwise_pointwise(model)
    assert "Nothing to do: no depthwise convolution stands directly beside" in str(report)
