"""What the commands of `minicnn` do: each takes the parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minicnn as mc

MODELS = (
    "lenet_300_100",
    "lenet5",
    "small_cnn",
    "vgg_small",
    "resnet_cifar",
    "resnet18",
    "mobilenet_small",
)
RATES = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "adagrad": 1e-2, "sgd": 1e-2}
"""Optimisers and the learning rate each starts with unless one is given."""


def train(args: argparse.Namespace) -> int:
    """Train, print a line for every epoch and the test error."""
    for option, path in (("--out", args.out), ("--checkpoint", args.checkpoint)):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise ValueError(f"{option} {path}: expected a file name in a folder that exists.")
    x_train, y_train, x_test, y_test = mc.data.load(
        args.data, size=args.size, seed=args.seed, task=args.task
    )
    classes = mc.data.class_names(args.data, task=args.task)
    model = _model(args.model, in_shape=x_train.shape[1:], num_classes=len(classes), seed=args.seed)
    optimizer = _optimizer(args, steps=args.epochs * math.ceil(len(x_train) / args.batch_size))
    say = _say if not args.quiet else _say_nothing
    say(
        f"{args.model} ({model.num_parameters:,} parameters) on {args.data}: "
        f"{len(x_train):,} training images, {len(x_test):,} test images"
    )
    table = _EpochTable(say)
    history = mc.fit(
        model,
        (x_train, y_train),
        validation=(x_test, y_test),
        epochs=args.epochs,
        batch_size=args.batch_size,
        optimizer=optimizer,
        seed=args.seed,
        progress=not args.quiet and sys.stderr.isatty(),
        checkpoint=args.checkpoint,
        hooks=(table,),
    )
    table.show(history)
    if args.out is not None:
        mc.io.save(model, args.out)
        say(f"saved {args.out}")
    error = mc.evaluate(model, (x_test, y_test)).error
    wrong = round(error * len(x_test))
    print(f"test error {100 * error:.2f} % ({wrong:,} of {len(x_test):,} images)")
    return 130 if history.interrupted else 0


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stdout)  # above the progress bar, where there is one


def _say_nothing(line: str) -> None:
    """Take the place of `_say`."""


class _EpochTable:
    """A hook that prints one line an epoch."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.shown = 0

    def on_epoch_end(self, model: Any, epoch: int, history: Any) -> None:  # noqa: ARG002
        self.show(history)

    def show(self, history: Any) -> None:
        """Print the epochs not printed yet: a checkpoint may have brought some."""
        if self.shown == 0:
            self.say("epoch   train loss  train error   test error   images/s")
        for epoch in range(self.shown, len(history)):
            self.say(
                f"{epoch + 1:5}   {history.train_loss[epoch]:10.4f}  "
                f"{100 * history.train_error[epoch]:9.2f} %  "
                f"{100 * history.val_error[epoch]:9.2f} %   "
                f"{history.images_per_second[epoch]:8,.0f}"
            )
        self.shown = len(history)


def _optimizer(args: argparse.Namespace, steps: int) -> Any:
    rate = RATES[args.optimizer] if args.lr is None else args.lr
    lr = mc.optim.Cosine(rate, steps) if args.schedule == "cosine" else rate
    kinds: dict[str, Any] = {
        "adam": mc.optim.Adam,
        "adamw": mc.optim.AdamW,
        "rmsprop": mc.optim.RMSProp,
        "adagrad": mc.optim.AdaGrad,
        "sgd": lambda lr: mc.optim.SGD(lr, momentum=0.9),
    }
    return kinds[args.optimizer](lr)


def _model(name: str, **how: Any) -> Any:
    """Build a model of the book by name, or load a saved one."""
    if name in MODELS:
        return mc.models.MODELS[name](**how)
    if not Path(name).exists():
        raise ValueError(f"{name} is neither a model ({', '.join(MODELS)}) nor a file that exists.")
    return mc.io.load(name)


def summary(args: argparse.Namespace) -> int:
    """Print the table of `cost.summary`."""
    print(mc.cost.summary(*model_and_shape(args, "summary")))
    return 0


def model_and_shape(args: argparse.Namespace, command: str) -> tuple[Any, tuple[int, ...]]:
    """Return the model that --model or FILE names, and the shape of one image."""
    name = args.file or args.model
    if name is None or (args.file and args.model):
        raise ValueError(f"{command} wants one model: --model NAME, or the FILE of a saved one.")
    shape = args.in_shape
    if shape is None and name in MODELS:
        shape = inspect.signature(mc.models.MODELS[name]).parameters["in_shape"].default
    model = _model(name, in_shape=shape)
    if shape is None:
        raise ValueError(f"{name} says nothing of the image size: add --in-shape, as 1,28,28.")
    return model, shape


def export(args: argparse.Namespace) -> int:
    """Write a saved model as ONNX."""
    if args.in_shape is None:
        raise ValueError("export wants the shape of one image: add --in-shape, as 1,28,28.")
    mc.io.export_onnx(mc.io.load(args.file), args.out, args.in_shape, opset=args.opset)
    print(f"wrote {args.out}: input x (N, {', '.join(map(str, args.in_shape))}), output y")
    return 0


def data(args: argparse.Namespace) -> int:
    """List the data sets, or fetch the named ones."""
    if not args.names:
        for name in mc.data.NAMES:
            print(f"{name:14} {mc.data.where(name)}")
    for name in args.names:
        x_train, _, x_test, _ = mc.data.load(name)
        print(f"{name:14} {x_train.shape} for training, {x_test.shape} for testing")
    return 0
