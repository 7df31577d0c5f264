"""Constraints: hold under every optimiser, survive copies, files, checkpoints and passes."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import exchange, nn, optim

OPTIMIZERS = [
    optim.SGD(0.1),
    optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    optim.Adam(0.01),
    optim.AdamW(0.01, weight_decay=0.1),
    optim.RMSProp(0.01),
    optim.AdaGrad(0.01),
]


def bound_model(dtype=np.float32):
    model = mc.models.small_cnn(seed=1, dtype=dtype)
    rng = np.random.default_rng(2)
    conv, linear = model[0].weight, model[6].weight
    conv.constrain(nn.Mask(rng.random(conv.shape) < 0.5))
    groups = rng.integers(-1, 7, linear.shape)
    linear.constrain(nn.Tied(groups))
    model[2].weight.constrain(nn.Range(-0.1, 0.05))
    return model


def assert_bound(model):
    conv, middle, linear = model[0].weight, model[2].weight, model[6].weight
    mask, tied = conv.constraints[0], linear.constraints[0]
    assert not conv.data[~mask.keep].any()
    assert conv.data[mask.keep].all()
    for group in range(7):
        assert len(np.unique(linear.data[tied.group == group])) == 1
    assert len(np.unique(linear.data[tied.group == -1])) > 50
    assert middle.data.min() >= np.float32(-0.1)
    assert middle.data.max() <= np.float32(0.05)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_hold_through_training(optimizer):
    model = bound_model()
    assert_bound(model)
    before = model.state_dict()
    x, y, *_ = mc.data.load("digits")
    mc.fit(model, (x[:200], y[:200]), epochs=1, seed=0, optimizer=optimizer, progress=False)
    assert_bound(model)
    for name in ("0.weight", "6.weight", "2.weight"):
        assert not np.array_equal(before[name], model.parameters()[name].data)


def test_the_gradient_of_tied_values_is_that_of_one_value():
    rng = np.random.default_rng(0)
    group = np.array([[0, 0, 1], [-1, 1, 0]])
    w = nn.Parameter(rng.standard_normal((2, 3)))
    w.constrain(nn.Tied(group))
    x = rng.standard_normal((2, 3))
    values = {g: w.data[group == g][0] for g in (0, 1)}
    w.add_grad(2 * w.data * x)  # of the sum of x w²
    for g, value in values.items():
        assert w.grad[group == g] == pytest.approx(2 * value * x[group == g].sum())
    assert w.grad[1, 0] == pytest.approx(2 * w.data[1, 0] * x[1, 0])


def test_survive_copy_save_and_load(tmp_path):
    model = bound_model()
    mc.io.save(model, tmp_path / "m.mcnn")
    for twin in (model.copy(), mc.io.load(tmp_path / "m.mcnn"), model.astype(np.float64)):
        assert_bound(twin)
        assert [type(p.constraints[0]) for p in (twin[0].weight, twin[6].weight)] == [
            nn.Mask,
            nn.Tied,
        ]


def test_an_unbound_model_is_written_as_before(tmp_path):
    import json
    import zipfile

    mc.io.save(mc.models.small_cnn(), tmp_path / "m.mcnn")
    with zipfile.ZipFile(tmp_path / "m.mcnn") as archive:
        about = json.loads(archive.read("architecture.json"))
    assert about["version"] == 1
    assert "constraints" not in about


class MaskLater(mc.training.Hook):
    """Prunes in the middle of training, as gradual pruning does."""

    def on_batch_start(self, model, step):
        if step == 2:
            weight = model[0].weight
            weight.constrain(nn.Mask(np.abs(weight.data) > np.median(np.abs(weight.data))))


def test_a_checkpoint_keeps_constraints(tmp_path):
    x, y, *_ = mc.data.load("digits")
    data = (x[:300], y[:300])

    def run(epochs, path):
        model = mc.models.small_cnn(seed=0)
        mc.fit(
            model, data, epochs=epochs, seed=0, progress=False, checkpoint=path,
            hooks=[MaskLater()],
        )  # fmt: skip
        return model

    whole = run(3, tmp_path / "whole")
    run(1, tmp_path / "part")
    resumed = run(3, tmp_path / "part")
    assert (whole[0].weight.data == 0).mean() == pytest.approx(0.5, abs=0.01)
    for name, array in whole.state_dict().items():
        assert np.array_equal(array, resumed.state_dict()[name])


def test_take_slices_values_and_rules():
    weight = bound_model()[0].weight
    part = weight.take([3, 1], axis=0)
    assert np.array_equal(part.data, weight.data[[3, 1]])
    assert np.array_equal(part.constraints[0].keep, weight.constraints[0].keep[[3, 1]])


def test_folding_keeps_a_mask():
    model = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False, seed=0), nn.BatchNorm2d(3))
    keep = np.random.default_rng(0).random((3, 2, 3, 3)) < 0.3
    model[0].weight.constrain(nn.Mask(keep))
    folded, _ = exchange.fold_batchnorm(model, in_shape=(2, 8, 8))
    assert np.array_equal(folded[0].weight.constraints[0].keep, keep)


def test_a_constraint_takes_the_place_of_its_kind():
    weight = nn.Parameter(np.ones((2, 2)))
    weight.constrain(nn.Mask(np.array([[True, False], [True, True]])))
    weight.constrain(nn.Mask(np.array([[False, True], [True, True]])))
    assert len(weight.constraints) == 1
    assert weight.data.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("mask_first", [True, False])
def test_zeros_of_a_mask_do_not_pull_on_tied_values(mask_first):
    weight = nn.Parameter(np.array([2.0, 2.0, 2.0, 5.0]))
    rules = [nn.Mask(np.array([True, False, True, True])), nn.Tied(np.array([0, 0, 0, -1]))]
    for rule in rules if mask_first else rules[::-1]:
        weight.constrain(rule)
    for _ in range(3):
        weight.project()
    assert weight.data.tolist() == [2, 0, 2, 5]
    weight.add_grad(np.array([1.0, 10.0, 2.0, 0.0]))
    assert weight.grad.tolist() == [3, 0, 3, 0]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: nn.Mask(np.ones(3)), TypeError),
        (lambda: nn.Tied(np.ones(3)), ValueError),
        (lambda: nn.Tied(np.array([-2])), ValueError),
        (lambda: nn.Range(1, 1), ValueError),
        (lambda: nn.Parameter(np.ones(3)).constrain(nn.Mask(np.ones(2, bool))), ValueError),
        (lambda: nn.Parameter(np.ones(3)).constrain(nn.Tied(np.ones(2, int))), ValueError),
    ],
)
def test_bad_input_is_refused(make, error):
    with pytest.raises(error, match="want"):
        make()
