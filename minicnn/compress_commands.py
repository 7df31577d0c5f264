"""What the command `minicnn compress` does."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import minicnn as mc


def compress(args: argparse.Namespace) -> int:
    """Search under the limit, print the table, and write the compact file of the winner."""
    out = args.out or Path(args.file).with_suffix(".mcnp")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ValueError(f"--out {out}: expected a file name in a folder that exists.")
    if out.absolute() == Path(args.file).absolute():
        raise ValueError(f"{out} is the model itself: name another file with --out.")
    model = load(args.file)
    x_train, y_train, x_test, y_test = mc.data.load(
        args.data, size=args.size, seed=args.seed, task=args.task
    )
    small, told = mc.compress.search(
        model,
        (x_train, y_train),
        max_error=args.max_error / 100,
        target=args.target,
        seed=args.seed,
        epochs=args.epochs,
        lr=args.lr,
        progress=not args.json and sys.stderr.isatty(),
    )
    size = mc.compress.save(small, out)
    errors = [mc.evaluate(m, (x_test, y_test)).error for m in (model, mc.compress.load(out))]
    if args.json:
        about: dict[str, Any] = told.to_dict()
        about |= {"file": str(out), "file_bytes": size, "test_errors": errors}
        print(json.dumps(about, indent=1))
        return 0
    before, after = (100 * error for error in errors)
    print(told)
    print(f"wrote {out}: {size:,} bytes, read by minicnn.compress.load")
    print(
        f"test error {after:.2f} %, before {before:.2f} %, on {len(x_test):,} images that the "
        "search did not see"
    )
    if after > args.max_error:
        print(
            "That is above the limit: the model given had learnt from the validation images, which "
            f"flatters it. Ask for less, such as --max-error {args.max_error / 2:g}."
        )
    return 0


def load(path: str) -> Any:
    """Read a model that either `io.save` or `compress.save` wrote."""
    from minicnn.compress.packed import MAGIC

    with Path(path).open("rb") as stream:
        begins = stream.read(len(MAGIC))
    return mc.compress.load(path) if begins == MAGIC else mc.io.load(path)
