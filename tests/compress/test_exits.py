"""Early exits: each sample leaves where it should, and everything else works as without them."""

import numpy as np
import pytest
from oracles import numerical_gradient

import minicnn as mc
from minicnn import compress, io, nn
from minicnn.compress.cut import blocks

IN_SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def digits():
    return mc.data.load("digits")


@pytest.fixture(scope="module")
def trained(digits):
    model = mc.models.small_cnn(seed=0)
    mc.fit(model, digits[:2], epochs=3, seed=0, progress=False)
    return model


@pytest.fixture(scope="module")
def with_exits(trained, digits):
    return compress.add_exits(
        trained, at=(2, 4), train=digits[:2], epochs=3, threshold=0.8, data=digits[2:]
    )


def linear(n_in, n_out, seed, dtype=np.float32):
    return nn.Sequential(nn.Linear(n_in, n_out, seed=seed, dtype=dtype))


def toy(threshold=0.5, dtype=np.float32):
    stages = [linear(4, 5, 0, dtype).append(nn.Tanh()), linear(5, 6, 1, dtype)]
    heads = [linear(5, 3, 2, dtype), linear(6, 3, 3, dtype)]
    return nn.EarlyExits([*stages, linear(6, 3, 4, dtype)], heads, threshold)


def one_by_one(layer, x):
    """The definition, a sample at a time: logits, exit."""
    for number, (stage, head) in enumerate(zip(layer.stages, layer.heads, strict=False)):
        x = stage(x)
        logits = head(x)
        if (np.exp(logits) / np.exp(logits).sum()).max() >= layer.threshold:
            return logits, number
    return layer.stages[-1](x), len(layer.heads)


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.5, 0.6, 2.0])
def test_each_sample_leaves_at_the_first_exit_that_is_sure(threshold):
    layer = toy(threshold, np.float64)
    x = np.random.default_rng(0).normal(0, 2, (40, 4))
    logits, where = layer.route(x)
    for i in range(len(x)):
        expected, number = one_by_one(layer, x[i : i + 1])
        assert where[i] == number
        np.testing.assert_allclose(logits[i], expected[0], rtol=1e-12)
    assert np.array_equal(layer(x), logits)
    if threshold in (0.0, 2.0):
        assert set(where) == {0 if threshold == 0 else 2}
    else:
        assert len(set(where)) > 1


def test_later_stages_see_only_who_is_left():
    class Counter(nn.Identity):
        seen = 0

        def forward(self, x, training=False):
            Counter.seen += len(x)
            return x

    layer = toy()
    layer.stages[2].layers.insert(0, Counter())
    x = np.random.default_rng(0).normal(0, 2, (40, 4)).astype(np.float32)
    where = layer.route(x)[1]
    assert Counter.seen == (where == 2).sum() < 40


def test_training_is_that_of_the_trunk():
    layer = toy(dtype=np.float64)
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((7, 4)), rng.standard_normal((7, 3))
    y = layer.forward(x, training=True)
    np.testing.assert_allclose(y, layer.trunk(x), rtol=1e-12)
    dx = layer.backward(dy)
    np.testing.assert_allclose(dx, numerical_gradient(layer.trunk, x, dy), atol=1e-7)
    with pytest.raises(RuntimeError, match="its own forward"):
        layer.backward(dy)


