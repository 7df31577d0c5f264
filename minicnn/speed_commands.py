"""What the commands `minicnn bench` and `minicnn warmup` do."""

from __future__ import annotations

import argparse
import json
from typing import Any

from minicnn.commands import model_and_shape


def bench(args: argparse.Namespace) -> int:
    """Time the algorithms side by side, on one convolution or on every one of a model."""
    from minicnn.kernels import threads

    if args.threads is not None:
        threads.set_num_threads(args.threads)
    rows = _rows(args)
    if args.json:
        from minicnn.tuning import context

        found = {"context": context(), "convolutions": rows}
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print(_table(rows))
    return 0


def warmup(args: argparse.Namespace) -> int:  # noqa: ARG001
    """Compile every kernel, or find it in the cache."""
    from minicnn.warmup import functions
    from minicnn.warmup import warmup as warm

    done = warm(progress=None)
    print(
        f"{done.compiled} functions compiled, {done.found} found in the cache, "
        f"in {done.seconds:.0f} s"
    )
    places = sorted({str(function.stats.cache_path) for function in functions()} - {"None"})
    print(f"cache: {', '.join(places)}")
    return 0


def _rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure; one row for each different convolution."""
    from minicnn.tuning import measure

    rows = []
    for problem, layers in _problems(args).items():
        seconds, refused = measure(problem, repeat=args.repeat)
        rows.append(
            {
                "convolution": str(problem),
                "layers": layers,
                "gflop": 2e-9 * problem.macs,
                "rule": problem.rule,
                "seconds": seconds,
                "refused": refused,
                "problem": problem._asdict(),
            }
        )
    return rows


def _problems(args: argparse.Namespace) -> dict[Any, list[str]]:
    """Return the convolutions to time, and the names of the layers that do each."""
    from minicnn.tuning import Problem, problems

    if args.conv is None:
        model, shape = model_and_shape(args, "bench")
        how = {"batch_size": args.batch_size, "training": args.training}
        by_problem: dict[Any, list[str]] = {}
        for name, problem in problems(model.astype(args.dtype), shape, **how).items():
            by_problem.setdefault(problem, []).append(name)
        if not by_problem:
            raise ValueError("this model has no convolutions; bench wants one or more.")
        return by_problem
    if args.model or args.file:
        raise ValueError("bench wants a model or --conv, not both.")
    if len(args.conv) != 4:
        raise ValueError(f"--conv is {args.conv}; expected N,C,H,W, as 8,64,56,56.")
    filters = args.filters or (args.conv[1], 3, 3)
    if len(filters) != 3:
        raise ValueError(f"--filters is {filters}; expected K,R,S, as 64,3,3.")
    padding = int(args.padding) if args.padding.isdecimal() else args.padding
    channels = args.conv[1] // args.groups
    problem = Problem.of(
        args.conv,
        (filters[0], channels, *filters[1:]),
        stride=args.stride,
        padding=padding,
        dilation=args.dilation,
        groups=args.groups,
        dtype=args.dtype,
        training=args.training,
    )
    return {problem: []}


def _table(rows: list[dict[str, Any]]) -> str:
    """Write a block for each convolution, quickest algorithm first."""
    from minicnn.cost import format_seconds

    lines = []
    for row in rows:
        where = f"  ({', '.join(row['layers'])})" if row["layers"] else ""
        lines += ["", row["convolution"] + where]
        quickest = min(row["seconds"].values())
        passes = 3 if row["problem"]["training"] else 1
        for name, seconds in sorted(row["seconds"].items(), key=lambda item: item[1]):
            rate = passes * row["gflop"] / seconds
            mark = "  the rule's choice" if name == row["rule"] else ""
            lines.append(
                f"  {name:<10}{format_seconds(seconds):>9}{rate:>9.3g} GFLOP/s"
                f"{seconds / quickest:>8.2f}{mark}"
            )
        lines += [f"  {name:<10}refused: {why}" for name, why in row["refused"].items()]
    if len(rows) > 1:
        by_rule = sum(row["seconds"][row["rule"]] * len(row["layers"]) for row in rows)
        best = sum(min(row["seconds"].values()) * len(row["layers"]) for row in rows)
        lines += ["", f"all convolutions: {format_seconds(by_rule)} by the rule, "]
        lines[-1] += f"{format_seconds(best)} with the quickest of each"
    return "\n".join(lines[1:])
