"""Models saved and loaded: exact, and never a broken file."""

import contextlib
import io
import json
import os
import zipfile

import numpy as np
import pytest
from io_models import every_layer, small

from minicnn import io as mio
from minicnn import models, nn
from minicnn.io import native


def assert_same(a: nn.Layer, b: nn.Layer) -> None:
    assert nn.to_spec(a) == nn.to_spec(b)
    state, other = a.state_dict(), b.state_dict()
    assert list(state) == list(other)
    for name, array in state.items():
        assert array.dtype == other[name].dtype
        assert array.tobytes() == other[name].tobytes(), name
    flags = [{n: p.trainable for n, p in m.parameters().items()} for m in (a, b)]
    assert flags[0] == flags[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layer_round_trips(dtype, tmp_path):
    model, in_shape = every_layer(dtype)
    ours = {layer for layer in nn.LAYERS.values() if layer.__module__.startswith("minicnn.")}
    assert {type(layer) for _, layer in model.named_layers()} | {nn.Sequential} == ours
    model.freeze("0", "9.shortcut")
    model[0].bias.data[:3] = np.nan, np.inf, -0.0
    path = tmp_path / "no suffix"
    mio.save(model, path)
    loaded = mio.load(path)
    assert_same(model, loaded)
    x = np.random.default_rng(0).normal(size=(2, *in_shape)).astype(dtype)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert os.listdir(tmp_path) == ["no suffix"]


@pytest.mark.parametrize("name", models.MODELS)
def test_every_model_round_trips(name, tmp_path):
    model, _ = small(name)
    mio.save(model, str(tmp_path / "m"))
    assert_same(model, mio.load(str(tmp_path / "m")))


def test_equal_models_give_equal_files(tmp_path):
    for name in "ab":
        mio.save(small("small_cnn")[0], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.mcnn"
    mio.save(nn.Sequential(nn.Linear(3, 2, seed=0), nn.ReLU()), path)
    return path


def rewrite(path, change) -> None:
    """Unpack a saved file, let `change` edit its entries, pack it again."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in entries.items():
            archive.writestr(name, raw)


def edit(**changes):
    def change(entries):
        text = json.loads(entries["architecture.json"])
        entries["architecture.json"] = json.dumps(text | changes).encode()

    return change


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


LINEAR = {"in_features": 3, "out_features": 2, "bias": True, "seed": 0, "dtype": "float32"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda e: e.pop("architecture.json"), "not a minicnn model"),
        (lambda e: e.update({"architecture.json": b"[1]"}), "not a minicnn model"),
        (lambda e: e.update({"architecture.json": b"{"}), "cannot be read as a model"),
        (lambda e: e.update({"architecture.json": b"[" * 100_000}), "cannot be read as a model"),
        (edit(format="other"), "not a minicnn model"),
        (edit(version=3), "reads up to 2. Upgrade"),
        (edit(version="x"), "Upgrade"),
        (edit(model={"type": "Mystery", "config": {}}), "Mystery"),
        (edit(model={"type": "Linear", "config": LINEAR | {"evil": 1}}), "cannot be read"),
        (edit(model={"type": "Linear", "config": LINEAR | {"dtype": "int8"}}), "int8"),
        (edit(model=[]), "cannot be read"),
        (edit(frozen=["7.weight"]), "7.weight"),
        (edit(frozen=3), "cannot be read"),
        (lambda e: e.pop("arrays/0.bias.npy"), "0.bias"),
        (lambda e: e.update({"arrays/9.npy": npy(np.ones(2))}), "9.npy"),
        (lambda e: e.update({"arrays/0.bias.npy": npy(np.ones(2))}), "float64"),
        (lambda e: e.update({"arrays/0.bias.npy": npy(np.ones(3, "f4"))}), r"\(3,\)"),
        (lambda e: e.update({"arrays/0.bias.npy": npy(np.array([{}, 1]))}), "cannot be read"),
        (lambda e: e.update({"arrays/0.bias.npy": b"\x93NUMPY"}), "cannot be read"),
    ],
)
def test_files_that_are_not_ours(saved, change, says):
    rewrite(saved, change)
    with pytest.raises(ValueError, match=says) as caught:
        mio.load(saved)
    assert str(saved) in str(caught.value)


def test_damaged_files(saved):
    whole = saved.read_bytes()
    for cut in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="not a model file"):
            mio.load(saved)
    at = whole.index(b"\x93NUMPY") + 130  # a byte of a weight: the CRC finds it
    saved.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(ValueError, match="CRC"):
        mio.load(saved)
    for at in range(0, len(whole), 7):  # wherever a byte changes: refused, or harmless
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with contextlib.suppress(ValueError):
            mio.load(saved)
    with pytest.raises(FileNotFoundError):
        mio.load(saved.with_name("missing"))


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(native.np, "save", full_disk)
    with pytest.raises(OSError, match="disk full"):
        mio.save(nn.Sequential(nn.Linear(3, 2, seed=1)), saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_only_registered_layers_are_saved(tmp_path):
    class Mine(nn.Identity):
        pass

    for model in (Mine(), nn.Sequential(nn.Residual(nn.Sequential(Mine())))):
        with pytest.raises(TypeError, match=r"Mine.*register"):
            mio.save(model, tmp_path / "m")
    with pytest.raises(TypeError, match="Pass the model itself"):
        mio.save({"weights": 1}, tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_a_link_keeps_pointing_where_it_did(saved, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(saved.name)
    mio.save(nn.Sequential(nn.Linear(1, 1, seed=0)), link)
    assert link.is_symlink()
    assert mio.load(saved)[0].in_features == 1
