"""Tuning measures once, remembers, and changes nothing but the algorithms' names."""

import json
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn, plan, tuning
from minicnn.tuning import contest, memory
from minicnn.tuning.problem import Problem


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def model():
    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding="same", seed=1), nn.ReLU())
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, seed=0),
        nn.Residual(body),
        nn.Conv2d(4, 4, 3, groups=4, seed=2),
        nn.Flatten(),
        nn.Linear(100, 3, seed=3),
    )


@pytest.fixture
def counted(monkeypatch):
    """Count the measurements, and make them quick and known: alphabetical order wins."""
    calls = []

    def measure(problem, algorithms=None, *, repeat=7):
        names = sorted(problem.supporting if algorithms is None else algorithms)
        calls.append(problem)
        return memory.Measured({name: 1e-3 * (i + 1) for i, name in enumerate(names)}, {})

    monkeypatch.setattr("minicnn.tuning.choice.measure", measure)
    return calls


IN = (1, 14, 14)


def names(layers):
    return {layer.name: layer.chosen for layer in layers}


def test_the_copy_names_its_algorithms_and_computes_the_same(model):
    tuned, report = mc.plan.tune(model, IN, batch_size=2, repeat=1)
    layers = dict(tuned.named_layers())
    assert [layer.name for layer in report.layers] == ["0", "1.body.0", "2"]
    for layer in report.layers:
        assert layers[layer.name].algorithm == layer.chosen
        assert layer.seconds[layer.chosen] <= 1.04 * min(layer.seconds.values())
        assert set(layer.seconds) | set(layer.refused) == set(layer.problem.supporting)
        assert layer.regret > -0.04
    assert all(c.algorithm == "auto" for _, c in model.named_layers() if isinstance(c, nn.Conv2d))
    x = np.random.default_rng(0).random((2, *IN), dtype=np.float32)
    np.testing.assert_allclose(tuned(x), model(x), rtol=1e-3, atol=1e-4)
    text = str(report)
    assert "3 measured now, 0 remembered" in text
    assert "2×4×7×7, 3×3 to 4, 4 groups" in text


def test_the_choice_is_saved_with_the_model(model, counted, tmp_path):
    tuned, _ = mc.plan.tune(model, IN)
    mc.io.save(tuned, tmp_path / "m")
    assert mc.io.load(tmp_path / "m")[0].algorithm == tuned[0].algorithm != "auto"


def test_each_shape_is_measured_once_and_remembered(model, counted):
    first = mc.plan.tune(model, IN)[1]
    assert (len(counted), first.measured) == (3, 3)
    again = mc.plan.tune(model, IN)[1]
    assert (len(counted), again.measured) == (3, 0)
    assert names(again.layers) == names(first.layers)
    mc.plan.tune(model, IN, batch_size=2)
    mc.plan.tune(model, IN, training=True)
    mc.plan.tune(model.astype(np.float64), IN)
    assert len(set(counted)) == len(counted) == 12
    mc.plan.tune(model, IN, again=True)
    mc.plan.tune(model, IN, use_memory=False)
    assert len(counted) == 18
    twice = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, seed=s) for s in (0, 1)))
    assert mc.plan.tune(twice, IN)[1].measured == 2
    assert len(counted) == 19


def test_the_rule_asks_no_memory(model, counted):
    x, w = (1, 1, 14, 14), (4, 1, 3, 3)
    how = {"stride": (2, 2), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    before = plan.choose(x, w, **how)
    mc.plan.tune(model, IN)
    assert plan.choose(x, w, **how) == before


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 99},
        {"cpu": "another"},
        {"target": "another"},
        {"minicnn": "9"},
        {"numba": "9"},
        {"kernels": "edited"},
    ],
    ids=str,
)
def test_another_setting_remembers_nothing(change, model, counted, monkeypatch):
    mc.plan.tune(model, IN)
    here = memory.context()
    monkeypatch.setattr(memory, "context", lambda: here | change)
    assert mc.plan.tune(model, IN)[1].measured == 3


DAMAGE = [
    b"",
    b"\xff\xfe",
    b"[]",
    b"null",
    b'{"about": 1}',
    ("seconds", {}),
    ("seconds", None),
    ("seconds", {"naive": "quick"}),
    ("seconds", {"naive": -1.0}),
    ("seconds", {"naive": float("nan")}),
    ("refused", {"naive": 3}),
    ("about", {}),
]


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_file_is_measured_and_written_anew(damage, counted, cache):
    model = nn.Conv2d(1, 1, 3, seed=0)
    mc.plan.tune(model, IN)
    [path] = cache.rglob("*.json")
    sound = path.read_bytes()
    if isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        path.write_text(json.dumps(json.loads(sound) | dict([damage])))
    assert mc.plan.tune(model, IN)[1].measured == 1
    assert path.read_bytes() == sound
    assert mc.plan.tune(model, IN)[1].measured == 0


def test_a_cut_file_is_measured_anew(counted, cache):
    model = nn.Conv2d(1, 1, 3, seed=0)
    mc.plan.tune(model, IN)
    [path] = cache.rglob("*.json")
    path.write_bytes(path.read_bytes()[:50])
    assert mc.plan.tune(model, IN)[1].measured == 1


