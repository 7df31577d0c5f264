"""The command `minicnn`: train, time, look at and export models without writing a program."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import minicnn as mc
from minicnn import commands, compress_commands, speed_commands
from minicnn.commands import MODELS, RATES

LEARN = {
    "check": "grade exercise notebooks",
    "progress": "show which exercises are done",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 well, 2 wrong use or missing files, 130 Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        args = _parser(argv).parse_args(argv)
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of a pipe, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("minicnn: interrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        extra = "learn" if argv and argv[0] in LEARN else "onnx"
        hint = f'Install what this command needs: pip install "minicnn[{extra}]"'
        print(f"minicnn: {_one_line(error)}. {hint}", file=sys.stderr)
        return 2
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        print("minicnn:", _one_line(error), file=sys.stderr)
        return 2


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(" ".join([str(error), *getattr(error, "__notes__", [])]).split())


class _Parser(argparse.ArgumentParser):
    """One line for a wrong use, instead of the whole synopsis."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Try: {self.prog} --help\n")


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="minicnn", description="Convolutional networks, made small and fast.")
    parser.add_argument("--version", action="version", version=f"minicnn {mc.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    _add_train(subparsers)
    _add_summary(subparsers)
    _add_export(subparsers)
    _add_compress(subparsers)
    _add_data(subparsers)
    _add_bench(subparsers)
    _add_warmup(subparsers)
    if argv and argv[0] in LEARN:  # these need more packages: loaded only when asked for
        _add_learn(subparsers)
    else:
        for name, text in LEARN.items():
            subparsers.add_parser(name, help=text)
    return parser


def _add_learn(subparsers: Any) -> None:
    try:
        from minicnn.learn.cli import add_commands
    except ImportError as error:
        raise ImportError(
            f"the exercises need more packages ({error}). "
            f'Install them with: pip install "minicnn[learn]"'
        ) from error
    add_commands(subparsers)


def _add_train(subparsers: Any) -> None:
    train = subparsers.add_parser("train", help="train a model and print the errors of each epoch")
    _add_images(train)
    _add_model(train, default="small_cnn")
    train.add_argument("--epochs", type=_count, default=3, metavar="N", help="(%(default)s)")
    train.add_argument("--batch-size", type=_count, default=64, metavar="N", help="(%(default)s)")
    train.add_argument("--optimizer", choices=RATES, default="adam", help="(%(default)s)")
    train.add_argument("--lr", type=float, metavar="RATE", help="learning rate (the optimiser's)")
    train.add_argument(
        "--schedule",
        choices=("constant", "cosine"),
        default="constant",
        help="of the learning rate (%(default)s)",
    )
    train.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (0)")
    train.add_argument("--out", type=Path, metavar="FILE", help="save the trained model")
    train.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="save every epoch; go on from it if there"
    )
    train.add_argument("--quiet", action="store_true", help="print the last line only")
    train.set_defaults(run=commands.train)


def _add_summary(subparsers: Any) -> None:
    summary = subparsers.add_parser("summary", help="parameters, multiply-adds and bytes by layer")
    _add_model(summary, default=None)
    summary.add_argument("file", nargs="?", metavar="FILE", help="a saved model")
    _add_in_shape(summary)
    summary.set_defaults(run=commands.summary)


def _add_export(subparsers: Any) -> None:
    export = subparsers.add_parser("export", help="write a saved model as ONNX")
    export.add_argument("file", metavar="FILE", help="a saved model")
    export.add_argument("out", metavar="OUT.onnx", help="the file to write")
    _add_in_shape(export)
    export.add_argument("--opset", type=int, default=17, help="ONNX operators (%(default)s)")
    export.set_defaults(run=commands.export)


