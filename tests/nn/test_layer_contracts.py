"""What every layer promises besides its numbers: shapes, state, config, errors."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import nn

EXAMPLES = {
    "Conv2d": (nn.Conv2d(4, 6, (3, 2), stride=2, padding="same", groups=2, seed=0), (4, 5, 7)),
    "ConvTranspose2d": (
        nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, seed=0),
        (4, 3, 5),
    ),
    "Linear": (nn.Linear(7, 3, seed=0), (7,)),
    "LocallyConnected2d": (
        nn.LocallyConnected2d(4, 6, (5, 7), (3, 2), stride=2, padding="same", seed=0),
        (4, 5, 7),
    ),
    "BatchNorm2d": (nn.BatchNorm2d(4, eps=1e-3, momentum=0.2), (4, 3, 5)),
    "ReLU": (nn.ReLU(), (4, 3, 5)),
    "LeakyReLU": (nn.LeakyReLU(0.2), (6,)),
    "ReLU6": (nn.ReLU6(), (4, 3, 5)),
    "Sigmoid": (nn.Sigmoid(), (6,)),
    "Tanh": (nn.Tanh(), (6,)),
    "MaxPool2d": (nn.MaxPool2d(3, stride=2, padding=1), (4, 7, 6)),
    "AvgPool2d": (nn.AvgPool2d(2, padding=((1, 0), (0, 1)), count_include_pad=False), (4, 7, 6)),
    "GlobalAvgPool2d": (nn.GlobalAvgPool2d(), (4, 3, 5)),
    "Pad2d": (nn.Pad2d(4, ((1, 0), (0, 2)), value=0.5), (4, 3, 5)),
    "Flatten": (nn.Flatten(), (4, 3, 5)),
    "Identity": (nn.Identity(), (4, 3, 5)),
    "Dropout": (nn.Dropout(0.25, seed=0), (6,)),
    "Sequential": (nn.Sequential(nn.Conv2d(4, 2, 3, seed=0), nn.ReLU()), (4, 5, 5)),
    "Residual": (
        nn.Residual(
            nn.Sequential(nn.Conv2d(4, 2, 3, padding=1, seed=0)),
            nn.Sequential(nn.Conv2d(4, 2, 1, seed=1)),
        ),
        (4, 5, 5),
    ),
}


def sample(in_shape, n=2, dtype=np.float32):
    return np.random.default_rng(0).normal(size=(n, *in_shape)).astype(dtype)


def test_every_layer_is_registered():
    kinds = [kind for kind in vars(nn).values() if isinstance(kind, type)]
    layers = {kind.__name__: kind for kind in kinds if issubclass(kind, nn.Layer)}
    del layers["Layer"]
    assert set(EXAMPLES) <= set(layers)
    assert all(nn.LAYERS[name] is kind for name, kind in layers.items())


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out_shape_and_dtype(name, dtype):
    layer, in_shape = EXAMPLES[name]
    layer = layer.astype(dtype)
    x = sample(in_shape, dtype=dtype)
    before = x.copy()
    for y in (layer(x), layer.forward(x, training=True)):
        assert y.shape == (2, *layer.out_shape(in_shape))
        assert y.dtype == dtype
    dx = layer.backward(np.ones_like(y))
    assert dx.shape == x.shape
    assert dx.dtype == dtype
    assert all(p.grad.dtype == dtype for p in layer.parameters().values())
    assert all(b.dtype == dtype for b in layer.buffers().values())
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", EXAMPLES)
def test_inputs_may_be_strided_and_read_only(name):
    layer, in_shape = EXAMPLES[name]
    x = sample(in_shape)
    strided = np.repeat(x, 2, axis=0)[::2]
    strided.flags.writeable = False
    np.testing.assert_array_equal(layer(strided), layer(x))
    y = layer.forward(strided, training=True)
    dy = np.asfortranarray(np.ones_like(y))
    dy.flags.writeable = False
    assert layer.backward(dy).shape == x.shape


@pytest.mark.parametrize("name", EXAMPLES)
def test_inference_keeps_nothing_and_backward_says_so(name):
    layer, in_shape = EXAMPLES[name]
    layer = layer.copy()
    if name in ("Identity", "Sequential", "Residual"):
        inner = [child for _, child in layer.named_layers()]
    else:
        inner = [layer]
    y = layer(sample(in_shape))
    assert all(each._saved is None for each in inner)
    if name not in ("Identity", "Pad2d"):  # whose gradient depends on nothing
        with pytest.raises(RuntimeError, match=r"forward\(x, training=True\) first"):
            layer.backward(np.ones_like(y))


@pytest.mark.parametrize("name", EXAMPLES)
def test_backward_spends_what_forward_kept(name):
    layer, in_shape = EXAMPLES[name]
    layer = layer.copy()
    y = layer.forward(sample(in_shape), training=True)
    twin = layer.copy()
    assert all(each._saved is None for _, each in [("", twin), *twin.named_layers()])
    layer.backward(np.ones_like(y))
    assert all(each._saved is None for _, each in [("", layer), *layer.named_layers()])


@pytest.mark.parametrize("name", EXAMPLES)
def test_spec_round_trip(name):
    layer, in_shape = EXAMPLES[name]
    text = json.dumps(nn.to_spec(layer))
    again = nn.from_spec(json.loads(text))
    assert type(again) is type(layer)
    assert repr(again) == repr(layer)
    assert json.dumps(nn.to_spec(again)) == text
    again.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(again(sample(in_shape)), layer(sample(in_shape)))


def test_spec_keeps_the_dtype():
    layer = nn.Sequential(nn.Linear(2, 3, seed=0), nn.ReLU()).astype(np.float64)
    assert nn.from_spec(nn.to_spec(layer)).dtype == np.float64


@pytest.mark.parametrize("spec", [{"type": "Conv9d", "config": {}}, {"type": "ReLU"}, {}])
def test_bad_spec(spec):
    with pytest.raises(ValueError, match=r"known are AvgPool2d, BatchNorm2d"):
        nn.from_spec(spec)


def test_a_registered_class_of_the_readers_own():
    @nn.register
    class Twice(nn.Layer):
        def forward(self, x, training=False):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    try:
        model = nn.Sequential(Twice(), nn.Flatten())
        again = nn.from_spec(nn.to_spec(model))
        np.testing.assert_array_equal(again(np.ones((1, 2), np.float32)), [[2, 2]])
        assert model.out_shape((3, 2, 2)) == (12,)
    finally:
        del nn.LAYERS["Twice"]


@pytest.mark.parametrize(
    ("layer", "in_shape", "macs", "params"),
    [
        (nn.Conv2d(3, 8, 3, padding=1, seed=0), (3, 5, 7), 8 * 5 * 7 * 3 * 9, 8 * 27 + 8),
        (nn.Conv2d(4, 8, 3, groups=4, bias=False, seed=0), (4, 5, 5), 8 * 9 * 1 * 9, 8 * 9),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, seed=0), (4, 5, 5), 4 * 25 * 6 * 9, 4 * 54 + 6),
        (nn.Linear(7, 3, seed=0), (7,), 21, 24),
        (nn.BatchNorm2d(4), (4, 3, 5), 60, 8),
        (nn.ReLU(), (4, 3, 5), 0, 0),
        (nn.MaxPool2d(2), (4, 4, 4), 0, 0),
        (EXAMPLES["Residual"][0], (4, 5, 5), 2 * 25 * 36 + 2 * 25 * 4, 74 + 10),
    ],
)
def test_cost(layer, in_shape, macs, params):
    assert layer.cost(in_shape) == {"macs": macs, "params": params}


def test_buffers_are_live_and_track_the_batches():
    layer = nn.BatchNorm2d(2, momentum=0.5, dtype=np.float64)
    buffers = layer.buffers()
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(4, 2, 3, 3))
    layer.forward(x, training=True)
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(buffers["running_mean"], 0.5 * mean)
    np.testing.assert_allclose(buffers["running_var"], 0.5 + 0.5 * var)
    expected = (x - 0.5 * mean[:, None, None]) / np.sqrt(
        (0.5 + 0.5 * var + layer.eps)[:, None, None]
    )
    np.testing.assert_allclose(layer(x), expected)


def test_batch_norm_of_one_value_per_channel():
    layer = nn.BatchNorm2d(3)
    x = np.ones((1, 3, 1, 1), np.float32)
    with pytest.raises(ValueError, match=r"one value per channel.*larger batch"):
        layer.forward(x, training=True)
    assert layer(x).shape == x.shape


def test_dropout_is_its_seeds():
    x = np.ones((50, 40), np.float32)
    one, two = nn.Dropout(0.3, seed=1), nn.Dropout(0.3, seed=1)
    first = one.forward(x, training=True)
    np.testing.assert_array_equal(first, two.forward(x, training=True))
    assert (first != one.forward(x, training=True)).any()
    assert math.isclose(np.mean(first == 0), 0.3, abs_tol=0.05)
    assert one(x) is x


@given(
    shape=st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(4, 7)] * 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.sampled_from([0, 1, (0, 2), ((1, 0), (2, 1)), "same", "valid"]),
    groups=st.integers(1, 3),
)
def test_conv_predicts_its_shape(shape, kernel, stride, padding, groups):
    n, c, h, w = shape
    how = {"stride": stride, "padding": padding, "groups": groups, "seed": 0}
    layer = nn.Conv2d(c * groups, 2 * groups, kernel, **how)
    y = layer(np.ones((n, c * groups, h, w), np.float32))
    assert y.shape[1:] == layer.out_shape((c * groups, h, w))


BAD = [
    (lambda: nn.Conv2d(0, 1, 3, seed=0), ValueError, "in_channels is 0"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2, seed=0), ValueError, "groups is 2 for 3 input"),
    (lambda: nn.Conv2d(3, 4, 2.5, seed=0), TypeError, "kernel_size is 2.5"),
    (lambda: nn.Conv2d(3, 4, (3, 3, 3), seed=0), ValueError, "two \\(height, width\\)"),
    (lambda: nn.Conv2d(3, 4, 3, stride=0, seed=0), ValueError, "stride is 0"),
    (lambda: nn.Conv2d(3, 4, 3, padding=-1, seed=0), ValueError, "padding is -1"),
    (lambda: nn.Conv2d(3, 4, 3, padding="full", seed=0), ValueError, '"same" and "valid"'),
    (lambda: nn.Conv2d(3, 4, 3, padding=((1, 1),), seed=0), ValueError, "Give two pairs"),
    (lambda: nn.Conv2d(3, 4, 3, init="lecun", seed=0), ValueError, "known are he,"),
    (lambda: nn.Conv2d(3, 4, 3, dtype=np.int32, seed=0), TypeError, "dtype is int32"),
    (lambda: nn.Conv2d(3, 4, 3, seed=-1), ValueError, "seed is -1"),
    (lambda: nn.Conv2d(3, 4, 3, seed=None), TypeError, "seed is None"),
    (lambda: nn.Conv2d(3, 4, 3), TypeError, "seed"),
    (lambda: nn.Conv2d(3, 4, 3, algorithm="magic", seed=0), ValueError, "magic"),
    (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=-1, seed=0), ValueError, "output_padding"),
    (lambda: nn.Linear(True, 4, seed=0), TypeError, "in_features is True"),
    (lambda: nn.BatchNorm2d(3, eps=-1.0), ValueError, "eps is -1.0"),
    (lambda: nn.BatchNorm2d(3, momentum=1.5), ValueError, "momentum is 1.5"),
    (lambda: nn.Dropout(1.0, seed=0), ValueError, "p is 1.0"),
    (lambda: nn.Dropout("half", seed=0), TypeError, "p is 'half'"),
    (lambda: nn.LeakyReLU(float("nan")), ValueError, "negative_slope is nan"),
    (lambda: nn.MaxPool2d(0), ValueError, "kernel_size is 0"),
    (lambda: nn.Sequential([nn.ReLU()]), TypeError, "unpack a list"),
    (lambda: nn.Residual(nn.ReLU()), TypeError, "Wrap the layers"),
    (lambda: nn.Parameter(np.arange(3)), TypeError, "int64"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_constructors_refuse(case):
    build, error, message = BAD[case]
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "in_shape"),
    [
        (nn.Conv2d(3, 4, 3, seed=0), (1, 8, 8)),
        (nn.Conv2d(3, 4, 3, seed=0), (3, 8)),
        (nn.Conv2d(3, 4, 9, seed=0), (3, 8, 8)),
        (nn.Linear(7, 3, seed=0), (7, 1, 1)),
        (nn.BatchNorm2d(3), (4, 2, 2)),
        (nn.MaxPool2d(3), (1, 2, 2)),
        (nn.GlobalAvgPool2d(), (3,)),
    ],
)
def test_out_shape_refuses(layer, in_shape):
    with pytest.raises(ValueError):
        layer.out_shape(in_shape)


def test_state_dict_is_a_snapshot_and_is_checked():
    layer = nn.BatchNorm2d(2)
    state = layer.state_dict()
    assert list(state) == ["weight", "bias", "running_mean", "running_var"]
    layer.weight.data += 1
    np.testing.assert_array_equal(state["weight"], [1, 1])
    layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.weight.data, [1, 1])
    for broken, message in (
        ({k: v for k, v in state.items() if k != "bias"}, "no 'bias'"),
        ({**state, "extra": state["bias"]}, "'extra' that the model has not"),
        ({**state, "bias": np.ones(3, np.float32)}, r"\(3,\) for 'bias'"),
        ({**state, "bias": np.ones(2)}, "float64"),
    ):
        broken["weight"] = np.full(2, 7, np.float32)
        with pytest.raises(ValueError, match=message):
            layer.load_state_dict(broken)
        np.testing.assert_array_equal(layer.weight.data, [1, 1])
