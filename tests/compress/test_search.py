"""The search keeps its limit, finds the smallest it tried, and says what it tried."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import compress
from minicnn.compress.candidates import Candidate, winner
from minicnn.compress.search import split


@pytest.fixture(scope="module")
def digits():
    x, y, *_ = mc.data.load("digits", size=500)
    return x, y


@pytest.fixture(scope="module")
def model(digits):
    model = mc.models.vgg_small((1, 8, 8), widths=(4, 8), seed=0)
    how = {"optimizer": mc.optim.Adam(5e-3), "batch_size": 16, "progress": False}
    mc.fit(model, digits, epochs=4, seed=0, **how)
    return model


def test_the_winner_is_the_smallest_within_the_limit(model, digits):
    before = model.state_dict()
    how = {"max_error": 0.15, "seed": 1, "epochs": 1, "lr": 3e-3}
    small, told = compress.search(model, digits, **how)
    assert told.best.file_bytes == len(compress.to_bytes(small))
    good = [c for c in told.candidates if c.error <= 0.15]
    assert told.best.file_bytes == min(c.file_bytes for c in good)
    assert told.candidates[0].recipe == ()
    _, validation = split(digits, 1)
    assert told.validation_images == len(validation[0])
    assert mc.evaluate(small, validation).error == told.best.error
    assert all(np.array_equal(a, before[name]) for name, a in model.state_dict().items())
    words = " ".join(c.name for c in told.candidates)
    assert all(word in words for word in ("trim", "prune", "cluster", "quantize"))
    text = str(told)
    assert len(text.splitlines()) == len(told.candidates) + 3
    assert f"* {told.best.name}" in text
    assert told.best in told.front

    again, same = compress.search(model, digits, **how)
    assert [c[:3] for c in same.candidates] == [c[:3] for c in told.candidates]
    assert compress.to_bytes(again) == compress.to_bytes(small)


def test_the_parts_of_a_split_are_apart(digits):
    x = np.arange(30, dtype=np.float32).reshape(30, 1)
    (a, _), (b, _) = split((x, np.arange(30)), 0)
    assert (len(a), len(b)) == (25, 5)
    assert sorted([*a[:, 0], *b[:, 0]]) == list(range(30))


def test_winner():
    rows = [Candidate((str(i),), *numbers) for i, numbers in enumerate(
        [(0.01, 100, 1.0), (0.02, 50, 0.9), (0.05, 10, 0.1), (0.01, 50, 0.95)]
    )]  # fmt: skip
    assert winner(rows, 0.02, "bytes") == 3
    assert winner(rows, 0.02, "time") == 1
    assert winner(rows, 0.5, "time") == 2
    with pytest.raises(ValueError, match=r"best of 4 candidates has an error of 0\.01"):
        winner(rows, 0.001, "bytes")


def test_bad_input_is_refused(model, digits):
    with pytest.raises(ValueError, match="For 2 % use"):
        compress.search(model, digits, max_error=2, seed=0)
    with pytest.raises(ValueError, match='"bytes" or "time"'):
        compress.search(model, digits, max_error=0.1, target="beauty", seed=0)
    with pytest.raises(TypeError, match="plain"):
        compress.search(mc.nn.ReLU(), digits, max_error=0.1, seed=0)
