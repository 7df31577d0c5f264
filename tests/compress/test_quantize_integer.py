"""Integer networks: bytes all the way, equal to the quantised model, in every kind of file."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import compress, nn

SHAPE = (2, 12, 12)
HOW = {"seed": 3}


def conv(a, b, *rest, **how):
    return nn.Conv2d(a, b, *rest, **how, **HOW)


NETWORKS = {
    "plain": [conv(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), conv(6, 8, 3), nn.Flatten()],
    "bounded": [conv(2, 6, 3), nn.ReLU6(), nn.Dropout(0.2, seed=0), conv(6, 8, 3), nn.PACT(0.4)],
    "depthwise": [conv(2, 2, 3, groups=2, stride=2, padding="same"), nn.ReLU(), conv(2, 4, 1)],
    "tables": [conv(2, 6, 3), nn.Sigmoid(), conv(6, 6, 3), nn.LeakyReLU(0.1), nn.Tanh()],
    "averages": [
        conv(2, 6, 3), nn.ReLU(), nn.AvgPool2d(3, stride=2, padding=1), conv(6, 4, 3),
        nn.GlobalAvgPool2d(), nn.Flatten(),
    ],
    "residual": [
        conv(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Residual(nn.Sequential(conv(4, 4, 3, padding=1), nn.BatchNorm2d(4))), nn.ReLU(),
        nn.Residual(nn.Sequential(conv(4, 6, 3, padding=1)), nn.Sequential(conv(4, 6, 1))),
        nn.Sequential(nn.ReLU(), nn.GlobalAvgPool2d()), nn.Flatten(),
    ],
    "sums at the end": [nn.Residual(nn.Sequential(conv(2, 2, 1))), nn.Flatten()],
    "floats inside": [
        conv(2, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Sigmoid(), conv(4, 4, 3, padding=1),
        nn.Residual(nn.Sequential(nn.BatchNorm2d(4))), nn.Flatten(),
    ],
}  # fmt: skip


def network(name):
    model = nn.Sequential(*NETWORKS[name]).copy()
    rng = np.random.default_rng(0)
    for key, buffer in model.buffers().items():
        if "running" in key:
            buffer += rng.uniform(0, 0.5, buffer.shape).astype(buffer.dtype)
    shape = model.out_shape(SHAPE)
    if len(shape) == 3:
        model.append(nn.Flatten())
    return model.append(nn.Linear(int(np.prod(shape)), 5, **HOW))


def images(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *SHAPE)).astype(np.float32)


@pytest.fixture(params=[{}, {"bits": 4, "activation_bits": 5, "per": "tensor", "symmetric": True}])
def settings(request):
    return request.param


@pytest.mark.parametrize("name", NETWORKS)
def test_same_numbers_as_the_quantised_model(name, settings):
    small, _ = compress.quantize(network(name), images=images(32), **settings)
    whole, x = compress.to_integer(small), images(16, seed=1)
    want, got = small(x), whole(x)
    assert got.dtype == np.float32
    last = small[len(small) - 1]
    step = last.quantize_input.step * np.abs(last.rounded_weight()).max()  # of one byte
    assert np.mean(np.abs(got - want) > 1e-4 * np.abs(want).max()) < 0.05
    assert np.abs(got - want).max() < 3 * step


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "floats inside"])
def test_no_floats_on_the_way(name, settings):
    small, _ = compress.quantize(network(name), images=images(32), **settings)
    x = images(2)
    *whole, last = compress.to_integer(small)
    for layer in whole:
        x = layer(x)
        assert x.dtype == np.uint8
        assert not layer.parameters()
    assert last(x).dtype == np.float32


@pytest.mark.parametrize("name", NETWORKS)
def test_files_and_exports(name, settings, tmp_path):
    small, _ = compress.quantize(network(name), images=images(32), **settings)
    x = images(3)
    for model in (small, compress.to_integer(small)):
        want = model(x)
        mc.io.save(model, tmp_path / "m.mcnn")
        np.testing.assert_array_equal(mc.io.load(tmp_path / "m.mcnn")(x), want)
        compress.save(model, tmp_path / "m.mcnp")
        np.testing.assert_array_equal(compress.load(tmp_path / "m.mcnp")(x), want)
        runtime = pytest.importorskip("onnxruntime")
        mc.io.export_onnx(model, tmp_path / "m.onnx", SHAPE)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        session = runtime.InferenceSession(
            tmp_path / "m.onnx", options, providers=["CPUExecutionProvider"]
        )
        got = session.run(["y"], {"x": x})[0]
        assert np.mean(np.abs(got - want) > 1e-4 * np.abs(want).max()) < 0.1
        assert np.abs(got - want).max() < 0.1 * np.abs(want).max()


def test_float64_models_are_exported_too(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnx.reference")
    small, _ = compress.quantize(network("plain"), images=images(32), activation_bits=6)
    small = small.astype(np.float64)
    x = images(2).astype(np.float64)
    assert small[0].quantize_input.zero_point.dtype == np.float64
    mc.io.export_onnx(small, tmp_path / "m.onnx", SHAPE)
    got = onnx.reference.ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {"x": x})[0]
    np.testing.assert_allclose(got, small(x), atol=1e-9)
    assert compress.to_integer(small)(images(2)).dtype == np.float32


def test_whole_numbers_stay_whole_when_floats_change():
    whole = compress.to_integer(compress.quantize(network("plain"), images=images(8))[0])
    wide = whole.astype(np.float64)
    assert {b.dtype.name for b in wide.buffers().values()} == {"int8", "int32", "float64"}


def test_on_digits():
    x, y, *test = mc.data.load("digits")
    model = mc.models.resnet_cifar((1, 8, 8), seed=0, depth=8)
    mc.fit(model, (x, y), epochs=2, seed=0, progress=False)
    small, _ = compress.quantize(model, images=x[:256])
    whole = compress.to_integer(small)
    assert mc.evaluate(whole, tuple(test)).error <= mc.evaluate(model, tuple(test)).error + 0.01
    assert mc.cost.summary(whole, (1, 8, 8)).macs == mc.cost.summary(small, (1, 8, 8)).macs


def test_refusals():
    with pytest.raises(ValueError, match="no quantised layer"):
        compress.to_integer(network("plain"))
    whole = compress.to_integer(compress.quantize(network("plain"), images=images(8))[0])
    with pytest.raises(RuntimeError, match="no gradient"):
        whole.backward(np.zeros((1, 5), np.float32))
    with pytest.raises(ValueError, match="bytes, floats, sums"):
        nn.IntegerLinear(3, 2, output="words")
