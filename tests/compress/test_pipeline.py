"""Pipelines run any passes in order, report each, and leave the model alone."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import compress, nn


@pytest.fixture(scope="module")
def digits():
    return mc.data.load("digits")


def halve(model):
    """A pass in the convention: zero the smaller half of each weight."""
    new = model.copy()
    for parameter in new.parameters().values():
        if parameter.data.ndim > 1:
            size = np.abs(parameter.data)
            parameter.constrain(nn.Mask(size > np.median(size)))
    return new, compress.report.report("halve", model, new, [compress.Change("all", "halved")])


def test_steps_and_sizes(digits):
    x, y, x_test, y_test = digits
    model = mc.models.small_cnn(seed=0)
    before = model.state_dict()
    train = compress.fine_tune((x, y), epochs=1, seed=0, optimizer=mc.optim.Adam(3e-3))
    pipeline = compress.Pipeline([train, halve, train], in_shape=(1, 8, 8), data=(x_test, y_test))
    small, told = pipeline(model)
    assert [step.name for step in told.steps] == ["fine_tune", "halve", "fine_tune"]
    assert told.after.nonzero < 0.55 * told.before.params
    assert told.ratio > 1.5
    assert told.after.file_bytes == len(compress.to_bytes(small))
    assert told.errors[0] > 0.5 > 0.1 > told.errors[1]
    for first, second in zip(told.steps, told.steps[1:], strict=False):
        assert first.after == second.before
        assert first.errors[1] == second.errors[0]
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name])
    assert (small[6].weight.data == 0).mean() == pytest.approx(0.5, abs=0.01)
    text = str(told)
    for word in ("bytes of the file", "halve", "points", "FLOPs"):
        assert word in text
        assert word in told._repr_html_()


def test_runs_twice_with_the_same_result(digits):
    x, y, *_ = digits
    train = compress.fine_tune(
        (x[:200], y[:200]), epochs=1, seed=0, optimizer=mc.optim.SGD(0.1, momentum=0.9)
    )
    pipeline = compress.Pipeline([train, halve, train])
    first, second = (pipeline(mc.models.small_cnn(seed=0))[0] for _ in range(2))
    for name, array in first.state_dict().items():
        assert np.array_equal(array, second.state_dict()[name])


def test_passes_of_exchange_fit_in(digits):
    model = mc.models.vgg_small((1, 8, 8), seed=0, widths=(4, 8))
    x = digits[0][:20]
    small, told = compress.Pipeline([mc.exchange.fold_batchnorm, compress.fold])(model)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in small)
    np.testing.assert_allclose(small(x), model(x), rtol=1e-4, atol=1e-5)
    assert [s.name for s in told.steps] == ["fold_batchnorm", "fold"]


def test_an_empty_pipeline_is_a_copy():
    model = mc.models.small_cnn(seed=0)
    new, told = compress.Pipeline([])(model)
    assert new is not model
    assert told.ratio == 1


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="callables"):
        compress.Pipeline([3])
    with pytest.raises(TypeError, match=r"plain nn\.Sequential"):
        compress.Pipeline([])(nn.ReLU())
