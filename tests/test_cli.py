"""The command line: what it prints, and one line for every mistake."""

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
    for command in ("train", "summary", "export", "data", "check", "progress"):
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
    (("bench",), "invalid choice: 'bench'"),
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
