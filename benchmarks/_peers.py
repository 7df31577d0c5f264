"""What the benchmarks share: the number of threads, the peers at hand, and turns in timing.

Import this before NumPy, Numba or PyTorch, and call `settings` first: the libraries read their
number of threads from the environment when they are imported.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

REST = 0.01
"""Seconds of rest before each candidate: the idle threads of the one before may still spin."""
HAVE_TORCH = importlib.util.find_spec("torch") is not None
HAVE_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with what every benchmark takes: ``--threads``, ``--quick``, ``--only``."""
    first = (description or "").splitlines()[0]
    options = argparse.ArgumentParser(description=first)
    options.add_argument("--threads", type=int, default=cores())
    options.add_argument("--quick", action="store_true", help="few rounds; nothing is written")
    options.add_argument("--only", default="", help="rows whose name contains this; none written")
    return options


def settings(options: argparse.ArgumentParser, arguments: list[str] | None = None) -> Any:
    """Parse the arguments and give every library the same number of threads."""
    chosen = options.parse_args(arguments)
    for name in ("MINICNN", "OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(chosen.threads)
    if HAVE_TORCH:
        import torch

        torch.set_num_threads(chosen.threads)
    return chosen


def versions() -> dict[str, str | None]:
    """Return the versions of the peers, None for one that is not installed."""
    present = {"torch": HAVE_TORCH, "onnxruntime": HAVE_ONNX}
    return {n: importlib.metadata.version(n) if here else None for n, here in present.items()}


def onnx_session(model: bytes | str, threads: int) -> Any:
    """Return an ONNX Runtime session on the CPU with that many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Its idle threads would otherwise keep a core busy while the next candidate works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def medians(
    candidates: Mapping[str, Callable[[], object]], rounds: int, calls: int = 1
) -> dict[str, float]:
    """Time all candidates in turns, in seconds a call, after one uncounted call in each turn."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            time.sleep(REST)
            call()
            start = time.perf_counter()
            for _ in range(calls):
                call()
            times[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(values) for name, values in times.items()}


def ratio_to_best(seconds: Mapping[str, float], ours: str = "minicnn") -> float | None:
    """Divide our time by that of the fastest peer: below 1 we are faster; None without peers."""
    peers = [value for name, value in seconds.items() if name != ours]
    return seconds[ours] / min(peers) if peers else None


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    """Mean of the ratios that there are."""
    logs = [math.log(ratio) for ratio in ratios if ratio is not None]
    return math.exp(sum(logs) / len(logs)) if logs else None
