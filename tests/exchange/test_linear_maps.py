"""Linear after linear, convolution after convolution, pooling after convolution: one layer."""

import itertools

import numpy as np
import pytest
from exchange_models import DTYPES, SEEDS, convs, exchanged, images, kinds, reasons, shake
from hypothesis import assume, given
from hypothesis import strategies as st

from minicnn import nn
from minicnn.exchange import (
    compose_convs,
    merge_conv_avgpool,
    merge_linear,
    pool_before_pointwise,
)


@given(DTYPES, SEEDS, st.lists(st.integers(1, 7), min_size=3, max_size=5), st.booleans())
def test_linear_layers_merge(dtype, seed, widths, bias):
    layers = [
        nn.Linear(n, m, bias=bias or i == 1, seed=0, dtype=dtype)
        for i, (n, m) in enumerate(itertools.pairwise(widths))
    ]
    model = shake(nn.Sequential(*layers), seed)
    new, report = exchanged(merge_linear, model, (widths[0],))
    assert kinds(new) == ["Linear"]
    assert len(report.applied) == len(layers) - 1
    assert report.after.flops == 2 * widths[0] * widths[-1]


def test_a_bottleneck_is_left_alone_when_asked():
    model = nn.Sequential(nn.Linear(200, 4, seed=0), nn.Linear(4, 100, seed=1))
    new, report = exchanged(merge_linear, model, (200,), only_if_cheaper=True)
    assert kinds(new) == ["Linear", "Linear"]
    assert "possible, but it does not pay: the cost would go from" in reasons(report)
    new, report = exchanged(merge_linear, model, (200,))
    assert report.after.params == 200 * 100 + 100
    assert report.after.cost > report.before.cost


@given(st.data(), DTYPES, SEEDS)
def test_convolutions_compose(data, dtype, seed):
    first = data.draw(convs(data.draw(st.sampled_from([1, 2, 4])), dtype))
    second = data.draw(convs(first.out_channels, dtype, padding=0))
    model = shake(nn.Sequential(first, second), seed)
    in_shape = images(model, first.in_channels, data.draw)
    new, report = exchanged(compose_convs, model, in_shape, only_if_cheaper=False)
    assert kinds(new) == ["Conv2d"]
    assert new[0].groups == np.gcd(first.groups, second.groups)
    expected = [a * b for a, b in zip(first.stride, second.stride, strict=True)]
    assert list(new[0].stride) == expected
    assert not report.refused


@given(st.data(), DTYPES, SEEDS)
def test_a_pointwise_convolution_without_bias_lets_the_next_one_pad(data, dtype, seed):
    first = data.draw(convs(4, dtype, kernel_size=1, stride=1, padding="same", bias=False))
    second = data.draw(convs(first.out_channels, dtype))
    model = shake(nn.Sequential(first, second), seed)
    in_shape = images(model, 4, data.draw)
    assert kinds(exchanged(compose_convs, model, in_shape, only_if_cheaper=False)[0]) == ["Conv2d"]


PADS = "the second layer pads the output of the first"
REFUSED = [
    ({"bias": False}, {"padding": 1}, PADS),
    ({"kernel_size": 1}, {"padding": 1}, PADS),  # has a bias
    ({"kernel_size": 1, "bias": False, "stride": 2}, {"padding": 1}, PADS),
    ({"kernel_size": 1, "bias": False, "padding": 1}, {"padding": 1}, PADS),
]


@pytest.mark.parametrize(("first", "second", "reason"), REFUSED)
def test_a_padding_in_the_middle_is_refused(first, second, reason):
    first, second = ({"kernel_size": 3, "seed": 0, **how} for how in (first, second))
    model = shake(nn.Sequential(nn.Conv2d(2, 3, **first), nn.Conv2d(3, 2, **second)), 1)
    new, report = exchanged(compose_convs, model, (2, 9, 9), only_if_cheaper=False)
    assert kinds(new) == ["Conv2d", "Conv2d"]
    assert reason in reasons(report)


