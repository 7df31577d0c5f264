"""The arena runs the model itself: same bits, and no activation anywhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_models import IN_SHAPES, built, random_models, stir

from minicnn import cost, models, nn
from minicnn.cost import arena

SMALL_THINGS = 96 * 1024
"""Python objects, thread stacks and NumPy's own buffers of 8192 numbers; activations are larger."""


def images(in_shape, n, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=(n, *in_shape)).astype(dtype)


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("name", models.MODELS)
def test_every_model_gives_the_same_bits(name, inplace):
    model, in_shape = built(name), IN_SHAPES[name]
    runner = cost.ArenaRunner(model, in_shape, batch=2, inplace=inplace)
    for seed in (0, 1):
        x = images(in_shape, 2, seed)
        before = x.copy()
        y = runner(x)
        np.testing.assert_array_equal(y, model(x))
        np.testing.assert_array_equal(x, before)
        assert not np.shares_memory(y, runner.arena)


@settings(max_examples=60)
@given(
    model=random_models(), batch=st.integers(1, 3), inplace=st.booleans(), seed=st.integers(0, 9)
)
def test_any_model_gives_the_same_bits(model, batch, inplace, seed):
    x = images((2, 6, 5), batch, seed)
    runner = cost.ArenaRunner(model, (2, 6, 5), batch=batch, inplace=inplace)
    np.testing.assert_array_equal(runner(x), model(x))
    np.testing.assert_array_equal(runner(x), model(x))  # no trace of the run before


def test_double_precision_and_awkward_images():
    model = built("small_cnn").astype(np.float64)
    runner = cost.ArenaRunner(model, (1, 8, 8), batch=3)
    x = images((1, 8, 8), 6, dtype=np.float64)[::-2]
    x.flags.writeable = False
    np.testing.assert_array_equal(runner(x), model(x))


def test_every_activation_lies_in_the_arena():
    runner = cost.ArenaRunner(built("resnet_cifar"), (3, 32, 32))
    assert runner.arena.nbytes == runner.plan.peak_bytes
    start = runner.arena.ctypes.data
    assert start % 64 == 0
    for window, planned in zip(runner.activations, runner.plan.activations, strict=True):
        assert window.ctypes.data - start == planned.offset
        assert window.nbytes == planned.bytes
        assert np.shares_memory(window, runner.arena)


@pytest.mark.parametrize("name", models.MODELS)
def test_measured_peak_is_the_planned_one(name):
    model, in_shape = built(name), IN_SHAPES[name]
    batch = 8
    x = images(in_shape, batch)
    runner = cost.ArenaRunner(model, in_shape, batch=batch)
    plan = runner.plan
    allowed = plan.workspace_bytes + SMALL_THINGS
    assert cost.peak_bytes(lambda: runner(x)) <= allowed
    # From nothing: the arena is all there is, and all of it is used.
    from_nothing = cost.peak_bytes(lambda: cost.ArenaRunner(model, in_shape, batch=batch)(x))
    bookkeeping = 2_000 * len(plan.activations)  # the plan itself
    assert plan.peak_bytes <= from_nothing <= plan.peak_bytes + allowed + bookkeeping


def test_without_workspace_the_peak_is_the_arena(monkeypatch):
    """Layers that write straight into the arena, activations of 128 KiB to 2 MiB: no excuses."""
    monkeypatch.setattr(arena, "CHUNK", 256)
    model = nn.Sequential(
        nn.Conv2d(8, 16, 1, seed=0, algorithm="im2col"),
        nn.BatchNorm2d(16),
        nn.LeakyReLU(),
        nn.Residual(nn.Sequential(nn.Sigmoid(), nn.Conv2d(16, 16, 1, seed=1, algorithm="im2col"))),
        nn.ReLU6(),
        nn.MaxPool2d(2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.GlobalAvgPool2d(),
        nn.Flatten(),
        nn.Linear(16, 10, seed=2),
    )
    stir(model)
    in_shape, batch = (8, 64, 64), 8
    x = images(in_shape, batch)
    plan = cost.memory_plan(model, in_shape, batch=batch)
    assert plan.workspace_bytes == 0
    assert max(a.bytes for a in plan.activations) == 2**21
    measured = cost.peak_bytes(lambda: cost.ArenaRunner(model, in_shape, batch=batch)(x))
    assert plan.peak_bytes <= measured <= plan.peak_bytes + SMALL_THINGS


def test_the_weights_are_the_models():
    model = nn.Sequential(nn.Linear(3, 2, seed=0), nn.ReLU())
    runner = cost.ArenaRunner(model, (3,))
    model[0].weight.data[...] = 1
    np.testing.assert_array_equal(runner(np.ones((1, 3), np.float32)), [[3, 3]])


@pytest.mark.parametrize(
    "x", [np.ones((2, 1, 8, 8), np.float32), np.ones((1, 1, 8, 8)), np.ones((1, 8, 8), np.float32)]
)
def test_other_batches_are_refused(x):
    runner = cost.ArenaRunner(built("small_cnn"), (1, 8, 8))
    with pytest.raises(ValueError, match="make another ArenaRunner"):
        runner(x)
