"""ONNX files checked by the onnx package and run by ONNX Runtime."""

import os
import sys

import numpy as np
import pytest
from io_models import every_layer, small

from minicnn import io as mio
from minicnn import models, nn

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx.reference")
onnxruntime = pytest.importorskip("onnxruntime")


def run(path, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


def assert_agrees(model, in_shape, path, *, dtype=np.float32, tolerance=1e-5, **how) -> None:
    mio.export_onnx(model, path, in_shape, **how)
    onnx.checker.check_model(str(path), full_check=True)
    for n in (1, 3):  # the batch axis is open
        x = np.random.default_rng(n).normal(size=(n, *in_shape)).astype(dtype)
        expected, got = model(x), run(path, x)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        assert np.abs(got - expected).max() < tolerance * max(1, np.abs(expected).max())


@pytest.mark.parametrize("name", models.MODELS)
def test_every_model(name, tmp_path):
    assert_agrees(*small(name), tmp_path / "m.onnx")


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_every_layer(opset, tmp_path):
    model, in_shape = every_layer()
    assert_agrees(model, in_shape, tmp_path / "m.onnx", opset=opset)
    proto = onnx.load(tmp_path / "m.onnx")
    assert not {"Dropout", "Identity"} & {node.op_type for node in proto.graph.node[:-1]}
    names = {tensor.name for tensor in proto.graph.initializer}
    assert "model.9.body.1.0.weight" in names


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 3, 4, stride=3, padding="same", seed=0),
        nn.ConvTranspose2d(2, 3, 4, stride=(3, 2), padding="same", seed=0),
        nn.ConvTranspose2d(2, 4, (2, 3), stride=4, padding="same", groups=2, seed=0),
        nn.ConvTranspose2d(2, 3, 3, stride=2, dilation=2, output_padding=1, seed=0),
        nn.MaxPool2d((2, 3), stride=3, padding=((1, 0), (0, 1))),
        nn.AvgPool2d(3, stride=2, padding="same"),
        nn.AvgPool2d(3, stride=2, padding="same", count_include_pad=False),
        nn.Residual(nn.Sequential()),
        nn.Identity(),
        nn.Sequential(),
    ],
    ids=repr,
)
def test_one_layer(layer, tmp_path):
    assert_agrees(layer, (2, 7, 8), tmp_path / "m.onnx")


def test_float64_where_the_runtime_has_it(tmp_path):
    how = {"seed": 0, "dtype": np.float64}
    dense = nn.Sequential(
        nn.BatchNorm2d(2, dtype=np.float64), nn.LeakyReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(12, 7, **how), nn.ReLU6(), nn.Linear(7, 5, **how), nn.Tanh(), nn.Sigmoid(),
    )  # fmt: skip
    assert_agrees(dense, (2, 4, 6), tmp_path / "m.onnx", dtype=np.float64, tolerance=1e-10)


@pytest.mark.parametrize("name", ["small_cnn", "resnet_cifar", "mobilenet_small"])
def test_float64_convolutions(name, tmp_path):
    # ONNX Runtime has none in double precision; the evaluator of the onnx package does.
    model, in_shape = small(name, np.float64)
    mio.export_onnx(model, tmp_path / "m.onnx", in_shape)
    evaluator = onnx.reference.ReferenceEvaluator(str(tmp_path / "m.onnx"))
    x = np.random.default_rng(0).normal(size=(2, *in_shape))
    np.testing.assert_allclose(evaluator.run(None, {"x": x})[0], model(x), rtol=0, atol=1e-11)


def test_errors_leave_no_file(tmp_path, monkeypatch):
    class Mine(nn.Identity):
        pass

    path = tmp_path / "m.onnx"
    linear = nn.Sequential(nn.Linear(3, 2, seed=0))
    with pytest.raises(TypeError, match=r"Mine has no ONNX form.*EMITTERS"):
        mio.export_onnx(nn.Sequential(Mine()), path, (3,))
    with pytest.raises(ValueError, match=r"wants \(3,\)"):
        mio.export_onnx(linear, path, (4,))
    for opset in (12, 99):
        with pytest.raises(ValueError, match=f"opset is {opset}"):
            mio.export_onnx(linear, path, (3,), opset=opset)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "minicnn\[onnx\]"'):
        mio.export_onnx(linear, path, (3,))
    assert os.listdir(tmp_path) == []
