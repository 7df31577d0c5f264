"""What a report says, against numbers worked out by hand; the cost model; inexact exchange."""

import numpy as np
import pytest
from exchange_models import kinds, reasons, shake

from minicnn import exchange, models, nn
from minicnn.exchange import estimate, fold_batchnorm, swap_conv_pool
from minicnn.exchange.cost_model import LAYER, NUMBER


def conv_norm():
    return nn.Sequential(nn.Conv2d(1, 2, 3, bias=False, seed=0), nn.BatchNorm2d(2), nn.ReLU())


def test_numbers_by_hand():
    _, report = fold_batchnorm(conv_norm(), in_shape=(1, 5, 6))
    pixels = 3 * 4
    before, after = report.before, report.after
    assert (before.layers, after.layers) == (3, 2)
    assert (before.params, after.params) == (18 + 4, 18 + 2)
    assert (before.bytes, after.bytes) == (4 * (18 + 4 + 4), 4 * (18 + 2))
    assert (before.flops, after.flops) == (2 * 2 * pixels * (9 + 1), 2 * 2 * pixels * 9)
    assert (before.activation_bytes, after.activation_bytes) == (4 * 6 * pixels, 4 * 4 * pixels)
    assert before.cost - after.cost == LAYER + 2 * pixels + NUMBER * (4 * pixels + 8 - 2)
    assert report.in_shape == (1, 5, 6)
    assert report.max_rel_difference < 1e-5


def test_differences_are_those_of_the_two_models():
    model = shake(conv_norm(), 3)
    new, report = fold_batchnorm(model, in_shape=(1, 5, 6))
    x = np.random.default_rng(0).standard_normal((2, 1, 5, 6)).astype(np.float32)
    difference = np.abs(model(x) - new(x)).max()
    assert report.max_abs_difference == difference
    assert report.max_rel_difference == pytest.approx(difference / np.abs(model(x)).max())


def test_text_is_aligned_and_complete():
    _, report = fold_batchnorm(shake(conv_norm(), 0), in_shape=(1, 5, 6))
    lines = str(report).splitlines()
    assert lines[0] == "fold_batchnorm: 1 exact rewrite, 0 refused"
    table = lines[2:10]
    assert table[0].split() == ["before", "after", "change"]
    assert table[3].split() == ["parameters", "22", "20", "-9.1", "%"]
    assert len({len(line) for line in table}) == 1
    assert lines[-2:] == [
        "applied",
        "  0, 1  fold_into_previous: BatchNorm2d folded into the Conv2d before it",
    ]
    _, unmeasured = fold_batchnorm(conv_norm())
    assert "Outputs were not compared: give in_shape" in str(unmeasured)
    assert "FLOPs" not in str(unmeasured)


def test_html_has_the_same_and_escapes():
    model = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 3, seed=0))
    model.append(nn.BatchNorm2d(2))
    _, report = fold_batchnorm(model, in_shape=(2, 5, 5))
    text = report._repr_html_()
    for part in (report.headline, "refused at", "applied to", "FLOPs", "it is first and before"):
        assert part in text
    assert text.count("<table>") == text.count("</table>") == 3


def test_cost_model_by_hand():
    block = nn.Residual(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, seed=0), nn.Dropout(seed=0)))
    conv = LAYER + 2 * 2 * 9 * 20 + NUMBER * (40 + 40 + 36 + 2)
    body = LAYER + conv + LAYER
    assert estimate(block.body[0], (2, 4, 5)) == conv
    assert estimate(block, (2, 4, 5)) == LAYER + body + NUMBER * 3 * 40
    block.shortcut = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False, seed=0))
    around = 2 * LAYER + 4 * 20 + NUMBER * (40 + 40 + 4)
    assert estimate(block, (2, 4, 5)) == LAYER + body + around + NUMBER * 3 * 40
    norm = nn.BatchNorm2d(2)
    assert estimate([norm, nn.Flatten()], (2, 4, 5)) == 2 * LAYER + 40 + NUMBER * (80 + 8)


def test_cost_adds_up():
    model, in_shape = models.resnet_cifar(depth=8), (3, 16, 16)
    whole = estimate(model.layers, in_shape)
    middle = model[:4].out_shape(in_shape)
    assert whole == estimate(model.layers[:4], in_shape) + estimate(model.layers[4:], middle)
    assert estimate(model, in_shape) == whole + LAYER


def test_conv_pool_order_is_inexact_and_measured():
    model = shake(models.small_cnn(), 0)
    rng = np.random.default_rng(0)
    data = rng.random((50, 1, 8, 8), np.float32), rng.integers(0, 10, 50)
    new, report = swap_conv_pool(model, (1, 8, 8), data=data)
    assert kinds(new) == ["Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU", "Flatten", "Linear"]
    assert not report.exact
    assert not report.agrees
    assert report.headline == "swap_conv_pool: 1 inexact rewrite, 0 refused"
    second = 32 * 16 * 9
    assert report.before.flops - report.after.flops == 2 * second * (64 - 16)
    wrong = [float(np.mean(m(data[0]).argmax(1) != data[1])) for m in (model, new)]
    assert report.errors == pytest.approx(tuple(wrong))
    assert "Error on the data given" in str(report)
    assert "WRONG" not in str(report)


def test_conv_pool_order_keeps_shapes():
    _, report = swap_conv_pool(models.lenet5(), (1, 28, 28))
    assert "instead of (20, 12, 12): pad the convolution" in reasons(report)
    assert len(report.refused) == 2
    tight = nn.Sequential(nn.Conv2d(1, 1, 3, seed=0), nn.BatchNorm2d(1), nn.AvgPool2d(2))
    _, report = swap_conv_pool(tight, (1, 4, 4))
    assert "after the pooling the image is smaller than the kernel" in reasons(report)
    _, report = swap_conv_pool(nn.Sequential(nn.ReLU()), (1, 4, 4))
    assert "Nothing to do: no Conv2d is followed by a pooling." in str(report)
    with pytest.raises(TypeError, match="in_shape is None; swap_conv_pool"):
        swap_conv_pool(tight, None)


def test_all_is_exported():
    assert all(hasattr(exchange, name) for name in exchange.__all__)
