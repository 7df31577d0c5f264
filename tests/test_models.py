"""The networks: their sizes to the last parameter, and that every part of them learns."""

import json

import numpy as np
import pytest

from minicnn import models, nn

SIZES = {
    "lenet_300_100": ((1, 28, 28), 266_610),
    "lenet5": ((1, 28, 28), 431_080),
    "small_cnn": ((1, 8, 8), 9_930),
    "vgg_small": ((3, 32, 32), 307_946),
    "resnet_cifar": ((3, 32, 32), 272_474),
    "resnet18": ((3, 224, 224), 11_689_512),
    "mobilenet_small": ((3, 32, 32), 136_778),
}


@pytest.mark.parametrize("name", models.MODELS)
def test_parameters(name):
    in_shape, count = SIZES[name]
    model = models.MODELS[name]()
    assert model.num_parameters == count
    assert f"{count:,} parameters" in models.MODELS[name].__doc__.replace("\n    ", " ")
    assert model.out_shape(in_shape) == (1000 if name == "resnet18" else 10,)


@pytest.mark.parametrize(
    ("depth", "count"),
    # He et al. 2016, table 6, gives 0.27, 0.46, 0.66 and 0.85 million without projections.
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018)],
)
def test_resnet_depths(depth, count):
    model = models.resnet_cifar(depth=depth)
    projections = [b.shortcut for b in model if isinstance(b, nn.Residual) and b.shortcut]
    assert len(projections) == 2
    assert model.num_parameters - sum(p.num_parameters for p in projections) == count
    convolutions = [layer for _, layer in model.named_layers() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) - 2 + 1 == depth  # the linear layer counts, projections do not


@pytest.mark.parametrize("depth", [2, 18, 21])
def test_resnet_refuses_other_depths(depth):
    with pytest.raises(ValueError, match="depth is"):
        models.resnet_cifar(depth=depth)


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("in_shape", [(1, 28, 28), (3, 17, 21)])
def test_every_parameter_learns(name, in_shape):
    model = models.MODELS[name](in_shape=in_shape, num_classes=7, seed=1)
    x = np.random.default_rng(0).normal(size=(2, *in_shape)).astype(np.float32)
    logits = model.forward(x, training=True)
    assert logits.shape == (2, 7)
    assert logits.dtype == np.float32
    dx = model.backward(np.random.default_rng(1).normal(size=(2, 7)).astype(np.float32))
    assert dx.shape == x.shape
    for parameter_name, p in model.parameters().items():
        assert p.grad is not None, parameter_name
        assert p.grad.any(), parameter_name


@pytest.mark.parametrize("name", models.MODELS)
def test_seed_and_dtype(name):
    build = models.MODELS[name]
    one, same, other = build(seed=3), build(seed=3), build(seed=4)
    for key, array in one.state_dict().items():
        np.testing.assert_array_equal(array, same.state_dict()[key])
    first = next(iter(one.parameters()))
    assert (one.state_dict()[first] != other.state_dict()[first]).any()
    assert build(dtype=np.float64).dtype == np.float64
    assert all(b.dtype == np.float64 for b in build(dtype=np.float64).buffers().values())


@pytest.mark.parametrize("name", models.MODELS)
def test_a_model_is_data(name):
    model = models.MODELS[name]()
    again = nn.from_spec(json.loads(json.dumps(nn.to_spec(model))))
    assert repr(again) == repr(model)
    assert list(again.parameters()) == list(model.parameters())


def test_mobilenet_width():
    half = models.mobilenet_small(width=0.5)
    assert half[0].out_channels == 16
    assert half[-1].in_features == 128
    with pytest.raises(ValueError, match="width is 0"):
        models.mobilenet_small(width=0)


@pytest.mark.parametrize("name", ["lenet5", "vgg_small"])
def test_images_too_small(name):
    with pytest.raises(ValueError, match=r"Use larger images"):
        models.MODELS[name](in_shape=(1, 4, 4))


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("in_shape", [(28, 28), (0, 28, 28)])
def test_in_shape(name, in_shape):
    with pytest.raises(ValueError, match=r"expected \(C, H, W\)"):
        models.MODELS[name](in_shape=in_shape)
