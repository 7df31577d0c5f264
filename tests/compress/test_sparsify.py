"""Sparsification: exact zeros in training and after it, in patterns, run sparsely, same outputs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import numerical_gradient

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress import hard_concrete as hc
from minicnn.compress.proximal import chosen_weights, shrink_groups, soft_threshold
from minicnn.compress.sparsify import crossing, nm_mask
from minicnn.kernels.sparse_weights import compress_nm


@pytest.fixture(scope="module")
def digits():
    x, y, x_test, y_test = mc.data.load("digits")
    return x[:400], y[:400], x_test, y_test


def sgd():
    return mc.optim.SGD(0.1, momentum=0.9)


def zeros(model):
    return {name: float((p.data == 0).mean()) for name, p in chosen_weights(model).items()}


@given(st.floats(-3, 3), st.floats(0, 2))
def test_soft_threshold_is_the_least_of_its_problem(v, t):
    w = np.linspace(-4, 4, 8001)
    found = float(soft_threshold(np.array([v]), t)[0])
    objective = (w - v) ** 2 / 2 + t * np.abs(w)
    assert (found - v) ** 2 / 2 + t * abs(found) <= objective.min() + 1e-12
    assert found == 0 or abs(v) > t


def test_groups_shrink_in_length_and_keep_their_direction():
    v = np.random.default_rng(0).standard_normal((5, 2, 3, 3))
    v[1] = 0
    lengths = np.sqrt((v**2).sum((1, 2, 3)))
    shrunk = shrink_groups(v, 4.0)
    np.testing.assert_allclose(
        np.sqrt((shrunk**2).sum((1, 2, 3))), np.maximum(lengths - 4, 0), atol=1e-12
    )
    k = int(lengths.argmax())
    np.testing.assert_allclose(shrunk[k] / v[k], shrunk[k, 0, 0, 0] / v[k, 0, 0, 0])


def test_proximal_steps_make_exact_zeros_and_subgradients_do_not(digits):
    class Subgradient(mc.training.Hook):
        def on_backward_end(self, model, step):
            for p in chosen_weights(model).values():
                p.add_grad(np.float32(0.02) * np.sign(p.data))

    made = {}
    for name, hook in {
        "proximal": compress.ProximalL1(0.02, lr=0.1),
        "subgradient": Subgradient(),
    }.items():
        model = mc.models.small_cnn(seed=0)
        mc.fit(model, digits[:2], epochs=4, seed=0, optimizer=sgd(), hooks=[hook], progress=False)
        made[name] = zeros(model)["6.weight"]
        assert mc.evaluate(model, digits[2:]).error < 0.5
    assert made["proximal"] > 0.1
    assert made["subgradient"] == 0


def test_the_price_is_that_of_the_optimiser_step():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, seed=0))
    model[1].bias.trainable = False
    w = model[1].weight.data.copy()
    schedule = mc.optim.StepDecay(0.5, every=1, factor=0.1)
    hook = compress.ProximalL1(0.3, lr=schedule)
    hook.on_batch_end(model, 1)
    np.testing.assert_allclose(model[1].weight.data, soft_threshold(w, 0.3 * 0.05), rtol=1e-6)
    assert hook.penalty(model) == pytest.approx(0.3 * np.abs(model[1].weight.data).sum(), rel=1e-5)
    model[1].weight.trainable = False
    hook.on_batch_end(model, 0)
    np.testing.assert_allclose(model[1].weight.data, soft_threshold(w, 0.3 * 0.05), rtol=1e-6)


def test_filters_vanish_together(digits):
    model = mc.models.small_cnn(seed=0)
    hook = compress.ProximalL1(0.5, lr=0.1, per="filter", weights=["2"])
    mc.fit(model, digits[:2], epochs=4, seed=0, optimizer=sgd(), hooks=[hook], progress=False)
    gone = (model[2].weight.data == 0).reshape(32, -1)
    assert gone.all(axis=1).sum() == gone.any(axis=1).sum() > 0
    assert zeros(model)["6.weight"] == 0


@pytest.mark.parametrize("sparsity", [0.7, {"6": 0.9}])
def test_hard_threshold_is_exact_at_the_end_and_masks_nothing(digits, sparsity):
    model = mc.models.small_cnn(seed=0)
    hook = compress.HardThreshold(sparsity, every=5, begin=3)
    mc.fit(model, digits[:2], epochs=2, seed=0, hooks=[hook], progress=False)
    if isinstance(sparsity, dict):
        assert zeros(model)["6.weight"] == pytest.approx(0.9, abs=1e-3)
        assert zeros(model)["0.weight"] == 0
    else:
        w = np.concatenate([p.data.ravel() for p in chosen_weights(model).values()])
        assert (w == 0).sum() == round(0.7 * w.size)
    assert not any(p.constraints for p in model.parameters().values())


# Hard concrete gates.


def test_gates_are_distributed_as_they_say():
    log_alpha = np.array([-2.0, 0.0, 1.5])
    u = np.random.default_rng(0).uniform(1e-9, 1, (200_000, 3))
    z = hc.draw(np.broadcast_to(log_alpha, u.shape), u).z
    np.testing.assert_allclose((z != 0).mean(axis=0), hc.open_chance(log_alpha), atol=0.005)
    assert z.min() == 0
    assert z.max() == 1
    settled = hc.settled(np.array([-9.0, 0.0, 9.0]))
    np.testing.assert_allclose(settled[1], 0.5)
    assert settled[0] == 0
    assert settled[2] == 1


@pytest.mark.parametrize("per", ["weight", "filter"])
def test_the_gradients_are_those_of_finite_differences(per):
    rng = np.random.default_rng(3)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, seed=rng, dtype=np.float64), nn.Tanh(), nn.Flatten(),
        nn.Linear(12, 4, seed=rng, dtype=np.float64),
    )  # fmt: skip
    x, y = rng.standard_normal((5, 2, 4, 4)), np.arange(5) % 4
    hook = compress.L0(0.02, per=per, lr=0.0, seed=7)
    hook.on_batch_start(model, 0)
    logits = model.forward(x, training=True)
    model.backward(mc.ops.softmax_cross_entropy_backward(logits, y))
    for name, gated in hook._gated.items():
        p, noisy = gated.parameter, gated.noisy
        u = rng.uniform(0.05, 0.95, gated.log_alpha.shape)
        gated.noisy = noisy = hc.draw(gated.log_alpha, u)
        values = {q: g.free * g.noisy.z for q, g in hook._gated.items()}
        for q, g in hook._gated.items():
            g.parameter.data[...] = values[q]
        model.zero_grad()
        model.backward(mc.ops.softmax_cross_entropy_backward(model.forward(x, training=True), y))
        gradient = p.grad

        def objective(log_alpha, free, gated=gated, p=p, u=u):
            p.data[...] = free * hc.draw(log_alpha, u).z
            loss = mc.ops.softmax_cross_entropy(model(x), y)
            count = gated.each * hc.open_chance(log_alpha).sum()
            return np.array(loss + 0.02 * count)

        for what, ours, f in (
            ("gates", gated.gradient(gradient, 0.02), lambda a, g=gated: objective(a, g.free)),
            ("weights", gradient * noisy.z, lambda w, g=gated: objective(g.log_alpha, w)),
        ):
            at = gated.log_alpha if what == "gates" else gated.free
            slope = numerical_gradient(f, at.copy(), np.array(1.0))
            np.testing.assert_allclose(ours, slope, atol=1e-7, err_msg=f"{name} {what}")
        p.data[...] = gated.free * noisy.z


@pytest.mark.parametrize("per", ["weight", "filter"])
def test_l0_zeros_are_exact_counted_and_kept(digits, per):
    model = mc.models.small_cnn(seed=0)
    hook = compress.L0(3e-4, per=per, lr=0.2, seed=0)
    mc.fit(model, digits[:2], epochs=4, seed=0, hooks=[hook], progress=False)
    total = sum(p.size for p in chosen_weights(model).values())
    assert 0 < hook.expected_l0 < total
    assert hook.penalty == pytest.approx(3e-4 * hook.expected_l0)
    before = model(digits[2])
    count = hook.finish(model)
    assert count == sum((p.data == 0).sum() for p in chosen_weights(model).values()) > 0
    assert np.array_equal(before, model(digits[2]))
    if per == "filter":
        gone = (model[2].weight.data == 0).reshape(32, -1)
        assert (gone.all(axis=1) | ~gone.any(axis=1)).all()
    mask = model[6].weight.data != 0
    mc.fit(model, digits[:2], epochs=1, seed=1, progress=False)
    assert not model[6].weight.data[~mask].any()


def test_the_same_seed_gives_the_same_gates(digits):
    outputs = []
    for _ in range(2):
        model = mc.models.small_cnn(seed=0)
        hooks = [compress.L0(1e-4, seed=5)]
        mc.fit(model, digits[:2], epochs=1, seed=0, hooks=hooks, progress=False)
        outputs.append(model(digits[2]))
    assert np.array_equal(*outputs)


# The pass.


@given(
    st.integers(1, 5), st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.integers(0, 9)
)
def test_nm_masks_keep_the_largest_of_each_m(K, C, n, more, seed):
    m = n + more
    w = np.random.default_rng(seed).integers(-3, 4, (K, C, 2, 1)).astype(np.float32)
    keep = nm_mask(w, n, m)
    for k, r in np.ndindex(K, 2):
        for first in range(0, C, m):
            part, kept = np.abs(w[k, first : first + m, r, 0]), keep[k, first : first + m, r, 0]
            assert kept.sum() == min(n, len(part))
            assert kept.all() or part[~kept].max() <= part[kept].min()
    np.testing.assert_array_equal(compress_nm(w * keep, n, m).to_dense(), w * keep)
    np.testing.assert_array_equal(nm_mask(w.swapaxes(0, 1), n, m, axis=0), keep.swapaxes(0, 1))


def test_a_pattern_leaves_what_is_too_narrow():
    model = mc.models.small_cnn(seed=0)
    small, told = compress.sparsify(model, pattern=(2, 4))
    assert zeros(small) == {"0.weight": 0, "2.weight": 0.5, "6.weight": 0.5}
    assert zeros(model) == {"0.weight": 0, "2.weight": 0, "6.weight": 0}
    assert small[2].algorithm == "auto"
    assert told.after.nonzero < told.before.nonzero
    assert "CSR" in str(told)


def test_enough_zeros_run_sparsely_with_the_same_outputs(digits, tmp_path):
    model = mc.models.small_cnn(seed=0)
    small, _ = compress.sparsify(model, sparsity={"2": 0.9, "6": 0.5})
    assert [small[i].algorithm for i in (0, 2)] == ["auto", "sparse"]
    dense = small.copy()
    dense[2].algorithm = "auto"
    np.testing.assert_allclose(small(digits[2]), dense(digits[2]), atol=1e-4)
    mc.fit(small, digits[:2], epochs=1, seed=0, progress=False)
    assert zeros(small)["2.weight"] == pytest.approx(0.9, abs=1e-3)
    for save, load in ((mc.io.save, mc.io.load), (compress.save, compress.load)):
        save(small, tmp_path / "m")
        again = load(tmp_path / "m")
        assert again[2].algorithm == "sparse"
        assert np.array_equal(again(digits[2]), small(digits[2]))
    again, _ = compress.sparsify(small, pays=0.95)
    assert again[2].algorithm == "auto"


def test_a_compiled_model_keeps_the_stored_weights(digits):
    model, _ = compress.sparsify(mc.models.small_cnn(seed=0), sparsity={"2": 0.9})
    fast = mc.inference.compile(model, (1, 8, 8))
    assert fast.algorithms["2"] == "sparse"
    np.testing.assert_allclose(fast(digits[2][:9]), model(digits[2][:9]), atol=1e-5)


def test_zeros_of_training_are_kept_by_the_pass_alone():
    model = mc.models.small_cnn(seed=0)
    compress.ProximalL1(1.0, lr=0.1).on_batch_end(model, 0)
    small, _ = compress.sparsify(model)
    for p, q in zip(chosen_weights(model).values(), chosen_weights(small).values(), strict=True):
        assert np.array_equal(p.data, q.data)
        assert np.array_equal(q.constraints[0].keep, p.data != 0)


def test_tied_weights_that_become_zero_leave_their_group(digits):
    tied, _ = compress.cluster(mc.models.small_cnn(seed=0), bits=2)
    small, _ = compress.sparsify(tied, pattern=(1, 4))
    before = small[2].weight.data.copy()
    small[2].weight.project()
    assert np.array_equal(before, small[2].weight.data)
    mc.fit(small, digits[:2], epochs=1, seed=0, progress=False)
    w = small[2].weight.data
    assert (w[before == 0] == 0).all()
    assert len(np.unique(w[w != 0])) <= 4


def test_measured():
    model = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, seed=0), nn.ReLU())
    small, told = compress.sparsify(model, sparsity=0.95, pays="measure", in_shape=(16, 12, 12))
    assert small[0].algorithm in ("auto", "sparse")
    assert "measured" in str(told)
    assert 0 <= compress.break_even((1, 8, 8, 8), (8, 8, 3, 3), padding=1, repeat=1) <= 1


@pytest.mark.parametrize(
    ("ratios", "where"),
    [
        ((2.0, 1.5, 0.5), 0.85),
        ((0.9, 0.6, 0.3), 0.4),
        ((3.0, 2.0, 1.8), 1.0),
        ((2.0, 2.0, 2.0), 1.0),
        ((0.2, 0.1, 0.05), 0.0),
    ],
)
def test_where_a_line_crosses(ratios, where):
    found = crossing((0.5, 0.8, 0.9), ratios)
    assert found == pytest.approx(where, abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda m: compress.sparsify(m, pattern=(2, 4), sparsity=0.5), ValueError),
        (lambda m: compress.sparsify(m, pattern=(4, 4)), ValueError),
        (lambda m: compress.sparsify(m, pattern="2:4"), TypeError),
        (lambda m: compress.sparsify(m, pays="now"), ValueError),
        (lambda m: compress.sparsify(m, pays="measure"), ValueError),
        (lambda m: compress.sparsify(m, pays=2), ValueError),
        (lambda m: compress.sparsify(m, sparsity=1.5), ValueError),
        (lambda m: compress.sparsify(nn.ReLU()), TypeError),
        (lambda m: compress.ProximalL1(-1), ValueError),
        (lambda m: compress.ProximalL1(1, per="layer"), ValueError),
        (lambda m: compress.ProximalL1(1, weights=["9"]).on_batch_end(m, 0), ValueError),
        (lambda m: compress.HardThreshold(0.5, every=0), ValueError),
        (lambda m: compress.HardThreshold(1.5), ValueError),
        (lambda m: compress.HardThreshold(0.5, scope="all"), ValueError),
        (lambda m: compress.L0(float("nan"), seed=0), ValueError),
        (lambda m: compress.L0(1e-4, closed=1, seed=0), ValueError),
    ],
)
def test_bad_input_is_refused(wrong, error):
    with pytest.raises(error, match=r"want|expected|weights are"):
        wrong(mc.models.small_cnn(seed=0))
