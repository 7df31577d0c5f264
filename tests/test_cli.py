"""The command line: what it prints, and one line for every mistake."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import minicnn as mc
from minicnn import cli, commands


@pytest.fixture
def run(capsys):
    def call(*argv: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(a) for a in argv])
        except SystemExit as end:  # argparse's own way out
            code = end.code
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def test_the_names_are_those_of_the_package():
    assert tuple(mc.models.MODELS) == commands.MODELS


def test_version_and_help(run):
    assert run("--version")[:2] == (0, f"minicnn {mc.__version__}\n")
    code, out, _ = run("--help")
    assert code == 0
    for command in (
        "train",
        "summary",
        "export",
        "compress",
        "data",
        "bench",
        "warmup",
        "check",
        "progress",
    ):
        assert re.search(rf"^    {command} ", out, re.MULTILINE)


def test_starting_up_loads_nothing_heavy():
    heavy = "{'numba', 'pooch', 'onnx', 'matplotlib', 'hypothesis', 'tqdm'}"
    program = (
        "import sys; from minicnn import cli\n"
        "try: cli.main(['train', '--help'])\n"
        f"except SystemExit: print('loaded:', sorted({heavy} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "loaded: []" in out


def test_train_summary_and_export(run, tmp_path):
    model, checkpoint = tmp_path / "m.mcnn", tmp_path / "run.npz"
    how = ("train", "--size", 400, "--batch-size", 16, "--epochs", 2, "--checkpoint", checkpoint)
    how += ("--optimizer", "sgd", "--schedule", "cosine")
    code, out, err = run(*how, "--out", model)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("small_cnn (9,930 parameters) on digits: 400 training images, 360")
    assert [line.split()[0] for line in lines[1:4]] == ["epoch", "1", "2"]
    assert len({len(line) for line in lines[1:4]}) == 1
    assert lines[4] == f"saved {model}"
    percent, wrong = re.fullmatch(
        r"test error ([\d.]+) % \((\d+) of 360 images\)", lines[5]
    ).groups()
    assert float(percent) == round(int(wrong) / 3.6, 2) < 30

    # Done already: the checkpoint brings both epochs, and the same model.
    again = run(*how, "--out", tmp_path / "b")[1]
    assert again.splitlines()[2:4] == lines[2:4]
    assert (tmp_path / "b").read_bytes() == model.read_bytes()
    code, out, err = run(*how, "--lr", 0.5)
    assert code == 2
    assert str(checkpoint) in err

    code, out, _ = run("summary", model, "--in-shape", "1,8,8")
    assert code == 0
    assert out == f"{mc.cost.summary(mc.io.load(model), (1, 8, 8))}\n"

    pytest.importorskip("onnx")
    code, out, _ = run("export", model, tmp_path / "m.onnx", "--in-shape", "1,8,8")
    assert (code, out[:5]) == (0, "wrote")
    assert (tmp_path / "m.onnx").exists()


def test_compress(run, tmp_path):
    model, out = tmp_path / "m.mcnn", tmp_path / "m.mcnp"
    how = ("--size", 400, "--batch-size", 16, "--epochs", 6, "--quiet", "--out", model)
    assert run("train", *how)[0] == 0
    how = ("compress", model, "--size", 400, "--max-error", 15, "--epochs", 1)
    code, text, err = run(*how)
    assert (code, err) == (0, "")
    lines = [line for line in text.splitlines() if not line.startswith("That is above")]
    assert lines[0].split() == ["candidate", "error", "bytes", "smaller", "time"]
    [won] = [line for line in lines[2:-3] if line.startswith("*")]
    size = int(re.search(r"wrote .*: ([\d,]+) bytes", lines[-2])[1].replace(",", ""))
    assert size == out.stat().st_size < model.stat().st_size / 8
    assert f"{size:,}" in won
    assert re.fullmatch(r"test error [\d.]+ %, before [\d.]+ %, on 360 images .*", lines[-1])
    code, text, _ = run(*how, "--json", "--target", "time", "--out", tmp_path / "quick")
    told = json.loads(text)
    assert told["target"] == "time"
    best = next(c for c in told["candidates"] if c["recipe"] == told["best"])
    assert best["time"] == min(c["time"] for c in told["candidates"] if c["error"] <= 0.15)
    assert mc.compress.load(tmp_path / "quick").out_shape((1, 8, 8)) == (10,)
    assert run("compress", out, "--max-error", 0.01, "--epochs", 1, "--size", 100)[0] == 2


def test_quiet_training_of_a_saved_model(run, tmp_path):
    path = tmp_path / "m"
    mc.io.save(mc.models.lenet_300_100((1, 28, 28), num_classes=26, seed=1), path)
    code, out, err = run(
        "train", "--model", path, "--data", "glyphs", "--task", "letters", "--size", 64,
        "--epochs", 1, "--batch-size", 32, "--quiet",
    )  # fmt: skip
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert out.startswith("test error ")


def test_summary_of_a_name(run):
    out = run("summary", "--model", "lenet5")[1]
    assert "431,080" in out
    assert "2,293,000" in out
    assert "(16, 20, 20)" in run("summary", "--model", "small_cnn", "--in-shape", "3,20,20")[1]


def test_data(run, monkeypatch, tmp_path):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    code, out, _ = run("data")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(mc.data.NAMES)
    assert "embedded" in out
    assert "(1437, 1, 8, 8)" in run("data", "digits")[1]
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"damaged")
    assert "SHA-256 differs" in run("data")[1]


MISTAKES = [
    ((), "required: COMMAND"),
    (("fly",), "invalid choice: 'fly'"),
    (("bench",), "bench wants one model"),
    (("bench", "--model", "lenet5", "--conv", "1,1,8,8"), "not both"),
    (("bench", "--conv", "8,8"), "expected N,C,H,W"),
    (("bench", "--conv", "1,1,8,8", "--filters", 3), "expected K,R,S"),
    (("bench", "--conv", "1,1,8,8", "--padding", "wide"), "padding"),
    (("bench", "--conv", "1,4,8,8", "--groups", 3), "groups"),
    (("bench", "--model", "lenet_300_100"), "no convolutions"),
    (("train", "--data", "imagenet"), "'imagenet'"),
    (("train", "--model", "alexnet"), "alexnet is neither a model"),
    (("train", "--epochs", 0), "whole number from 1"),
    (("train", "--epochs", "two"), "'two' is not a whole number"),
    (("train", "--size", 5000), "5000 training images"),
    (("train", "--lr", -1), "lr is -1.0"),
    (("train", "--task", "letters"), "no tasks"),
    (("train", "--model", "lenet5"), "halves its images too often"),
    (("train", "--out", "/nowhere/model"), "--out /nowhere/model"),
    (("train", "--seed", -1), "seed"),
    (("summary",), "--model NAME"),
    (("summary", "--model", "alexnet"), "alexnet is neither a model"),
    (("summary", "missing.mcnn"), "missing.mcnn is neither"),
    (("summary", "--model", "lenet5", "--in-shape", "1,x"), "'1,x' is not a shape"),
    (("summary", "--model", "lenet5", "--in-shape", "28"), "expected (C, H, W)"),
    (("summary", __file__, "--in-shape", "1,8,8"), "not a model file"),
    (("export", "missing.mcnn", "m.onnx"), "--in-shape"),
    (("export", "missing.mcnn", "m.onnx", "--in-shape", "1,8,8"), "missing.mcnn: No such file"),
    (("compress",), "MODEL_FILE"),
    (("compress", "missing.mcnn"), "missing.mcnn: No such file"),
    (("compress", "m", "--max-error", "x"), "invalid float"),
    (("compress", "m", "--target", "beauty"), "'beauty'"),
    (("compress", "m", "--out", "/nowhere/model"), "--out /nowhere/model"),
    (("compress", "m", "--out", "m"), "the model itself"),
    (("data", "imagenet"), "no data set 'imagenet'"),
    (("check",), "FILE"),
]


@pytest.mark.parametrize(("argv", "says"), MISTAKES, ids=lambda a: str(a)[:40])
def test_every_mistake_is_one_line(argv, says, run):
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert err.startswith("minicnn")


def test_missing_packages_of_the_exercises(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "minicnn.learn.cli", None)
    code, _, err = run("progress")
    assert code == 2
    assert 'pip install "minicnn[learn]"' in err


def test_missing_packages_of_a_command_are_named(run, monkeypatch, tmp_path):
    notebook = tmp_path / "a.ipynb"
    notebook.write_text("{}")
    monkeypatch.setitem(sys.modules, "nbformat", None)
    code, _, err = run("check", notebook)
    assert code == 2
    assert "nbformat" in err
    assert 'pip install "minicnn[learn]"' in err


def test_ctrl_c_saves_what_was_learned(run, monkeypatch, tmp_path):
    def interrupted(*args, **kwargs):
        history = fit(*args, **kwargs)
        history.interrupted = True
        return history

    fit = mc.fit
    monkeypatch.setattr(mc, "fit", interrupted, raising=False)
    path = tmp_path / "m"
    assert run("train", "--size", 64, "--epochs", 1, "--quiet", "--out", path)[0] == 130
    assert np.isfinite(mc.io.load(path)[0].weight.data).all()

    def at_once(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(mc.data, "load", at_once)
    assert run("train")[::2] == (130, "minicnn: interrupted\n")


def test_bench_of_one_convolution(run):
    how = ("bench", "--conv", "1,2,9,9", "--filters", "3,3,3", "--stride", 2, "--repeat", 1)
    code, out, err = run(*how, "--padding", 1)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "1×2×9×9, 3×3 to 3, stride 2"
    assert {"naive", "im2col", "implicit"} <= {line.split()[0] for line in lines[1:]}
    assert sum("the rule's choice" in line for line in lines) == 1
    code, out, _ = run(*how, "--json", "--dtype", "float64", "--training")
    [row] = json.loads(out)["convolutions"]
    assert row["problem"]["dtype"] == "float64"
    assert row["problem"]["training"] is True
    assert row["rule"] in row["seconds"]


def test_bench_of_a_model(run, tmp_path):
    model = mc.nn.Sequential(*(mc.nn.Conv2d(1, 1, 3, padding=1, seed=s) for s in (0, 1)))
    mc.io.save(model, tmp_path / "m")
    code, out, _ = run("bench", tmp_path / "m", "--in-shape", "1,8,8", "--repeat", 1)
    assert code == 0
    assert out.startswith("1×1×8×8, 3×3 to 1  (0, 1)\n")
    out = run("bench", "--model", "lenet5", "--repeat", 1, "--batch-size", 2)[1]
    assert "all convolutions: " in out
    assert out.count("the rule's choice") == 2


def test_warmup_counts(run, monkeypatch):
    from minicnn import warmup

    monkeypatch.setattr(warmup, "jobs", lambda: [])
    code, out, err = run("warmup")
    assert (code, err) == (0, "")
    assert out.startswith("0 functions compiled, 0 found in the cache")