def test_many_writers_leave_one_sound_file(cache):
    problem = Problem.of((1, 1, 5, 5), (1, 1, 3, 3))
    measured = memory.Measured({"naive": 1e-3, "im2col": 2e-3}, {"fft": "no"})
    writers = [
        threading.Thread(target=lambda: [memory.remember(problem, measured) for _ in range(30)])
        for _ in range(4)
    ]
    for writer in writers:
        writer.start()
    seen = [memory.recall(problem) for _ in range(200)]
    for writer in writers:
        writer.join()
    assert all(one in (None, measured) for one in seen)
    assert memory.recall(problem) == measured
    assert len([p for p in cache.rglob("*") if p.is_file()]) == 1


def test_a_folder_that_cannot_be_written_is_said(model, counted, cache):
    cache.write_text("a file, not a folder")
    tuned, report = mc.plan.tune(model, IN)
    assert "Not remembered" in report.note
    assert "MINICNN_CACHE" in str(report)
    assert tuned[0].algorithm != "auto"


def test_without_the_variable_it_is_the_cache_folder_of_the_platform(monkeypatch):
    import pooch

    monkeypatch.delenv("MINICNN_CACHE")
    assert str(memory.folder()).startswith(str(pooch.os_cache("minicnn")))


def test_only_those_allowed_are_chosen(model, counted, cache):
    _, report = mc.plan.tune(model, IN, algorithms=["naive", "winograd"])
    assert {layer.chosen for layer in report.layers} <= {"naive", "winograd"}
    assert not list(cache.rglob("*.json"))  # not all were measured: nothing to remember
    mc.plan.tune(model, IN)
    before = len(counted)
    assert mc.plan.tune(model, IN, algorithms=["naive"])[1].measured == 0
    assert len(counted) == before


WRONG = [
    ({"algorithms": ["magic"]}, "'magic'"),
    ({"algorithms": ["winograd"]}, "none of them can do"),
    ({"batch_size": 0}, "batch_size is 0"),
    ({"repeat": 0}, "repeat 0"),
]


@pytest.mark.parametrize(("how", "message"), WRONG, ids=str)
def test_wrong_arguments(how, message, model, counted):
    with pytest.raises(ValueError, match=message):
        mc.plan.tune(model, IN, **how)
    with pytest.raises(ValueError, match="channels"):
        mc.plan.tune(model, (3, 14, 14))


def test_a_model_without_convolutions():
    tuned, report = mc.plan.tune(nn.Sequential(nn.Flatten()), IN)
    assert report.layers == ()
    assert "nothing to choose" in str(report)
    assert len(tuned) == 1


def test_the_rule_stays_within_the_margin():
    assert tuning.pick({"a": 1.0, "b": 1.02}, "b", margin=0.03) == "b"
    assert tuning.pick({"a": 1.0, "b": 1.05}, "b", margin=0.03) == "a"
    assert tuning.pick({"a": 1.0, "b": 1.02}, "b", margin=0) == "a"
    assert tuning.pick({"a": 1.0}, "b") == "a"


def test_the_slow_run_once_the_quick_in_turns(monkeypatch):
    clock = [0.0]
    runs = {"slow": 0, "quick": 0, "close": 0, "kept": 0}

    def work(name, seconds):
        runs[name] += 1
        clock[0] += seconds

    monkeypatch.setattr(contest.time, "perf_counter", lambda: clock[0])
    cost = {"slow": 9.0, "quick": 1.0, "close": 1.5, "kept": 7.0}
    calls = {name: partial(work, name, seconds) for name, seconds in cost.items()}
    found = tuning.race(calls, repeat=5, keep="kept")
    assert found == pytest.approx(cost)
    assert runs["slow"] == 2
    assert min(runs["quick"], runs["close"], runs["kept"]) >= 7


def test_who_answers_wrongly_is_refused(monkeypatch):
    from minicnn.kernels import im2col

    problem = Problem.of((2, 8, 20, 20), (8, 8, 5, 5))
    right = im2col.forward
    monkeypatch.setattr(im2col, "forward", lambda *a, **k: 1.01 * right(*a, **k))
    measured = tuning.measure(problem, ["naive", "im2col"], repeat=1)
    assert set(measured.seconds) == {"naive"}
    assert "differs by" in measured.refused["im2col"]


def test_problems_are_heard_without_computing(model, monkeypatch):
    monkeypatch.setattr(mc.ops, "conv2d", None)
    found = tuning.problems(model, IN, batch_size=5)
    assert {name: p.x_shape for name, p in found.items()} == {
        "0": (5, 1, 14, 14),
        "1.body.0": (5, 4, 7, 7),
        "2": (5, 4, 7, 7),
    }
    assert found["1.body.0"].padding == ((1, 1), (1, 1))
    assert found["0"].macs == 5 * 4 * 49 * 9


def test_training_times_both_gradients(model):
    _, report = mc.plan.tune(model, IN, training=True, repeat=1, algorithms=["naive", "im2col"])
    assert all(layer.problem.training for layer in report.layers)


def test_plan_reaches_it_lazily():
    code = (
        "import sys, minicnn.plan as plan; early = 'minicnn.tuning' in sys.modules; plan.tune;"
        "print(early, 'minicnn.tuning' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError, match="wind"):
        _ = plan.wind


def test_an_algorithm_whose_package_is_missing_is_left_out(monkeypatch):
    monkeypatch.setitem(plan.ALGORITHMS, "absent", "minicnn.kernels.absent")
    assert "absent" not in Problem.of((1, 1, 5, 5), (1, 1, 3, 3)).supporting
