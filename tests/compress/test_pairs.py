"""Every ordered pair of passes: the model that comes out runs, learns, is saved and exported."""

import inspect
from functools import partial
from itertools import product

import numpy as np
import pytest

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.prune import prunable

IN_SHAPE = (1, 8, 8)
X, Y, X_TEST, Y_TEST = mc.data.load("digits", size=400)
TRAIN = X[:64], Y[:64]
PASSES = {
    "prune": partial(compress.prune, sparsity=0.5),
    "trim": partial(compress.trim, channels=0.25),
    "sparsify": partial(compress.sparsify, pattern=(2, 4)),
    "quantize": partial(compress.quantize, images=TRAIN[0]),
    "cut": partial(compress.cut, count=1, in_shape=IN_SHAPE, data=TRAIN),
    "clip": partial(compress.clip, weights=2.0, activations="pact", images=TRAIN[0]),
    "low_rank": partial(compress.low_rank, energy=0.7),
    "cluster": partial(compress.cluster, bits=3),
    "add_exits": lambda m: compress.add_exits(m, at=[len(m) // 2], train=TRAIN, epochs=1),
    "fold": compress.fold,
    "remove_dead": compress.remove_dead,
    "distill": lambda model: compress.distill(model, model, TRAIN, epochs=1, seed=0),
}
"""One setting of each pass, strong enough to change something."""
PAIRS = [pair for pair in product(PASSES, PASSES) if pair != ("add_exits", "add_exits")]
"""All of them; only a model that has early exits cannot get them again."""


@pytest.fixture(scope="module")
def model():
    def block(seed):
        def half(seed):
            return nn.Conv2d(8, 8, 3, padding=1, bias=False, seed=seed), nn.BatchNorm2d(8)

        return nn.Residual(nn.Sequential(*half(seed), nn.ReLU(), *half(seed + 1))), nn.ReLU()

    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False, seed=0),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        *block(1),
        nn.MaxPool2d(2),
        *block(3),
        *block(5),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 10, seed=7),
    )
    how = {"optimizer": mc.optim.Adam(5e-3), "batch_size": 32, "progress": False}
    mc.fit(model, (X, Y), epochs=3, seed=0, **how)
    return model


@pytest.fixture(scope="module")
def once(model):
    """Remember the model after each pass."""
    kept = {}

    def after(name):
        if name not in kept:
            kept[name] = PASSES[name](model)[0]
        return kept[name]

    return after


def is_quantised(model):
    kinds = (nn.QuantConv2d, nn.QuantLinear)
    return any(isinstance(layer, kinds) for _, layer in model.named_layers())


def closeness(model, y):
    """What two programs may differ by: rounding, or one step of a grid where there are grids."""
    largest = float(np.abs(y).max())
    return {"rtol": 0, "atol": (1e-2 if is_quantised(model) else 1e-4) * largest}


def holds(parameter):
    """Whether the rules on a parameter hold: setting the values to them changes nothing."""
    ruled = nn.Parameter(parameter.data.copy())
    ruled.constraints = list(parameter.constraints)
    ruled.project()
    return np.array_equal(ruled.data, parameter.data)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_any_two_passes_compose(model, once, first, second, tmp_path):
    middle = once(first)
    before = middle.state_dict()
    small, told = PASSES[second](middle)
    assert told.name == second
    assert all(np.array_equal(a, before[name]) for name, a in middle.state_dict().items())
    x = X_TEST[:16]
    y = small(x)
    assert y.shape == (16, 10)
    assert np.isfinite(y).all()

    compress.save(small, tmp_path / "compact")
    mc.io.save(small, tmp_path / "plain")
    for loaded in (compress.load(tmp_path / "compact"), mc.io.load(tmp_path / "plain")):
        assert np.array_equal(loaded(x), y)
        rules, same = loaded.parameters(), small.parameters()
        for name, parameter in same.items():
            kinds = [type(rule) for rule in parameter.constraints]
            assert [type(rule) for rule in rules[name].constraints] == kinds

    mc.io.export_onnx(small, tmp_path / "m.onnx", IN_SHAPE)
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(tmp_path / "m.onnx", options)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], y, **closeness(small, y))

    learnt = small.copy()
    mc.fit(learnt, TRAIN, epochs=1, batch_size=64, seed=0, progress=False)
    assert np.isfinite(learnt(x)).all()
    changed = [
        name
        for name, array in learnt.state_dict().items()
        if not np.array_equal(array, small.state_dict()[name])
    ]
    assert changed
    for name, parameter in learnt.parameters().items():
        assert holds(parameter), name


DROPS = {
    ("prune", "low_rank"),
    ("cluster", "low_rank"),
    ("cluster", "fold"),
    ("cluster", "quantize"),
}
"""Pairs in which the second pass cannot keep what the first one made, and says so."""


@pytest.mark.parametrize(("first", "second"), [*product(("prune", "cluster"), PASSES)])
def test_what_a_pass_made_survives_or_the_report_says_not(once, first, second):
    middle = once(first)
    small, told = PASSES[second](middle)
    kind = nn.Mask if first == "prune" else nn.Tied
    ruled = [p for p in small.parameters().values() for r in p.constraints if type(r) is kind]
    said = any("dropped" in change.what for change in told.changes)
    assert said == ((first, second) in DROPS)
    if not said:
        assert ruled
    if not said and first == "prune" and second != "add_exits":  # heads are new
        assert nonzero(small) <= nonzero(middle)


def nonzero(model):
    return sum(int(np.count_nonzero(p.data)) for p in prunable(model).values())


def test_the_matrix_has_every_pass():
    found = {
        name
        for name in compress.__all__
        if inspect.isfunction(pass_ := getattr(compress, name))
        and next(iter(inspect.signature(pass_).parameters)) == "model"
        and inspect.signature(pass_).return_annotation == "tuple[nn.Sequential, Report]"
    }
    assert found - {"snap", "train_exits"} <= PASSES.keys()


@pytest.mark.parametrize("name", ["trim", "low_rank", "cut"])
def test_passes_reach_inside_a_model_with_exits(once, name):
    _, told = PASSES[name](once("add_exits"))
    assert told.after.params < told.before.params


def test_trimming_by_activation_looks_at_heads_too(once):
    images = TRAIN[0][:20]
    small, _ = compress.trim(once("add_exits"), channels=0.25, by="activation", images=images)
    assert np.isfinite(small(images)).all()