def test_heads_learn_to_say_what_the_end_says():
    """Their gradient is that of the mean divergence from the end's probabilities."""
    layer = toy(dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((7, 4))
    y = layer.forward(x, training=True)
    ends = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    layer.backward(np.zeros_like(y))
    assert not any(np.any(p.grad) for p in layer.stages.parameters().values())
    hidden = layer.stages[0](x)
    twin = layer.heads[0].copy()

    def divergence(weight):
        twin[0].weight.data[...] = weight
        z = twin(hidden)
        log = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return np.array([(ends * (np.log(ends) - log)).sum() / len(x)])

    weight = layer.heads[0][0].weight
    expected = numerical_gradient(divergence, weight.data.copy(), np.ones(1))
    np.testing.assert_allclose(weight.grad, expected, atol=1e-7)


def test_the_end_stays_what_it_was(trained, with_exits, digits):
    model, told = with_exits
    before = trained.state_dict()
    never = compress.with_threshold(model, 2.0)
    np.testing.assert_allclose(never(digits[2]), trained(digits[2]), rtol=1e-4, atol=1e-4)
    for name, array in trained.state_dict().items():
        assert np.array_equal(array, before[name])
    assert model[0].threshold == 0.8  # with_threshold made a copy
    assert told.errors[1] < 0.15
    assert "leave at the exits" in told.changes[-1].what


def test_average_cost_by_counting(with_exits, digits):
    model, _ = with_exits
    used = compress.measure_exits(model, digits[2:])
    exits = model[0]
    total = 0
    where = exits.route(digits[2])[1]
    for number in where:
        parts = [exits.stages[i] for i in range(number + 1)]
        total += nn.Sequential(*parts).macs(IN_SHAPE)
        for i in range(min(number + 1, 2)):
            total += exits.heads[i].macs(nn.Sequential(*parts[: i + 1]).out_shape(IN_SHAPE))
    assert used.average_macs == pytest.approx(total / len(where))
    assert used.accuracy == mc.evaluate(model, digits[2:]).accuracy
    assert sum(used.shares) == pytest.approx(1)
    assert used.macs[-1] == model.macs(IN_SHAPE) == mc.cost.summary(model, IN_SHAPE).macs
    costs = [
        compress.measure_exits(compress.with_threshold(model, t), digits[2:]).average_macs
        for t in (0.5, 0.8, 0.95, 2)
    ]
    assert costs == sorted(costs)


def test_exits_between_other_layers(with_exits, digits):
    exits = with_exits[0][0]
    stages = [exits.stages[0][1:], *list(exits.stages)[1:]]
    model = nn.Sequential(exits.stages[0][0], nn.EarlyExits(stages, exits.heads, 0.8))
    whole = compress.measure_exits(with_exits[0], digits[2:])
    parts = compress.measure_exits(model, digits[2:])
    assert parts.macs == whole.macs
    assert parts.shares == pytest.approx(whole.shares, abs=0.01)
    tuned, _ = compress.train_exits(model, train=digits[:2], epochs=1)
    for name, array in model.state_dict().items():
        assert np.array_equal(array, tuned.state_dict()[name]) == (".heads." not in name)


def test_saved_trained_and_exported(with_exits, digits, tmp_path):
    model, x = with_exits[0].copy(), digits[2][:50]
    io.save(model, tmp_path / "m.mcnn")
    compress.save(model, tmp_path / "m.mcnp")
    for twin in (io.load(tmp_path / "m.mcnn"), compress.load(tmp_path / "m.mcnp")):
        assert np.array_equal(twin(x), model(x))
        assert repr(twin) == repr(model)
    runtime = pytest.importorskip("onnxruntime")
    io.export_onnx(model, tmp_path / "m.onnx", IN_SHAPE)
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["y"], {"x": x})[0], model(x), rtol=1e-3, atol=1e-4)
    head = model[0].heads[0][-1].weight.data.copy()
    history = mc.fit(model, digits[:2], epochs=2, seed=0, progress=False)
    assert history.train_loss[1] < history.train_loss[0]
    assert not np.array_equal(head, model[0].heads[0][-1].weight.data)


def test_other_passes_look_inside(digits):
    model = mc.models.resnet_cifar(IN_SHAPE, depth=8, seed=0)
    exits, _ = compress.add_exits(model, at=(4,), train=(digits[0][:64], digits[1][:64]), epochs=1)
    [block] = blocks(exits, IN_SHAPE)
    assert block.path == "0.stages.0"
    cut, _ = compress.cut(exits, count=1, in_shape=IN_SHAPE, data=(digits[0][:64], digits[1][:64]))
    assert cut.out_shape(IN_SHAPE) == (10,)
    clipped, _ = compress.clip(cut, weights=2.0, activations="pact", images=digits[0][:20])
    assert not any(type(layer) is nn.ReLU for _, layer in clipped.named_layers())
    assert np.isfinite(clipped(digits[0][:20])).all()


def test_bad_input_is_refused(trained, digits):
    head = linear(5, 3, 0)
    with pytest.raises(ValueError, match="wants two stages"):
        nn.EarlyExits([linear(4, 3, 0)], [])
    with pytest.raises(TypeError, match=r"nn\.Sequential"):
        nn.EarlyExits([linear(4, 5, 0), nn.ReLU()], [head])
    with pytest.raises(ValueError, match="wants logits"):
        nn.EarlyExits([linear(4, 5, 0), linear(5, 2, 0)], [head]).out_shape((4,))
    for at in ((), (0,), (3, 2), (9,)):
        with pytest.raises(ValueError, match="increasing positions"):
            compress.add_exits(trained, at=at, train=digits[:2])
    with pytest.raises(ValueError, match="wants logits"):
        compress.add_exits(trained[:2], at=(1,), train=digits[:2])
    with pytest.raises(ValueError, match="wants a model with exits"):
        compress.measure_exits(trained, digits[2:])