def _add_compress(subparsers: Any) -> None:
    compress = subparsers.add_parser(
        "compress",
        help="make a trained model as small or as quick as a limit on its error allows",
        description="Cut, trim, prune, cluster and quantise, stronger and stronger, with training "
        "in between. Errors are measured on a sixth of the training images, set aside.",
    )
    compress.add_argument("file", metavar="MODEL_FILE", help="a saved model")
    _add_images(compress)
    compress.add_argument(
        "--max-error", type=float, default=1.0, metavar="PERCENT", help="allowed (%(default)s)"
    )
    compress.add_argument(
        "--target", choices=("bytes", "time"), default="bytes", help="to make small (%(default)s)"
    )
    compress.add_argument(
        "--epochs", type=_count, metavar="N", help="after each step (as many as make 300 batches)"
    )
    compress.add_argument("--lr", type=float, default=1e-3, metavar="RATE", help="(%(default)s)")
    compress.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random")
    compress.add_argument(
        "--out", type=Path, metavar="FILE", help="the compact file (the model's name with .mcnp)"
    )
    compress.add_argument("--json", action="store_true", help="print JSON instead of the table")
    compress.set_defaults(run=compress_commands.compress)


def _add_images(parser: Any) -> None:
    parser.add_argument(
        "--data", choices=mc.data.NAMES, default="digits", help="data set (%(default)s)"
    )
    parser.add_argument("--task", metavar="NAME", help="of glyphs: digits, letters, lowercase, all")
    parser.add_argument("--size", type=int, metavar="N", help="train on N images only")


def _add_data(subparsers: Any) -> None:
    data = subparsers.add_parser("data", help="which data sets are here; fetch those that are not")
    data.add_argument("names", nargs="*", metavar="NAME", help="a set to fetch, checksum and load")
    data.set_defaults(run=commands.data)


def _add_bench(subparsers: Any) -> None:
    bench = subparsers.add_parser(
        "bench",
        help="time the convolution algorithms side by side",
        description="Time every algorithm on one convolution, or on each one of a model.",
    )
    _add_model(bench, default=None)
    bench.add_argument("file", nargs="?", metavar="FILE", help="a saved model")
    _add_in_shape(bench)
    bench.add_argument("--batch-size", type=_count, default=1, metavar="N", help="(%(default)s)")
    bench.add_argument(
        "--conv", type=_shape, metavar="N,C,H,W", help="instead of a model: one convolution of this"
    )
    bench.add_argument("--filters", type=_shape, metavar="K,R,S", help="of --conv (C,3,3)")
    for name, default in (("stride", 1), ("dilation", 1), ("groups", 1)):
        bench.add_argument(f"--{name}", type=_count, default=default, metavar="N", help="of --conv")
    bench.add_argument("--padding", default="same", metavar="N", help="of --conv (%(default)s)")
    bench.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    bench.add_argument("--training", action="store_true", help="with both gradients")
    bench.add_argument("--threads", type=_count, metavar="N", help="(every core)")
    bench.add_argument("--repeat", type=_count, default=7, metavar="N", help="rounds (%(default)s)")
    bench.add_argument("--json", action="store_true", help="print JSON instead of the table")
    bench.set_defaults(run=speed_commands.bench)


def _add_warmup(subparsers: Any) -> None:
    warmup = subparsers.add_parser(
        "warmup",
        help="compile every kernel now, so that no program waits for it later",
        description="Compile every kernel for float32 and float64; what is compiled stays in "
        "Numba's cache for all later programs.",
    )
    warmup.set_defaults(run=speed_commands.warmup)


def _add_model(parser: Any, default: str | None) -> None:
    parser.add_argument(
        "--model",
        default=default,
        metavar="NAME",
        help=f"{', '.join(MODELS)}, or a saved file" + (" (%(default)s)" if default else ""),
    )


def _add_in_shape(parser: Any) -> None:
    parser.add_argument(
        "--in-shape", type=_shape, metavar="C,H,W", help="of one image, such as 1,28,28"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(_count(size.strip()) for size in text.split(","))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape such as 1,28,28") from error


if __name__ == "__main__":
    sys.exit(main())
