"""The optimiser: exact, never dearer, idempotent, and done when it says so."""

import numpy as np
import pytest
from exchange_models import SEEDS, TOLERANCE, exchanged, kinds, reasons, relative, shake
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn import exchange, models, nn
from minicnn.exchange import RULES, Rewrite, optimize

KINDS = [
    "conv", "conv1x1", "separable", "pointwise", "norm", "norm", "activation", "maxpool", "avgpool",
    "idle", "nested", "residual", "projection",
]  # fmt: skip


class Builder:
    """Makes up a chain of layers, minding shapes."""

    def __init__(self, seed, dtype, in_shape):
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.shape = in_shape

    def conv(self, channels, out, size, **how):
        return nn.Conv2d(
            channels, out, size, bias=bool(self.rng.integers(2)), seed=0, dtype=self.dtype, **how
        )

    def layers(self, kind):
        C, H, W = self.shape
        pick = self.rng.integers
        if kind == "conv":
            how = {"padding": int(pick(2)), "groups": C if pick(2) else 1}
            return [self.conv(C, C * int(1 + pick(2)), min(3, H, W), **how)]
        if kind in ("conv1x1", "pointwise"):
            return [self.conv(C, int(1 + pick(6)), 1)]
        if kind == "separable":
            blur = self.conv(C, C, 3, padding=1, groups=C)
            return [blur, self.conv(C, int(1 + pick(6)), 1)]
        if kind == "norm":
            return [nn.BatchNorm2d(C, dtype=self.dtype)]
        if kind == "activation":
            return [[nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Tanh][pick(4)]()]
        if kind in ("maxpool", "avgpool"):
            pool = nn.MaxPool2d if kind == "maxpool" else nn.AvgPool2d
            size = int(pick(1, 4))
            fits = min(H, W) > size
            return [pool(size if fits else 1, padding=int(pick(2)) if size > 1 and fits else 0)]
        if kind == "idle":
            return [nn.Dropout(0.3, seed=0) if pick(2) else nn.Identity()]
        inner = self.conv(C, C, 3, padding=1)
        norm = nn.BatchNorm2d(C, dtype=self.dtype)
        if kind == "nested":
            return [nn.Sequential(inner, nn.Sequential(norm))]
        shortcut = None
        if kind == "projection":
            shortcut = nn.Sequential(self.conv(C, C, 1), nn.BatchNorm2d(C, dtype=self.dtype))
        return [nn.Residual(nn.Sequential(inner, norm, nn.ReLU()), shortcut)]

    def model(self, chain):
        model = nn.Sequential()
        for kind in chain:
            for layer in self.layers(kind):
                model.append(layer)
                self.shape = layer.out_shape(self.shape)
        model.append(nn.GlobalAvgPool2d()).append(nn.Flatten())
        how = {"seed": 0, "dtype": self.dtype}
        model.append(nn.Linear(self.shape[0], 5, **how))
        return model.append(nn.Linear(5, 3, **how))


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=8),
    SEEDS,
    st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=80)
def test_any_chain(chain, seed, dtype):
    in_shape = (3, 11, 10)
    model = shake(Builder(seed, dtype, in_shape).model(chain), seed)
    new, report = exchanged(optimize, model, in_shape)
    assert report.after.cost <= report.before.cost
    assert report.after.cost == exchange.estimate(new, in_shape)
    if report.applied:
        assert report.after.cost < report.before.cost
    assert not {"Identity", "Dropout"} & set(kinds(new))

    again, second = optimize(new, in_shape)
    assert second.applied == ()
    assert repr(again) == repr(new)
    assert all(np.array_equal(a, new.state_dict()[n]) for n, a in again.state_dict().items())


@pytest.mark.parametrize("name", models.MODELS)
def test_the_models_of_the_book(name):
    in_shape = (1, 28, 28) if name.startswith("lenet") else (3, 24, 20)
    model = shake(models.MODELS[name](in_shape), 0)
    new, report = exchanged(optimize, model, in_shape)
    assert "BatchNorm2d" not in kinds(new)
    assert kinds(model).count("BatchNorm2d") == sum(
        entry.rule == "fold_into_previous" for entry in report.applied
    )


def test_a_residual_network_loses_every_normalisation():
    model = shake(models.resnet_cifar(depth=20), 1)
    new, report = exchanged(optimize, model, (3, 32, 32))
    assert kinds(model).count("BatchNorm2d") == 21
    assert kinds(new) == [kind for kind in kinds(model) if kind != "BatchNorm2d"]
    where = [entry.where for entry in report.applied]
    assert where[:2] == ["0, 1", "3.body.0, 3.body.1"]
    assert "9.shortcut.0, 9.shortcut.1" in where
    # Each normalisation had gamma and beta; the bias that its convolution gets is all that is left.
    assert report.before.params - report.after.params == 16 + 6 * 16 + 7 * 32 + 7 * 64


def test_a_chain_of_exchanges_as_a_reader_would_do_it():
    """Fold, then merge, then pool first: each makes room for the next."""
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, seed=0), nn.BatchNorm2d(4)),
        nn.AvgPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 1, seed=0),
        nn.BatchNorm2d(8), nn.GlobalAvgPool2d(), nn.Flatten(), nn.Dropout(seed=0),
        nn.Linear(8, 9, seed=0), nn.Linear(9, 3, seed=0),
    )  # fmt: skip
    new, report = exchanged(optimize, shake(model, 2), (1, 16, 16))
    assert kinds(new) == [
        "Conv2d", "MaxPool2d", "ReLU", "GlobalAvgPool2d", "Conv2d", "Flatten", "Linear",
    ]  # fmt: skip
    assert new[0].kernel_size == (4, 4)
    assert {entry.rule for entry in report.applied} == {
        "open_sequence", "fold_into_previous", "avgpool_into_conv", "activation_after_maxpool",
        "avgpool_before_pointwise", "drop_idle", "linear_after_linear",
    }  # fmt: skip
    assert "0.0 + 0.1, 1" in [entry.where for entry in report.applied]


