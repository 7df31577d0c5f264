"""fit, evaluate, predict: what they learn, record, refuse, and survive."""

import functools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from minicnn import data, models, nn, optim
from minicnn.training import DivergedError, Evaluation, History, Hook, evaluate, fit, predict


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def few(digits):
    """90 images to train on and 40 to look at."""
    x, y, x_test, y_test = digits
    return (x[:90], y[:90]), (x_test[:40], y_test[:40])


def tiny(seed=0):
    """Everything that has a state: weights, running statistics, a dropout generator."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False, seed=seed),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2, seed=seed),
        nn.Linear(36, 10, seed=seed),
    )


def state_equal(one, two):
    for name, array in one.state_dict().items():
        np.testing.assert_array_equal(array, two.state_dict()[name], err_msg=name)


# What is learned --------------------------------------------------------------------------------


def test_small_cnn_on_digits(digits):
    """The recipe of the book: 98 % or better in seconds."""
    x, y, x_test, y_test = digits
    model = models.small_cnn(seed=0)
    history = fit(
        model,
        (x, y),
        validation=(x_test, y_test),
        epochs=30,
        batch_size=32,
        optimizer=optim.Adam(lr=optim.Cosine(5e-3, steps=30 * 45)),
        augment=functools.partial(data.random_shift, max_shift=1),
        seed=0,
        progress=False,
    )
    result = evaluate(model, (x_test, y_test))
    assert result.accuracy >= 0.98
    assert result.n == 360
    assert history.val_error[-1] == result.error
    assert history.val_loss[-1] == result.loss


def test_history(few):
    train, validation = few
    history = fit(tiny(), train, validation=validation, epochs=3, seed=0, progress=False)
    assert len(history) == 3
    values = history.to_dict()
    assert not values.pop("interrupted")
    assert {name: len(entries) for name, entries in values.items()} == dict.fromkeys(values, 3)
    assert history.train_loss[2] < history.train_loss[0]
    assert history.lr == [1e-3] * 3
    assert all(0 <= error <= 1 for error in history.train_error + history.val_error)
    assert History.from_dict(json.loads(json.dumps(history.to_dict()))) == history
    assert repr(history).startswith("History(3 epochs, train_loss=")
    assert repr(History()) == "History(no epochs)"


def test_history_without_validation(few):
    history = fit(tiny(), few[0], epochs=1, seed=0, progress=False)
    assert history.val_loss == history.val_error == []
    assert history.best_epoch is None


@pytest.mark.parametrize("given", [True, False])
def test_plot(given):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot as plt

    history = History(train_error=[0.5, 0.2], val_error=[0.4, 0.3], train_loss=[1, 1])
    ax = history.plot(plt.subplots()[1] if given else None)
    curves = {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}
    assert curves == {"training": [50, 20], "validation": [40, 30]}
    assert ax.get_xlabel() == "epoch"
    plt.close("all")


def test_same_seed_same_result(few):
    train, _ = few
    runs = [tiny() for _ in range(3)]
    shift = functools.partial(data.random_shift, max_shift=1)
    for model, seed in zip(runs, (0, 0, 1), strict=True):
        fit(model, train, epochs=2, seed=seed, augment=shift, progress=False)
    state_equal(runs[0], runs[1])
    assert (runs[0][0].weight.data != runs[2][0].weight.data).any()


def test_fit_is_what_the_loop_says(few):
    """One epoch by hand: shuffle, forward, backward, step."""
    (x, y), _ = few
    model, twin = tiny(), tiny()
    fit(model, (x, y), epochs=1, batch_size=32, optimizer=optim.SGD(0.1), seed=5, progress=False)
    order = np.random.default_rng(5).permutation(len(x))
    for start in range(0, len(x), 32):
        rows = order[start : start + 32]
        logits = twin.forward(x[rows], training=True)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(rows)), y[rows]] -= 1
        twin.zero_grad()
        twin.backward(p / len(rows))
        for parameter in twin.parameters().values():
            parameter.data -= 0.1 * parameter.grad
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(array, twin.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_float64(few):
    (x, y), _ = few
    model = tiny().astype(np.float64)
    fit(model, (x.astype(np.float64), y), epochs=1, seed=0, progress=False)
    assert model.dtype == np.float64


def test_features_and_mse(few):
    (x, y), _ = few
    flat = (x.reshape(len(x), -1), y)
    model = nn.Sequential(nn.Linear(64, 10, seed=0))
    history = fit(model, flat, epochs=5, loss="mse", seed=0, progress=False)
    assert history.train_loss[-1] < history.train_loss[0]
    assert 0 < history.train_error[-1] < 1


def test_images_as_targets(few):
    """An autoencoder: there is a loss, but no error."""
    x = few[0][0]
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, seed=0),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 1, 2, stride=2, seed=1),
    )
    history = fit(model, (x, x), validation=(x, x), epochs=2, loss="mse", seed=0, progress=False)
    assert history.val_loss[1] < history.val_loss[0]
    assert np.isnan(history.val_error).all()


def test_a_loss_of_ones_own(few):
    def hinge(output, target):
        """Push every wrong output one below the right one (Weston and Watkins 1999)."""
        rows = np.arange(len(target))
        margin = np.maximum(0, output - output[rows, target][:, None] + 1)
        margin[rows, target] = 0
        gradient = (margin > 0).astype(output.dtype)
        gradient[rows, target] = -gradient.sum(axis=1)
        return float(margin.sum() / len(target)), gradient / len(target)

    model = tiny()
    history = fit(model, few[0], epochs=3, loss=hinge, seed=0, progress=False)
    assert history.train_loss[-1] < history.train_loss[0]
    assert evaluate(model, few[1], loss=hinge).loss > 0


def test_clip_grad_and_hooks(few):
    class Watch(Hook):
        def __init__(self):
            self.norms, self.calls = [], []

        def on_backward_end(self, model, step):
            grads = [p.grad for p in model.parameters().values()]
            self.norms.append(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads)))
            self.calls.append(("backward", step))

        def on_batch_end(self, model, step):
            self.calls.append(("batch", step))

        def on_epoch_end(self, model, epoch, history):
            assert len(history) == epoch + 1
            self.calls.append(("epoch", epoch))

    watch = Watch()
    fit(tiny(), few[0], epochs=2, seed=0, clip_grad=0.5, hooks=[watch], progress=False)
    assert watch.calls == [
        *[("backward", 0), ("batch", 0), ("backward", 1), ("batch", 1), ("epoch", 0)],
        *[("backward", 2), ("batch", 2), ("backward", 3), ("batch", 3), ("epoch", 1)],
    ]
    assert max(watch.norms) <= 0.5 + 1e-6


def test_a_frozen_layer_stays(few):
    model = tiny()
    model.freeze("0", "1")
    before = model[:3].state_dict()
    fit(model, few[0], epochs=1, seed=0, progress=False)
    for name, array in model[:3].state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_label_smoothing_keeps_the_measure(few):
    train, validation = few
    model = tiny()
    history = fit(
        model, train, validation=validation, epochs=1, seed=0, label_smoothing=0.3, progress=False
    )
    assert history.val_loss[0] == evaluate(model, validation).loss


def test_progress(few, capsys):
    fit(tiny(), few[0], epochs=2, seed=0)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "epoch 2/2: 100%" in shown.err
    assert "images/s" in shown.err
    fit(tiny(), few[0], epochs=1, seed=0, progress=False)
    assert capsys.readouterr().err == ""


# Early stopping ---------------------------------------------------------------------------------


class Spoil(Hook):
    """Make the model worse after each of the later epochs."""

    def __init__(self, after):
        self.after = after

    def on_epoch_end(self, model, epoch, history):
        if epoch + 1 >= self.after:
            model[-1].weight.data *= -3


def test_early_stopping_returns_the_best_epoch(few):
    train, validation = few
    how = {"validation": validation, "batch_size": 16, "seed": 0, "progress": False}
    plain = tiny()
    fit(plain, train, epochs=2, optimizer=optim.Adam(1e-2), **how)
    model = tiny()
    history = fit(
        model,
        train,
        epochs=20,
        optimizer=optim.Adam(1e-2),
        early_stopping=3,
        hooks=[Spoil(after=2)],
        **how,
    )
    assert history.best_epoch == 1
    assert len(history) == 5
    state_equal(model, plain)
    assert evaluate(model, validation).loss == history.val_loss[1]


# Ctrl-C -----------------------------------------------------------------------------------------


class At(Hook):
    """Do something in one of the hooks at one step."""

    def __init__(self, method, step, action):
        self.step, self.action = step, action
        setattr(self, method, self._call)

    def _call(self, model, step, history=None):
        if step == self.step:
            self.action()


def raise_interrupt():
    raise KeyboardInterrupt


def press():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("action", [raise_interrupt, press])
def test_ctrl_c_in_an_epoch(few, action):
    train, validation = few
    model = tiny()
    before = signal.getsignal(signal.SIGINT)
    history = fit(
        model,
        train,
        validation=validation,
        epochs=9,
        batch_size=16,
        seed=0,
        hooks=[At("on_batch_end", 8, action)],
        progress=False,
    )
    assert signal.getsignal(signal.SIGINT) is before
    assert history.interrupted
    assert len(history) == 2  # six batches, and then three of the second epoch
    assert "interrupted" in repr(history)
    assert history.val_loss[1] == evaluate(model, validation).loss

    # The batch was finished: this is the model after nine whole steps.
    twin, order = tiny(), []
    fit(
        twin,
        train,
        epochs=2,
        batch_size=16,
        seed=0,
        hooks=[At("on_batch_end", 8, lambda: order.append(twin.state_dict()))],
        progress=False,
    )
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, order[0][name])


def test_ctrl_c_before_the_first_batch_is_done(few):
    model = tiny()
    history = fit(
        model,
        few[0],
        epochs=3,
        seed=0,
        hooks=[At("on_backward_end", 0, raise_interrupt)],
        progress=False,
    )
    assert history.interrupted
    assert len(history) == 0
    np.testing.assert_array_equal(model[0].weight.data, tiny()[0].weight.data)


@pytest.mark.parametrize("action", [raise_interrupt, press])
@pytest.mark.parametrize("method", ["on_batch_end", "on_epoch_end"])
def test_ctrl_c_at_the_end_of_an_epoch(few, action, method, tmp_path):
    step = 1 if method == "on_batch_end" else 0
    history = fit(
        tiny(),
        few[0],
        epochs=3,
        seed=0,
        hooks=[At(method, step, action)],
        checkpoint=tmp_path / "run",
        progress=False,
    )
    assert history.interrupted
    assert len(history) == 1


def test_second_ctrl_c_stops_at_once(few):
    def twice():
        press()
        press()

    with pytest.raises(KeyboardInterrupt):
        fit(
            tiny(),
            few[0],
            epochs=3,
            seed=0,
            hooks=[At("on_epoch_end", 0, twice)],
            progress=False,
        )


# Divergence -------------------------------------------------------------------------------------


def test_divergence_is_told(few):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16, seed=0), nn.Linear(16, 10, seed=1))
    with pytest.raises(DivergedError, match=r"loss became nan .* step 1,.*clip_grad") as caught:
        fit(model, few[0], epochs=3, optimizer=optim.SGD(1e30), seed=0, progress=False)
    assert len(caught.value.history) == 0
    assert np.abs(model[2].weight.data).max() > 1e20  # left as they were, to be looked at


def test_a_parameter_that_is_lost_in_the_last_step(few):
    def lose():
        model[-1].bias.data[0] = np.nan

    model = tiny()
    with pytest.raises(DivergedError, match="a parameter became NaN"):
        fit(model, few[0], epochs=1, seed=0, hooks=[At("on_batch_end", 1, lose)], progress=False)


# Checkpoints ------------------------------------------------------------------------------------


class Killed(Exception):
    pass


def kill():
    raise Killed


def long_run(few, model, **changes):
    arguments = {
        "validation": few[1],
        "epochs": 5,
        "batch_size": 32,
        "optimizer": optim.SGD(optim.Cosine(0.1, steps=15), momentum=0.9),
        "augment": functools.partial(data.random_shift, max_shift=1),
        "early_stopping": 4,
        "seed": 3,
        "progress": False,
    }
    return fit(model, few[0], **{**arguments, **changes})


def timeless(history):
    values = history.to_dict()
    del values["seconds"], values["images_per_second"]
    return values


@pytest.mark.parametrize(
    ("method", "step"), [("on_epoch_end", 2), ("on_batch_end", 10), ("on_backward_end", 3)]
)
def test_killed_and_resumed_is_as_never_killed(few, tmp_path, method, step):
    whole = tiny()
    expected = long_run(few, whole)
    path = tmp_path / "run.npz"
    with pytest.raises(Killed):
        long_run(few, tiny(), checkpoint=path, hooks=[At(method, step, kill)])
    resumed = tiny(seed=9)  # even another start: everything comes from the file
    history = long_run(few, resumed, checkpoint=str(path))
    state_equal(resumed, whole)
    assert timeless(history) == timeless(expected)
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]

    # Once more: nothing is left to do, and the same comes back.
    again = tiny(seed=8)
    assert timeless(long_run(few, again, checkpoint=path)) == timeless(expected)
    state_equal(again, whole)


def test_after_ctrl_c_the_checkpoint_goes_on(few, tmp_path):
    whole = tiny()
    long_run(few, whole)
    path = tmp_path / "run"
    model = tiny()
    history = long_run(few, model, checkpoint=path, hooks=[At("on_batch_end", 7, press)])
    assert history.interrupted
    history = long_run(few, model, checkpoint=path)
    assert not history.interrupted
    state_equal(model, whole)


def test_more_epochs_and_fewer(few, tmp_path):
    path = tmp_path / "run"
    long_run(few, tiny(), checkpoint=path, epochs=3)
    model, whole = tiny(), tiny()
    long_run(few, model, checkpoint=path)
    long_run(few, whole)
    state_equal(model, whole)
    with pytest.raises(ValueError, match="holds 5 epochs and epochs=4"):
        long_run(few, model, checkpoint=path, epochs=4)


def test_other_generators_and_frozen_parameters_come_back(few, tmp_path):
    def build():
        model = tiny()
        model[5].rng = np.random.Generator(np.random.MT19937(1))
        return model

    class Thaw(Hook):
        def on_epoch_end(self, model, epoch, history):
            if epoch == 0:
                model.unfreeze()

    def run(model, **changes):
        model.freeze("0")
        return fit(model, few[0], epochs=3, seed=0, progress=False, hooks=[Thaw()], **changes)

    whole, path = build(), tmp_path / "run"
    run(whole)
    model = build()
    model.freeze("0")
    fit(model, few[0], epochs=2, seed=0, progress=False, hooks=[Thaw()], checkpoint=path)
    resumed = build()
    run(resumed, checkpoint=path)
    state_equal(resumed, whole)
    assert resumed[0].weight.trainable


def test_killed_by_the_system(few, tmp_path):
    """A process that dies without a word, in the middle of an epoch."""
    script = textwrap.dedent(
        """
        import os, signal, sys
        sys.path.insert(0, sys.argv[2])
        from test_training import At, data, long_run, tiny
        x, y, x_test, y_test = data.load("digits")
        few = (x[:90], y[:90]), (x_test[:40], y_test[:40])
        die = At("on_batch_end", 7, lambda: os.kill(os.getpid(), signal.SIGKILL))
        long_run(few, tiny(), checkpoint=sys.argv[1], hooks=[die])
        """
    )
    path = tmp_path / "run"
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-c", script, path, here], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    resumed, whole = tiny(), tiny()
    long_run(few, whole)
    history = long_run(few, resumed, checkpoint=path)
    assert len(history) == 5
    state_equal(resumed, whole)


OTHER = {
    "model": {},
    "frozen": {},
    "train": {},
    "validation": {"validation": None, "early_stopping": None},
    "batch_size": {"batch_size": 16},
    "optimizer": {"optimizer": optim.SGD(0.1)},
    "loss": {"loss": "mse"},
    "seed": {"seed": 4},
    "early_stopping": {"early_stopping": 3},
    "augment": {"augment": functools.partial(data.random_shift, max_shift=2)},
    "label_smoothing": {"label_smoothing": 0.1},
    "clip_grad": {"clip_grad": 1.0},
}


@pytest.fixture(scope="module")
def stored(few, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "run"
    long_run(few, tiny(), checkpoint=path, epochs=1)
    return path


@pytest.mark.parametrize("name", OTHER)
def test_other_arguments_are_refused(few, stored, name):
    model, (train, validation) = tiny(), few
    if name == "model":
        model = tiny()[:-1].append(nn.Linear(36, 11, seed=0))
    if name == "frozen":
        model.freeze("0")
    if name == "train":
        train = (train[0][::-1].copy(), train[1])
    before = model.state_dict()
    with pytest.raises(ValueError, match=f"another {name}.*delete the file"):
        long_run((train, validation), model, checkpoint=stored, **OTHER[name])
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def test_damaged_checkpoints(few, stored, tmp_path):
    """Cut anywhere or with a flipped byte: an error that helps, and an untouched model."""
    good = stored.read_bytes()
    expected = tiny()
    long_run(few, expected, checkpoint=stored, epochs=1)
    rng = np.random.default_rng(0)
    for trial in range(60):
        bad = bytearray(good)
        at = int(rng.integers(len(good)))
        if trial % 2:
            bad = bad[:at]
        else:
            bad[at] ^= 1 << int(rng.integers(8))
        path = tmp_path / "bad"
        path.write_bytes(bad)
        model, message = tiny(), None
        try:
            long_run(few, model, checkpoint=path, epochs=1)
        except ValueError as error:
            message = str(error)
        if message is None:  # the byte was one that means nothing, such as a time of writing
            state_equal(model, expected)
        else:
            state_equal(model, tiny())
            assert "no whole checkpoint" in message
            assert "Delete it to start afresh" in message


def test_not_a_checkpoint(few, tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, x=np.ones(3))
    with pytest.raises(ValueError, match="no whole checkpoint"):
        long_run(few, tiny(), checkpoint=path)
    path.write_text("hello")
    with pytest.raises(ValueError, match="no whole checkpoint"):
        long_run(few, tiny(), checkpoint=path)
    for wrong in (tmp_path, tmp_path / "nowhere" / "run"):
        with pytest.raises(ValueError, match="Make the folder first"):
            long_run(few, tiny(), checkpoint=wrong)


# Other threads ----------------------------------------------------------------------------------


def test_outside_the_main_thread(few):
    histories = []
    thread = threading.Thread(
        target=lambda: histories.append(fit(tiny(), few[0], epochs=1, seed=0, progress=False))
    )
    thread.start()
    thread.join()
    assert len(histories[0]) == 1


# evaluate and predict ---------------------------------------------------------------------------


def test_evaluate_by_hand(few):
    (x, y), _ = few
    model = tiny()
    logits = model(x).astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    right = np.mean(logits.argmax(axis=1) == y)
    for batch_size in (7, 90, 1000):
        result = evaluate(model, (x, y), batch_size=batch_size)
        assert isinstance(result, Evaluation)
        np.testing.assert_allclose(result.loss, -log_p[np.arange(90), y].mean(), rtol=1e-5)
        assert result.accuracy == pytest.approx(right)
        assert result.error == pytest.approx(1 - right)


def test_predict(few):
    x = few[0][0]
    model = tiny()
    y = predict(model, x, batch_size=32)
    np.testing.assert_allclose(y, model(x), rtol=1e-5, atol=1e-6)
    assert all(layer._saved is None for _, layer in model.named_layers())


# Refusals ---------------------------------------------------------------------------------------


def bad_calls(x, y):
    ok = (x, y)
    return [
        (x, {}, TypeError, r"expected a pair \(x, y\)"),
        ((x[:, 0], y), {}, ValueError, r"x\[:, None\]"),
        ((x[:0], y[:0]), {}, ValueError, "N at least 1"),
        ((x.astype(np.float64), y), {}, TypeError, r"x.astype\(np.float32\)"),
        (((x * 255).astype(np.uint8), y), {}, TypeError, "uint8"),
        ((x.tolist(), y), {}, TypeError, "np.asarray"),
        ((np.where(x > 0.9, np.nan, x).astype(np.float32), y), {}, ValueError, "NaN or infinity"),
        ((x, y[:-1]), {}, ValueError, "one target for each image"),
        ((x, y + 1), {}, ValueError, "run from 1 to 10.*num_classes=11"),
        ((x, y - 1), {}, ValueError, "run from -1 to 8"),
        ((x, y.astype(np.float32)), {}, TypeError, "whole numbers"),
        ((x, np.eye(10)[y]), {}, TypeError, r"y.argmax\(axis=1\)"),
        ((x, np.eye(9, dtype=np.float32)[y % 9]), {"loss": "mse"}, ValueError, "Reshape y"),
        (ok, {"epochs": 0}, ValueError, "epochs is 0"),
        (ok, {"epochs": 1.5}, TypeError, "epochs is 1.5"),
        (ok, {"batch_size": 0}, ValueError, "batch_size is 0"),
        (ok, {"seed": None}, TypeError, "seed is None"),
        (ok, {"optimizer": "adam"}, TypeError, "optim.Adam"),
        (ok, {"loss": "hinge"}, ValueError, "loss is 'hinge'"),
        (ok, {"label_smoothing": 1.0}, ValueError, "label_smoothing is 1.0"),
        (ok, {"label_smoothing": 0.1, "loss": "mse"}, ValueError, "label_smoothing=0"),
        (ok, {"clip_grad": 0}, ValueError, "clip_grad is 0"),
        (ok, {"early_stopping": 2}, ValueError, "validation is None"),
        (ok, {"early_stopping": 0, "validation": ok}, ValueError, "early_stopping is 0"),
        (ok, {"validation": (x, y + 1)}, ValueError, "labels of validation"),
        (ok, {"hooks": [print]}, TypeError, "would never be called"),
    ]


@pytest.mark.parametrize("case", range(26))
def test_fit_refuses(few, case):
    cases = bad_calls(*few[0])
    assert len(cases) == 26
    train, changes, error, message = cases[case]
    model = tiny()
    with pytest.raises(error, match=message):
        fit(model, train, **{"epochs": 1, "seed": 0, "progress": False, **changes})
    state_equal(model, tiny())


def test_nothing_to_train(few):
    model = tiny()
    model.freeze()
    with pytest.raises(ValueError, match="no parameter of the model is trainable"):
        fit(model, few[0], epochs=1, seed=0, progress=False)


def test_a_model_that_gives_no_classes(few):
    with pytest.raises(ValueError, match=r"nn.Flatten\(\)"):
        fit(nn.Sequential(nn.Conv2d(1, 10, 3, seed=0)), few[0], epochs=1, seed=0)


@pytest.mark.parametrize("batch_size", [0, 2.5])
def test_evaluate_and_predict_refuse(few, batch_size):
    with pytest.raises((ValueError, TypeError), match="batch_size is"):
        evaluate(tiny(), few[0], batch_size)
    with pytest.raises((ValueError, TypeError), match="batch_size is"):
        predict(tiny(), few[0][0], batch_size)
    with pytest.raises(ValueError, match=r"Use x\[None\]"):
        predict(tiny(), few[0][0][0])