def test_composing_by_default_only_pays_where_it_is_cheaper():
    wide = nn.Sequential(nn.Conv2d(32, 32, 3, seed=0), nn.Conv2d(32, 32, 3, seed=1))
    new, report = exchanged(compose_convs, wide, (32, 16, 16))
    assert kinds(new) == ["Conv2d", "Conv2d"]
    assert "does not pay" in reasons(report)
    narrow = nn.Sequential(nn.Conv2d(1, 8, 3, seed=0), nn.Conv2d(8, 1, 3, seed=1))
    new, report = exchanged(compose_convs, narrow, (1, 16, 16))
    assert new[0].kernel_size == (5, 5)
    assert report.after.cost < report.before.cost
    with pytest.raises(ValueError, match=r"in_shape is None; compose_convs .* Give in_shape="):
        compose_convs(narrow)


def test_depthwise_and_pointwise_become_one_full_convolution():
    model = nn.Sequential(
        nn.Conv2d(3, 3, 3, padding=1, groups=3, seed=0), nn.Conv2d(3, 5, 1, seed=1)
    )
    new, _ = exchanged(compose_convs, shake(model, 0), (3, 6, 7), only_if_cheaper=False)
    assert new[0].weight.shape == (5, 3, 3, 3)
    assert new[0].padding == 1


def test_a_kernel_that_would_be_full_of_zeros_is_dilated_instead():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, stride=2, seed=0), nn.Conv2d(2, 1, 3, seed=1))
    new, _ = exchanged(compose_convs, model, (1, 9, 9), only_if_cheaper=False)
    assert (new[0].kernel_size, new[0].dilation, new[0].stride) == ((3, 3), (2, 2), (2, 2))


@given(st.data(), DTYPES, SEEDS)
def test_average_pooling_joins_the_convolution(data, dtype, seed):
    conv = data.draw(convs(data.draw(st.sampled_from([1, 4])), dtype))
    size = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    pool = nn.AvgPool2d(size, stride=data.draw(st.integers(1, 3)))
    model = shake(nn.Sequential(conv, pool), seed)
    in_shape = images(model, conv.in_channels, data.draw)
    new, report = exchanged(merge_conv_avgpool, model, in_shape)
    assert kinds(new) == ["Conv2d"]
    assert [entry.where for entry in report.applied] == ["0, 1"]


def test_merging_a_pooling_saves_what_is_promised():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, seed=0), nn.AvgPool2d(2))
    new, report = exchanged(merge_conv_avgpool, model, (3, 8, 8))
    assert new[0].kernel_size == (4, 4)
    assert report.before.flops * 16 == report.after.flops * 36
    overlapping = nn.Sequential(nn.Conv2d(16, 16, 3, seed=0), nn.AvgPool2d(3, stride=1))
    _, report = exchanged(merge_conv_avgpool, overlapping, (16, 32, 32), only_if_cheaper=True)
    assert "does not pay" in reasons(report)


MERGE_REFUSED = {
    "GlobalAvgPool2d is as large as the image": [
        nn.Conv2d(2, 2, 3, seed=0), nn.GlobalAvgPool2d(),
    ],
    PADS: [nn.Conv2d(2, 2, 3, seed=0), nn.AvgPool2d(2, padding=1)],
    "means are of fewer pixels at the border": [
        nn.Conv2d(2, 2, 1, bias=False, seed=0),
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
    ],
}  # fmt: skip


@pytest.mark.parametrize("reason", MERGE_REFUSED)
def test_poolings_that_cannot_join(reason):
    model = shake(nn.Sequential(*MERGE_REFUSED[reason]), 1)
    new, report = exchanged(merge_conv_avgpool, model, (2, 8, 8))
    assert reason in reasons(report)
    assert kinds(new) == kinds(model)