def test_a_blur_moves_to_where_there_are_fewer_channels():
    blur = nn.Conv2d(16, 16, 3, padding=1, groups=16, seed=0)
    model = shake(nn.Sequential(nn.Tanh(), blur, nn.Conv2d(16, 3, 1, seed=0)), 0)
    blur.weight.data[...] = 1 / 9
    new, report = exchanged(optimize, model, (16, 12, 12))
    assert [entry.rule for entry in report.applied] == ["depthwise_pointwise"]
    assert [layer.out_channels for layer in new[1:]] == [3, 3]
    assert "conv_after_conv" in {entry.rule for entry in report.refused}  # exact, but dearer


def test_an_exact_rewrite_that_does_not_pay_is_left_and_reported():
    """A border is a copy of the image: only for large ones is that cheaper than normalising."""
    model = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3, padding=1, seed=0))
    shake(model, 1, zeros=False)
    new, report = exchanged(optimize, model, (2, 16, 16))
    assert kinds(new) == kinds(model)
    assert "possible, but it does not pay: the cost would go from" in reasons(report)
    new, report = exchanged(optimize, model, (2, 200, 200))
    assert kinds(new) == ["ReLU", "Pad2d", "Conv2d"]


def test_a_rule_of_ones_own():
    """An exercise of the book: ReLU after Sigmoid does nothing."""

    def drop_relu_of_sigmoid(layers, position, in_shape):
        match layers[position : position + 2]:
            case [nn.Sigmoid() as first, nn.ReLU()]:
                return Rewrite(2, [first], "a sigmoid is never negative")
        return None

    model = nn.Sequential(nn.Sigmoid(), nn.ReLU(), nn.Flatten())
    assert kinds(optimize(model, (1, 2, 2))[0]) == kinds(model)
    new, report = exchanged(optimize, model, (1, 2, 2), rules=[*RULES, drop_relu_of_sigmoid])
    assert kinds(new) == ["Sigmoid", "Flatten"]
    assert report.applied == (("drop_relu_of_sigmoid", "0, 1", "a sigmoid is never negative"),)


def test_a_wrong_rule_is_caught_by_the_report():
    def drop_tanh(layers, position, in_shape):
        return Rewrite(1, [], "wrong") if isinstance(layers[position], nn.Tanh) else None

    model = nn.Sequential(nn.Tanh(), nn.ReLU())
    new, report = optimize(model, (1, 4, 4), rules=[drop_tanh])
    assert report.agrees is False
    assert "too large for rounding: one of the rewrites is WRONG" in str(report)
    x = np.random.default_rng(1).normal(size=(1, 1, 4, 4)).astype(np.float32)
    assert relative(model(x), new(x)) > 1e3 * TOLERANCE["float32"]


def test_a_rule_that_changes_the_shape_is_an_error():
    def drop_pooling(layers, position, in_shape):
        return Rewrite(1, [], "wrong") if isinstance(layers[position], nn.MaxPool2d) else None

    model = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    message = r"drop_pooling at 1 changes the output shape from \(1, 2, 2\) to \(1, 4, 4\)"
    with pytest.raises(ValueError, match=message):
        optimize(model, (1, 4, 4), rules=[drop_pooling])


def test_rules_that_undo_each_other_are_an_error():
    def turn(layers, position, in_shape):
        match layers[position : position + 2]:
            case [a, b]:
                return Rewrite(2, [b, a], "turned")
        return None

    with pytest.raises(RuntimeError, match="Two of them probably undo each other"):
        exchange.rewrite.run("turn", nn.Sequential(nn.ReLU(), nn.Tanh()), [turn], None, nothing="")


def test_a_subclass_may_compute_something_else():
    class Noisy(nn.Conv2d):
        pass

    model = nn.Sequential(Noisy(1, 2, 3, seed=0), nn.BatchNorm2d(2), nn.ReLU())
    new, report = exchanged(optimize, model, (1, 6, 6))
    assert type(new[0]) is Noisy
    assert "Noisy is a kind of Conv2d that may compute something else" in reasons(report)


def test_simplify():
    model = nn.Sequential(
        nn.Identity(), nn.Sequential(nn.ReLU(), nn.Sequential(), nn.ReLU6(), nn.ReLU6(), nn.ReLU()),
        nn.Dropout(seed=0), nn.MaxPool2d(1), nn.AvgPool2d(1, stride=2), nn.AvgPool2d(1), nn.Tanh(),
    )  # fmt: skip
    new, report = exchanged(exchange.simplify, model, (1, 5, 5))
    assert kinds(new) == ["ReLU", "ReLU6", "AvgPool2d", "Tanh"]
    _, report = exchange.simplify(new)
    assert "Nothing to do: every layer computes something" in str(report)
    assert kinds(exchanged(exchange.simplify, nn.Sequential(nn.Identity()), (3,))[0]) == []


@pytest.mark.parametrize(
    ("model", "in_shape", "error", "message"),
    [
        (nn.ReLU(), (1, 2, 2), TypeError, r"model is a ReLU; optimize wants a plain nn.Sequential"),
        (nn.Sequential(), (0, 2), ValueError, r"in_shape is \(0, 2\); .* without the batch axis"),
        (nn.Sequential(), None, TypeError, r"in_shape is None; optimize compares costs"),
        (models.small_cnn(), (3, 8, 8), ValueError, r"wants \(1, H, W\)"),
    ],
)
def test_arguments(model, in_shape, error, message):
    with pytest.raises(error, match=message):
        optimize(model, in_shape)
