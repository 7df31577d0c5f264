"""Pruning: the right number of the right weights, for good."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.prune import prunable


@pytest.fixture(scope="module")
def digits():
    x, y, x_test, y_test = mc.data.load("digits")
    return x[:600], y[:600], x_test, y_test


@given(st.floats(0, 0.999), st.sampled_from(["global", "layer"]))
def test_how_many_and_which(sparsity, scope):
    model = mc.models.small_cnn(seed=0)
    small, told = compress.prune(model, sparsity=sparsity, scope=scope)
    weights, pruned = prunable(model), prunable(small)
    groups = [list(weights)] if scope == "global" else [[name] for name in weights]
    for names in groups:
        old = np.concatenate([weights[n].data.ravel() for n in names])
        new = np.concatenate([pruned[n].data.ravel() for n in names])
        assert (new == 0).sum() == round(sparsity * old.size)
        assert np.array_equal(new[new != 0], old[new != 0])
        gone = np.abs(old[new == 0])
        assert not gone.size or gone.max() <= np.abs(new[new != 0]).min(initial=np.inf)
    assert np.array_equal(model[6].bias.data, small[6].bias.data)
    assert told.after.nonzero == sum(np.count_nonzero(p.data) for p in small.parameters().values())


def test_pruning_again_counts_the_zeros_there():
    once, _ = compress.prune(mc.models.small_cnn(seed=0), sparsity=0.6)
    twice, _ = compress.prune(once, sparsity=0.8)
    for a, b in zip(prunable(once).values(), prunable(twice).values(), strict=True):
        assert not b.data[a.data == 0].any()
    assert twice[0].weight.constraints[0].keep.sum() == np.count_nonzero(twice[0].weight.data)
    total = sum(p.size for p in prunable(twice).values())
    assert sum((p.data == 0).sum() for p in prunable(twice).values()) == round(0.8 * total)


def test_pruning_less_leaves_what_is_masked_at_zero(digits):
    model, _ = compress.prune(mc.models.small_cnn(seed=0), sparsity=0.9)
    again, _ = compress.prune(model, sparsity=0.5)
    hook = compress.GradualPruning(0.6, end=5, every=1)
    mc.fit(again, digits[:2], epochs=1, seed=0, hooks=[hook], progress=False)
    zeros = sum(int((p.data == 0).sum()) for p in prunable(again).values())
    assert zeros == round(0.9 * sum(p.size for p in prunable(again).values()))


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_scores_in_the_place_of_magnitudes(scope):
    model, _ = compress.prune(mc.models.small_cnn(seed=0), sparsity=0.1)
    scores = {name: -np.abs(p.data) for name, p in prunable(model).items()}
    largest_gone, _ = compress.prune(model, sparsity=0.3, scope=scope, scores=scores)
    for name, p in prunable(largest_gone).items():
        before = np.abs(prunable(model)[name].data)
        gone = before[(p.data == 0) & (before > 0)]
        assert not gone.size or gone.min() >= before[p.data != 0].max()
        assert not p.data[before == 0].any()
    zeros = sum(int((p.data == 0).sum()) for p in prunable(largest_gone).values())
    assert abs(zeros - 0.3 * sum(p.size for p in prunable(model).values())) <= len(scores)


def test_by_name():
    model = mc.models.lenet5(seed=0)
    small, _ = compress.prune(model, sparsity={"5": 0.9, "2.weight": 0.5})
    zeros = {name: (p.data == 0).mean() for name, p in prunable(small).items()}
    assert zeros == pytest.approx({"0.weight": 0, "2.weight": 0.5, "5.weight": 0.9, "7.weight": 0})


def test_zeros_stay_through_training(digits):
    x, y, x_test, y_test = digits
    model = mc.models.small_cnn(seed=0)
    mc.fit(model, (x, y), epochs=4, seed=0, progress=False)
    small, told = compress.prune(model, sparsity=0.8, data=(x_test, y_test))
    mask = small[6].weight.data != 0
    mc.fit(small, (x, y), epochs=4, seed=1, progress=False)
    assert np.array_equal(small[6].weight.data != 0, mask)
    assert mc.evaluate(small, (x_test, y_test)).error < told.errors[1] + 0.02


def test_the_cubic():
    hook = compress.GradualPruning(0.9, begin=10, end=110, initial=0.1)
    assert hook.share(0, 0.9) == pytest.approx(0.1)
    assert hook.share(10, 0.9) == pytest.approx(0.1)
    assert hook.share(60, 0.9) == pytest.approx(0.9 - 0.8 * 0.125)
    assert hook.share(110, 0.9) == hook.share(500, 0.9) == 0.9


@pytest.mark.parametrize("sparsity", [0.8, {"6": 0.9}])
def test_gradual_pruning_ends_where_it_should(digits, sparsity):
    model = mc.models.small_cnn(seed=0)
    steps = 2 * -(-len(digits[0]) // 64)
    seen = []

    class Watch(mc.training.Hook):
        def on_batch_end(self, model, step):
            seen.append((model[6].weight.data == 0).mean())

    hooks = [compress.GradualPruning(sparsity, end=steps - 1, every=3), Watch()]
    mc.fit(model, digits[:2], epochs=2, seed=0, hooks=hooks, progress=False)
    assert seen == sorted(seen)
    weights = {"6.weight": model[6].weight} if isinstance(sparsity, dict) else prunable(model)
    zeros = sum((p.data == 0).sum() for p in weights.values())
    total = sum(p.size for p in weights.values())
    assert zeros == round((0.9 if isinstance(sparsity, dict) else 0.8) * total)
    if isinstance(sparsity, dict):
        assert model[0].weight.data.all()


def test_rewinding_gives_first_values_under_the_last_masks(digits):
    model = mc.models.small_cnn(seed=0)
    first = model.copy()
    mc.fit(model, digits[:2], epochs=1, seed=0, progress=False)
    pruned, _ = compress.prune(model, sparsity=0.7)
    ticket, _ = compress.rewind(pruned, first)
    for name, p in prunable(ticket).items():
        keep = prunable(pruned)[name].data != 0
        assert np.array_equal(p.data, np.where(keep, prunable(first)[name].data, 0))
        assert np.array_equal(p.constraints[0].keep, keep)
    assert np.array_equal(ticket[6].bias.data, first[6].bias.data)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda m: compress.prune(m, sparsity=1.0), ValueError),
        (lambda m: compress.prune(m, sparsity=-0.1), ValueError),
        (lambda m: compress.prune(m, sparsity="half"), TypeError),
        (lambda m: compress.prune(m, sparsity={"9": 0.5}), ValueError),
        (lambda m: compress.prune(m, sparsity=0.5, scope="all"), ValueError),
        (lambda m: compress.prune(m, sparsity=0.5, scores={}), ValueError),
        (
            lambda m: compress.prune(
                m, sparsity=0.5, scores={n: p.data * np.nan for n, p in prunable(m).items()}
            ),
            ValueError,
        ),
        (lambda m: compress.prune(nn.ReLU(), sparsity=0.5), TypeError),
        (lambda m: compress.GradualPruning(0.5, end=0), ValueError),
        (lambda m: compress.GradualPruning(1.5, end=9), ValueError),
        (lambda m: compress.rewind(m, mc.models.lenet5(seed=0)), ValueError),
    ],
)
def test_bad_input_is_refused(wrong, error):
    with pytest.raises(error, match=r"want|expected|weights are"):
        wrong(mc.models.small_cnn(seed=0))