def test_same_with_a_stride_needs_the_size_of_the_image():
    model = shake(
        nn.Sequential(nn.Conv2d(2, 2, 3, stride=2, padding="same", seed=0), nn.AvgPool2d(2)), 1
    )
    assert "give in_shape to know how much" in reasons(merge_conv_avgpool(model)[1])
    for size in (8, 9):
        assert kinds(exchanged(merge_conv_avgpool, model, (2, size, size))[0]) == ["Conv2d"]


@given(DTYPES, SEEDS, st.sampled_from([1, 2]), st.booleans(), st.data())
def test_pooling_moves_before_a_pointwise_convolution(dtype, seed, groups, bias, data):
    conv = nn.Conv2d(4, 6, 1, groups=groups, bias=bias, seed=0, dtype=dtype)
    padding = data.draw(st.sampled_from([0, 1, "same"]))
    count = data.draw(st.booleans())
    pool = data.draw(
        st.sampled_from(
            [
                nn.GlobalAvgPool2d(),
                nn.AvgPool2d(3, stride=2, padding=padding, count_include_pad=count),
            ]
        )
    )
    model = shake(nn.Sequential(conv, pool, nn.Flatten()), seed)
    new, report = exchanged(pool_before_pointwise, model, (4, 7, 8))
    blocked = isinstance(pool, nn.AvgPool2d) and padding != 0 and count and bias
    assert (kinds(new)[0] == "Conv2d") is blocked
    assert ("counts zeros of its border, to which no bias was added" in reasons(report)) is blocked
    assert blocked or report.after.flops < report.before.flops


POOL_REFUSED = {
    "has a stride": [nn.Conv2d(2, 2, 1, stride=2, seed=0), nn.AvgPool2d(2)],
    "the 1x1 convolution pads": [nn.Conv2d(2, 2, 1, padding=1, seed=0), nn.AvgPool2d(2)],
    "Tanh stands between": [nn.Conv2d(2, 2, 1, seed=0), nn.Tanh(), nn.AvgPool2d(2)],
    "BatchNorm2d stands between the 1x1 convolution and the pooling; fold it first": [
        nn.Conv2d(2, 2, 1, seed=0), nn.BatchNorm2d(2), nn.GlobalAvgPool2d(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("reason", POOL_REFUSED)
def test_pointwise_convolutions_that_stay(reason):
    model = shake(nn.Sequential(*POOL_REFUSED[reason]), 1)
    _, report = exchanged(pool_before_pointwise, model, (2, 8, 8))
    assert reason in reasons(report)
    assert not report.applied


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_composition_would_be_seen(seed):
    """The oracle itself: one tap moved by a pixel is far outside the tolerance."""
    model = shake(nn.Sequential(nn.Conv2d(2, 3, 3, seed=0), nn.AvgPool2d(2)), seed)
    new, _ = merge_conv_avgpool(model, in_shape=(2, 8, 8))
    new[0].weight.data[...] = np.roll(new[0].weight.data, 1, axis=3)
    x = np.random.default_rng(seed).normal(size=(2, 2, 8, 8)).astype(np.float32)
    assert np.abs(model(x) - new(x)).max() > 1e-2 * np.abs(model(x)).max()


def test_merged_layers_learn_if_one_did():
    model = nn.Sequential(nn.Linear(2, 3, seed=0), nn.Linear(3, 4, bias=False, seed=0))
    model.freeze("0")
    assert all(p.trainable for p in merge_linear(model)[0].parameters().values())
    model.freeze()
    assert not any(p.trainable for p in merge_linear(model)[0].parameters().values())
    frozen = nn.Sequential(nn.Conv2d(1, 1, 3, seed=0), nn.AvgPool2d(2))
    frozen.freeze()
    assert not any(p.trainable for p in merge_conv_avgpool(frozen)[0].parameters().values())


@given(st.sampled_from([merge_linear, merge_conv_avgpool, pool_before_pointwise]))
def test_nothing_to_merge_is_said(pass_):
    _, report = pass_(nn.Sequential(nn.ReLU()))
    assume(not report.refused)
    assert "Nothing to do: no " in str(report)
