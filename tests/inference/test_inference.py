"""A compiled model says what the model says, and leaves it alone."""

import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn import inference, models, nn
from minicnn.kernels import threads

sys.path.append(str(Path(__file__).parents[1] / "io"))
from io_models import every_layer, small

NAMES = [*models.MODELS, "every layer"]


def example(name, dtype=np.float32):
    return every_layer(dtype) if name == "every layer" else small(name, dtype)


def images(in_shape, n=3, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *in_shape)).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_answers(name, dtype):
    model, in_shape = example(name, dtype)
    fast = inference.compile(model, in_shape)
    for n in (3, 1, 3):  # the arena is laid out anew, and found again
        x = images(in_shape, n, dtype, seed=n)
        expected, y = model(x), fast(x)
        assert y.dtype == dtype
        tolerance = 1e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(y, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", ["resnet_cifar", "every layer"])
def test_the_model_and_the_input_stay_as_they_are(name):
    model, in_shape = example(name)
    state, text, x = model.state_dict(), repr(model), images(in_shape)
    before, expected = x.copy(), model(x)
    fast = inference.compile(model, in_shape)
    x.flags.writeable = False
    first = fast(x)
    np.testing.assert_array_equal(x, before)
    assert repr(model) == text
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[key])
    for parameter in model.parameters().values():
        parameter.data += 1  # what was compiled is a snapshot
    np.testing.assert_array_equal(fast(x), first)
    np.testing.assert_allclose(first, expected, rtol=1e-4, atol=1e-5)


def test_outputs_are_the_callers_own():
    model, in_shape = example("resnet_cifar")
    fast = inference.compile(model, in_shape)
    first = fast(images(in_shape))
    kept = first.copy()
    fast(images(in_shape, seed=1))
    np.testing.assert_array_equal(first, kept)
    first[:] = 0
    np.testing.assert_array_equal(fast(images(in_shape)), kept)


def test_inputs_may_be_strided():
    model, in_shape = example("resnet_cifar")
    fast, x = inference.compile(model, in_shape), images(in_shape, 4)
    np.testing.assert_array_equal(fast(x[::2]), fast(np.ascontiguousarray(x[::2])))


def test_large_batches_go_in_pieces(monkeypatch):
    model, in_shape = example("resnet_cifar")
    whole = inference.compile(model, in_shape)
    monkeypatch.setattr(inference.model, "ARENA_BYTES", 2**20)
    pieces = inference.compile(model, in_shape)
    x = images(in_shape, 11)
    assert pieces.batch < 11 <= whole.batch
    np.testing.assert_allclose(pieces(x), whole(x), rtol=1e-4, atol=1e-5)
    assert pieces.arena_bytes < whole.arena_bytes


def test_nothing_large_is_allocated():
    model = models.resnet_cifar(depth=8)
    fast, x = inference.compile(model, (3, 32, 32)), images((3, 32, 32), 16)
    fast(x)
    tracemalloc.start()
    model(x)
    _, plain = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    fast(x)
    _, compiled = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert compiled < plain
    assert fast.arena_bytes <= mc.cost.memory_plan(fast.model, (3, 32, 32), batch=16).peak_bytes


def test_batch_norm_and_relu_are_gone():
    fast = inference.compile(models.resnet_cifar(depth=8), (3, 32, 32))
    assert "BatchNorm2d" not in repr(fast)
    assert "ReLU()" not in repr(fast)
    assert repr(fast).count("sum + ReLU") == 3
    assert repr(fast).count("Conv2d by ") == 9 == len(fast.algorithms)
    assert len(fast.report.applied) >= 9


@pytest.mark.parametrize("name", ["naive", "im2col", "implicit", "winograd"])
def test_an_algorithm_for_all_that_it_can_do(name):
    model, in_shape = example("resnet_cifar")
    fast = inference.compile(model, in_shape, algorithm=name)
    chosen = set(fast.algorithms.values())
    assert name in chosen
    assert chosen == {name} or name == "winograd"  # which takes no strides
    np.testing.assert_allclose(
        fast(images(in_shape)), model(images(in_shape)), rtol=1e-3, atol=1e-4
    )


def test_a_layers_own_algorithm_counts():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, seed=0, algorithm="naive"), nn.ReLU(), nn.Conv2d(4, 8, 3, seed=1)
    )
    fast = inference.compile(model, (3, 9, 9), algorithm="im2col")
    assert list(fast.algorithms.values()) == ["naive", "im2col"]


def test_what_others_read_is_not_cut_off():
    inner = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1, seed=0))
    cases = [
        nn.Sequential(nn.Conv2d(2, 4, 1, seed=1), nn.Residual(inner)),  # the sum reads it too
        nn.Sequential(nn.Residual(nn.Sequential(nn.ReLU()))),
        nn.Sequential(nn.Flatten(), nn.ReLU()),
        nn.Sequential(nn.ReLU()),
        nn.Sequential(nn.Conv2d(2, 4, 1, seed=1), nn.Flatten(), nn.ReLU()),
    ]
    x = images((2, 3, 4))
    for model in cases:
        fast = inference.compile(model, (2, 3, 4))
        np.testing.assert_allclose(fast(x), model(x), atol=1e-5)


def test_layers_of_the_readers_own():
    class Twice(nn.Conv2d):
        def forward(self, x, training=False):
            return 2 * super().forward(x, training)

    model = nn.Sequential(Twice(2, 3, 3, seed=0), nn.ReLU(), nn.Conv2d(3, 2, 1, seed=1))
    x = images((2, 5, 5))
    np.testing.assert_allclose(inference.compile(model, (2, 5, 5))(x), model(x), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet_cifar", "mobilenet_small"])
def test_the_number_of_threads_changes_no_bit(name):
    model, in_shape = models.MODELS[name](), (3, 32, 32)
    x, before = images(in_shape, 5), threads.num_threads()
    answers = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            answers.append(inference.compile(model, in_shape)(x))
    finally:
        threads.set_num_threads(before)
    for answer in answers[1:]:
        assert answer.tobytes() == answers[0].tobytes()


def test_callers_from_several_threads():
    model, in_shape = example("resnet_cifar")
    fast = inference.compile(model, in_shape)
    inputs = [images(in_shape, 2 + i % 3, seed=i) for i in range(6)]
    expected = [fast(x) for x in inputs]
    results = [None] * len(inputs)

    def call(i):
        for _ in range(5):
            results[i] = fast(inputs[i])

    callers = [threading.Thread(target=call, args=(i,)) for i in range(len(inputs))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for result, answer in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, answer)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda fast: fast(np.zeros((2, 3, 8, 8))), TypeError, "float64.*np.float32"),
        (lambda fast: fast([1.0]), TypeError, "x is list"),
        (lambda fast: fast(np.zeros((3, 8, 8), np.float32)), ValueError, r"Use x\[None\]"),
        (lambda fast: fast(np.zeros((0, 3, 8, 8), np.float32)), ValueError, "at least 1"),
        (lambda fast: inference.compile(fast.model, (1, 8, 8)), ValueError, "in_shape"),
        (
            lambda fast: inference.compile(fast.model, (3, 8, 8), algorithm="magic"),
            ValueError,
            "magic.*known are",
        ),
    ],
)
def test_errors_say_how_to_mend(call, error, message):
    fast = inference.compile(models.small_cnn((3, 8, 8)), (3, 8, 8))
    with pytest.raises(error, match=f"(?s){message}"):
        call(fast)
