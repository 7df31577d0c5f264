"""Cutting: blocks that do nothing go first, and what is left fits together."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress.cut import blocks, effects, without

IN_SHAPE = (3, 8, 8)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, *IN_SHAPE)).astype(np.float32), np.arange(40) % 10


def resnet():
    return mc.models.resnet_cifar(IN_SHAPE, depth=14, seed=0)


def test_which_blocks_there_are():
    model = resnet()
    found = blocks(model, IN_SHAPE)
    assert len(found) == 4  # six blocks, of which two halve the size
    for block in found:
        layer = model[block.start]
        assert isinstance(layer, nn.Residual)
        assert layer.shortcut is None
        assert without(model, block).out_shape(IN_SHAPE) == (10,)
    assert found[0].name == "3 to 4"


def test_a_plain_network_has_blocks_too():
    found = blocks(mc.models.vgg_small(IN_SHAPE, seed=0, widths=(4, 8)), IN_SHAPE)
    assert [b.name for b in found] == ["3 to 5", "10 to 12"]
    assert blocks(mc.models.lenet5(seed=0), (1, 28, 28)) == []


def test_a_block_that_does_nothing_is_not_missed(data):
    model = resnet()
    idle = blocks(model, IN_SHAPE)[2]
    body = model[idle.start].body
    body[-1].weight.data[:] = 0  # the last normalisation of its body
    worth = effects(model, IN_SHAPE, data)
    assert worth[idle] == pytest.approx(0, abs=1e-6)
    before = model.state_dict()
    np.testing.assert_allclose(without(model, idle)(data[0]), model(data[0]), rtol=1e-5, atol=1e-5)
    compress.cut(model, count=1, in_shape=IN_SHAPE, data=data)
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name])


def test_each_is_the_one_missed_least(data):
    model = resnet()
    worth = effects(model, IN_SHAPE, data)
    small, told = compress.cut(model, count=3, in_shape=IN_SHAPE, data=data)
    assert told.changes[0].where == min(worth, key=worth.get).name
    assert len(blocks(small, IN_SHAPE)) == 1
    assert told.after.flops < told.before.flops
    mc.fit(small, data, epochs=1, seed=0, progress=False)


def test_inside_a_nested_sequence(data):
    model = nn.Sequential(resnet()[:5], resnet()[5:])
    small, told = compress.cut(model, count=1, in_shape=IN_SHAPE, data=data)
    assert "." in told.changes[0].where
    assert small.out_shape(IN_SHAPE) == (10,)


def test_bad_input_is_refused(data):
    with pytest.raises(ValueError, match="wants 1 block"):
        compress.cut(resnet(), count=0, in_shape=IN_SHAPE, data=data)
    with pytest.raises(ValueError, match="no block left"):
        compress.cut(resnet(), count=5, in_shape=IN_SHAPE, data=data)
    with pytest.raises(TypeError, match="plain"):
        compress.cut(nn.ReLU(), count=1, in_shape=IN_SHAPE, data=data)
