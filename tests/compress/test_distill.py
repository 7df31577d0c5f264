"""Distillation: the loss and its gradient are right, and the student learns from the teacher."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.distill import distillation_loss


@pytest.fixture(scope="module")
def digits():
    return mc.data.load("digits")


@pytest.fixture(scope="module")
def teacher(digits):
    model = mc.models.small_cnn(seed=0)
    mc.fit(model, digits[:2], epochs=5, seed=0, progress=False)
    return model


def student():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, seed=3))


@given(st.floats(0.3, 20), st.floats(0, 1), st.integers(0, 99))
def test_gradient(temperature, alpha, seed):
    rng = np.random.default_rng(seed)
    logits, said = rng.normal(0, 2, (3, 4)), rng.normal(0, 2, (3, 4))
    labels = rng.integers(0, 4, 3)
    _, gradient = distillation_loss(logits, labels, said, temperature, alpha)
    for index in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[index] = 1e-6
        up, down = (
            distillation_loss(logits + s, labels, said, temperature, alpha)[0]
            for s in (step, -step)
        )
        assert gradient[index] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_the_two_ends_of_alpha():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 3)), rng.integers(0, 3, 5)
    loss, _ = distillation_loss(logits, labels, rng.normal(size=(5, 3)), 3.0, 0.0)
    assert loss == pytest.approx(mc.ops.softmax_cross_entropy(logits, labels))
    loss, gradient = distillation_loss(logits, labels, logits + 7, 3.0, 1.0)
    assert loss == pytest.approx(0, abs=1e-12)
    assert np.abs(gradient).max() < 1e-12


@pytest.mark.parametrize("augment", [None, mc.data.random_shift])
def test_a_student_agrees_with_its_teacher(digits, teacher, augment):
    x, y, x_test, _ = digits
    pupil = student()
    before = pupil.state_dict()
    wrong = (y + 1) % 10  # with alpha = 1 labels are not looked at
    how = {"epochs": 10, "seed": 0, "augment": augment, "optimizer": mc.optim.Adam(1e-2)}
    taught, told = compress.distill(teacher, pupil, (x, wrong), alpha=1.0, **how)
    agree = (taught(x_test).argmax(1) == teacher(x_test).argmax(1)).mean()
    assert agree > (0.9 if augment is None else 0.6)
    assert told.changes
    for name, array in pupil.state_dict().items():
        assert np.array_equal(array, before[name])


def test_the_same_seed_gives_the_same_student(digits, teacher):
    x, y, *_ = digits
    runs = [
        compress.distill(teacher, student(), (x[:200], y[:200]), epochs=1, seed=1)[0]
        for _ in range(2)
    ]
    assert np.array_equal(runs[0][1].weight.data, runs[1][1].weight.data)


@pytest.mark.parametrize(
    "settings", [{"temperature": 0.0}, {"alpha": 1.5}, {"temperature": float("nan")}]
)
def test_bad_numbers_are_refused(digits, teacher, settings):
    with pytest.raises(ValueError, match="wants a temperature"):
        compress.distill(teacher, student(), digits[:2], epochs=1, seed=0, **settings)


def test_other_classes_are_refused(digits, teacher):
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 9, seed=0))
    with pytest.raises(ValueError, match="same classes"):
        compress.distill(teacher, other, digits[:2], epochs=1, seed=0)
