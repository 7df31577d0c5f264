"""Recomputation changes memory and time, and not one bit of anything else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn import cost, models, nn, ops, optim, training
from minicnn.kernels import threads

CLASSES = 5


def network(seed=0):
    """Everything that has a state: running statistics, dropout, one generator shared by two."""
    shared = np.random.default_rng(7)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, seed=seed),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.3, seed=shared),
        nn.Residual(
            nn.Sequential(
                nn.Conv2d(4, 4, 3, padding=1, bias=False, seed=seed + 1),
                nn.BatchNorm2d(4),
                nn.Dropout(0.2, seed=3),
            )
        ),
        nn.LeakyReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.4, seed=shared),
        nn.Flatten(),
        nn.Linear(4 * 9, CLASSES, seed=seed + 2),
    )


def batch(seed, n=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2, 6, 6)).astype(np.float32), rng.integers(0, CLASSES, n)


def state(model):
    """Parameters, gradients, buffers, and where every generator is."""
    arrays = {name: p.data for name, p in model.parameters().items()} | model.buffers()
    arrays |= {
        f"{name}.grad": p.grad for name, p in model.parameters().items() if p.grad is not None
    }
    rngs = [
        layer.rng.bit_generator.state for _, layer in model.named_layers() if hasattr(layer, "rng")
    ]
    return arrays, rngs


def assert_same_state(one, other):
    (arrays, rngs), (others, other_rngs) = state(one), state(other)
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    assert rngs == other_rngs


def step(network, x, y, *, whole=True):
    network.zero_grad()
    logits = network.forward(x, training=True)
    dlogits = ops.softmax_cross_entropy_backward(logits, y)
    if whole:
        return logits, network.backward(dlogits)
    network.backward_parameters(dlogits)
    return logits, None


@settings(max_examples=25)
@given(every=st.integers(1, 12), whole=st.booleans(), seed=st.integers(0, 99))
def test_the_same_bits_step_after_step(every, whole, seed):
    plain, frugal_model = network(), network()
    frugal = training.Recompute(frugal_model, every=every)
    optimizers = optim.SGD(lr=0.1, momentum=0.9), optim.SGD(lr=0.1, momentum=0.9)
    for i in range(3):
        x, y = batch(seed + i)
        expected = step(plain, x, y, whole=whole)
        ours = step(frugal, x, y, whole=whole)
        for a, b in zip(ours, expected, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(a, b)
        assert_same_state(plain, frugal_model)
        optimizers[0].step(plain.parameters())
        optimizers[1].step(frugal.parameters())
    np.testing.assert_array_equal(frugal(x), plain(x))


@pytest.mark.parametrize("every", [1, 2, 3, 20])
@pytest.mark.parametrize(
    "frozen", [("0", "1"), ("0", "1", "4"), ("0", "1", "4", "9"), ("1",), ("9",)]
)
def test_frozen_layers(every, frozen):
    plain, frugal_model = network(), network()
    frugal = training.Recompute(frugal_model, every=every)
    plain.freeze(*frozen)
    frugal.freeze(*frozen)
    x, y = batch(0)
    step(plain, x, y, whole=False)
    step(frugal, x, y, whole=False)
    assert_same_state(plain, frugal_model)
    assert all(layer._saved is None for _, layer in frugal.named_layers())
    assert frugal._saved is None


def test_frozen_layers_at_the_start_are_not_computed_twice():
    class Counting(nn.Identity):
        calls = 0

        def forward(self, x, training=False):
            Counting.calls += 1
            return x

    model = nn.Sequential(Counting(), Counting(), nn.Linear(3, 3, seed=0), Counting(), nn.ReLU())
    frugal = training.Recompute(model, every=1)
    step(frugal, np.ones((2, 3), np.float32), np.array([0, 1]), whole=False)
    assert Counting.calls == 3 + 1  # only the one after the first layer that learns


def test_fit_gives_the_same_model(tmp_path):
    plain, frugal = network(), network()
    data = batch(0, n=40)
    how = {"epochs": 2, "batch_size": 16, "seed": 1, "progress": False}
    one = training.fit(plain, data, **how)
    other = training.fit(frugal, data, checkpoint_every=3, **how)
    assert one.train_loss == other.train_loss
    assert_same_state(plain, frugal)

    # The file does not care: one epoch with, one without, is the same run too.
    resumed, file = network(), tmp_path / "run"
    training.fit(resumed, data, checkpoint=file, checkpoint_every=2, **how | {"epochs": 1})
    training.fit(resumed, data, checkpoint=file, **how)
    for name, p in plain.parameters().items():
        np.testing.assert_array_equal(p.data, resumed.parameters()[name].data)


def test_hooks_of_fit_see_the_model_itself():
    seen = []

    class Watch(training.Hook):
        def on_batch_end(self, model, step):
            seen.append(model)

    model = network()
    how = {"epochs": 1, "batch_size": 20, "seed": 0, "progress": False}
    training.fit(model, batch(0, n=40), checkpoint_every=4, hooks=[Watch()], **how)
    assert all(each is model for each in seen)
    assert len(seen) == 2
    with pytest.raises(TypeError, match="Wrap the layers"):
        training.fit(
            nn.Linear(3, 2, seed=0),
            (np.ones((4, 3), np.float32), np.array([0, 1, 0, 1])),
            checkpoint_every=1,
            **how,
        )


def test_names_and_costs_are_the_models():
    model = network()
    frugal = training.Recompute(model, every=3)
    assert list(frugal.parameters()) == list(model.parameters())
    assert list(frugal.state_dict()) == list(model.state_dict())
    assert frugal.out_shape((2, 6, 6)) == model.out_shape((2, 6, 6))
    assert frugal.macs((2, 6, 6)) == model.macs((2, 6, 6))
    assert all(p is model.parameters()[name] for name, p in frugal.parameters().items())
    assert [len(segment) for segment in frugal.segments] == [3, 3, 3, 1]
    assert frugal.config()["every"] == 3


def deep(layers=16):
    model = nn.Sequential()
    for i in range(layers):
        model.append(nn.Conv2d(8, 8, 3, padding=1, seed=i))
        model.append(nn.BatchNorm2d(8))
        model.append(nn.ReLU())
    return model


def measured(network, x):
    def train():
        network.zero_grad()
        network.backward_parameters(np.ones_like(network.forward(x, training=True)))

    # Each thread has a workspace of its own, and whether two are there at once is chance.
    before = threads.num_threads()
    threads.set_num_threads(1)
    try:
        return cost.peak_bytes(train)
    finally:
        threads.set_num_threads(before)


def test_memory_falls_and_is_least_in_between():
    model = deep()
    x = np.random.default_rng(0).normal(size=(64, 8, 24, 24)).astype(np.float32)
    plain = measured(model, x)
    peaks = {k: measured(training.Recompute(model, every=k), x) for k in (1, 6, 12, 24, 48)}
    # Plain: each of 16 blocks keeps what goes into its normalisation and what its ReLU gives.
    assert plain > 32 * x.nbytes
    assert peaks[6] < 0.5 * plain
    assert peaks[12] < 0.5 * plain
    assert peaks[6] < peaks[24] < peaks[48]
    assert peaks[48] == pytest.approx(plain, rel=0.05)  # one segment: nothing to save
    assert peaks[1] > peaks[6]  # too many inputs kept


def test_a_model_of_the_book():
    model = models.resnet_cifar()
    x = np.random.default_rng(0).normal(size=(16, 3, 32, 32)).astype(np.float32)
    assert measured(training.Recompute(model, every=4), x) < 0.7 * measured(model, x)


def test_nothing_is_kept_in_inference_or_after_backward():
    model = network()
    frugal = training.Recompute(model, every=4)
    x, y = batch(0)
    frugal(x)
    with pytest.raises(RuntimeError, match=r"forward\(x, training=True\) first"):
        frugal.backward(np.ones((6, CLASSES), np.float32))
    step(frugal, x, y)
    with pytest.raises(RuntimeError, match=r"forward\(x, training=True\) first"):
        frugal.backward(np.ones((6, CLASSES), np.float32))
    frugal.forward(x, training=True)
    frugal.forget()
    assert all(layer._saved is None for layer in (frugal, *(la for _, la in frugal.named_layers())))


def test_an_empty_model():
    frugal = training.Recompute(nn.Sequential(), every=2)
    x = np.ones((1, 2), np.float32)
    assert frugal.forward(x, training=True) is x
    assert frugal.backward(x) is x


def test_what_is_refused():
    with pytest.raises(TypeError, match="Wrap the layers"):
        training.Recompute(nn.ReLU(), every=2)
    with pytest.raises(ValueError, match="every is 0"):
        training.Recompute(network(), every=0)
    with pytest.raises(TypeError, match=r"every is 2\.5"):
        training.Recompute(network(), every=2.5)
