"""`cost.memory_plan` against counts by hand and against checks that know nothing of the planner."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_models import IN_SHAPES, built, random_models

from minicnn import cost, models, nn


def check(plan):
    """No two activations that are alive at the same time share a byte, unless they may."""
    acts = plan.activations
    for i, a in enumerate(acts):
        assert a.offset % 64 == 0
        assert a.offset + a.bytes <= plan.peak_bytes
        assert a.birth == i <= a.death
        for b in acts[i + 1 :]:
            if (
                b.birth > a.death
                or b.offset >= a.offset + a.bytes
                or a.offset >= b.offset + b.bytes
            ):
                continue
            assert a.offset == b.offset
            assert a.bytes == b.bytes
            # The memory is handed from a to b by views and steps in place; in between at most
            # views look at it, and whoever writes over a does so in the step that a dies in.
            heirs = [c for c in acts[i + 1 : b.birth + 1] if c.offset == a.offset]
            assert all(c.shares for c in heirs)
            assert all(c.birth >= a.death for c in heirs if c.shares == "in place")
    assert plan.peak_bytes >= plan.lower_bound == max(plan.live_bytes)
    assert len(plan.live_bytes) == len(acts)
    assert plan.peak_bytes <= plan.naive_bytes


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", models.MODELS)
def test_every_model_reaches_the_lower_bound(name, batch, inplace):
    plan = cost.memory_plan(built(name), IN_SHAPES[name], batch=batch, inplace=inplace)
    check(plan)
    assert plan.peak_bytes == plan.lower_bound


def test_a_deep_residual_network_too():
    plan = cost.memory_plan(models.resnet_cifar(depth=56), (3, 32, 32))
    check(plan)
    # Input of the block, what is between its two convolutions, and the output: three 16x32x32.
    assert plan.peak_bytes == plan.lower_bound == 3 * 16 * 32 * 32 * 4


@settings(max_examples=60)
@given(model=random_models(), batch=st.integers(1, 3), inplace=st.booleans())
def test_any_model(model, batch, inplace):
    plan = cost.memory_plan(model, (2, 6, 5), batch=batch, inplace=inplace)
    check(plan)
    if not inplace:
        assert "in place" not in {a.shares for a in plan.activations}


def test_by_hand():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, seed=0),  # 2·4·4 floats, 128 bytes
        nn.ReLU(),  # in place
        nn.MaxPool2d(2),  # 2·2·2 floats, 32 bytes
        nn.Flatten(),  # a view
        nn.Linear(8, 3, seed=0),  # 12 bytes
    )
    plan = cost.memory_plan(model, (1, 4, 4))
    assert [(a.name, a.bytes, a.birth, a.death, a.shares) for a in plan.activations] == [
        ("input", 64, 0, 1, ""),
        ("0", 128, 1, 2, ""),
        ("1", 128, 2, 3, "in place"),
        ("2", 32, 3, 4, ""),
        ("3", 32, 4, 5, "view"),
        ("4", 12, 5, 5, ""),
    ]
    assert plan.live_bytes == (64, 192, 128, 192, 64, 128)
    assert plan.peak_bytes == plan.lower_bound == 192
    assert plan.naive_bytes == 64 + 128 + 128 + 64 + 64
    apart = cost.memory_plan(model, (1, 4, 4), inplace=False)
    assert apart.live_bytes == (64, 192, 256, 192, 64, 128)
    double = cost.memory_plan(model, (1, 4, 4), dtype=np.float64, batch=2)
    assert [a.bytes for a in double.activations] == [4 * a.bytes for a in plan.activations]
    assert double.activations[1].shape == (2, 2, 4, 4)
    assert cost.memory_plan(model.astype(np.float64), (1, 4, 4)).activations[0].bytes == 128


def kinds(*layers):
    plan = cost.memory_plan(nn.Sequential(*layers), (4, 4, 4))
    check(plan)
    return {a.name: a.shares for a in plan.activations}


def test_what_a_branch_still_needs_is_not_written_over():
    conv = nn.Conv2d(4, 4, 3, padding=1, seed=0)
    # The shortcut reads the input after the body has: no ReLU on top of it ...
    assert kinds(nn.Residual(nn.Sequential(nn.ReLU(), conv)))["0.body.0"] == ""
    # ... not through a view either ...
    found = kinds(nn.Residual(nn.Sequential(nn.Identity(), nn.ReLU(), conv)))
    assert found["0.body.0"] == "view"
    assert found["0.body.1"] == ""
    # ... but after the body's last look the shortcut may, and the sum goes on top of the body.
    found = kinds(nn.Residual(nn.Sequential(conv), nn.Sequential(nn.ReLU())))
    assert found["0.shortcut.0"] == "in place"
    assert found["0"] == "in place"


def test_sums_of_odd_branches():
    assert kinds(nn.Residual(nn.Sequential())) == {"input": "", "0": "in place"}  # x + x
    nested = nn.Residual(nn.Sequential(nn.Residual(nn.Sequential())))
    # x + (x + x): the inner sum cannot lie on x, the outer one lies on the inner.
    assert kinds(nested) == {"input": "", "0.body.0": "", "0": "in place"}


def test_the_output_is_never_written_over():
    plan = cost.memory_plan(nn.Sequential(), (3,))
    assert [a.name for a in plan.activations] == ["input"]
    assert plan.peak_bytes == 64
    assert cost.memory_plan(nn.ReLU(), (5, 2, 2)).activations[-1].name == "0"


def test_subclasses_are_not_trusted():
    class Mirror(nn.ReLU):
        def forward(self, x, training=False):
            return x[..., ::-1].copy()

    assert kinds(Mirror())["0"] == ""


def test_the_timeline_covers_each_moment_once():
    plan = cost.memory_plan(built("resnet_cifar"), (3, 32, 32))
    grid = np.zeros((plan.peak_bytes // 64, len(plan.activations)), int)
    for bar in plan.timeline():
        grid[bar.low // 64 : math.ceil(bar.high / 64), bar.start : bar.stop] += 1
    assert grid.max() == 1
    np.testing.assert_array_equal(64 * grid.sum(axis=0), plan.live_bytes)
    names = [bar.name for bar in plan.timeline()]
    views = [a.name for a in plan.activations if a.shares == "view"]
    assert sorted(names + views) == sorted(a.name for a in plan.activations)


def test_the_table():
    text = str(cost.memory_plan(built("lenet5"), (1, 28, 28)))
    lines = text.splitlines()
    assert "Conv2d" in lines[3]
    assert "view" in text
    assert "in place" in text
    assert "57,600 bytes" in lines[-4]
    assert "lower bound" in lines[-3]


def test_workspace_of_the_hungriest_convolution():
    naive = nn.Conv2d(3, 4, 3, padding=1, seed=0, algorithm="naive")
    padded = 2 * 3 * 10 * 10 * 4
    assert cost.memory_plan(naive, (3, 8, 8), batch=2).workspace_bytes == padded
    assert cost.memory_plan(nn.ReLU(), (3, 8, 8)).workspace_bytes == 0
    pointwise = nn.Conv2d(3, 4, 1, seed=0, algorithm="im2col")
    assert cost.memory_plan(pointwise, (3, 8, 8)).workspace_bytes == 0
    columns = nn.Conv2d(3, 4, 3, seed=0, algorithm="im2col")
    assert cost.memory_plan(columns, (3, 8, 8)).workspace_bytes == 3 * 9 * 6 * 6 * 4


def test_what_is_refused():
    with pytest.raises(ValueError, match="Use batch=1"):
        cost.memory_plan(built("lenet5"), (1, 28, 28), batch=0)
    with pytest.raises(ValueError, match="without the batch axis"):
        cost.memory_plan(built("lenet5"), (0, 28, 28))
    with pytest.raises(ValueError, match=r"wants \(1, H, W\)"):
        cost.memory_plan(built("lenet5"), (3, 28, 28))
