"""What was measured, kept as plain JSON in the user's cache folder.

One small file for each convolution, in one folder for each setting in which times are comparable:
processor, number of threads, versions, and the text of the kernels themselves. A file is replaced
as a whole, so that programs that measure at the same time cannot damage each other's; one that is
damaged all the same counts as not there, and is written anew.

The environment variable MINICNN_CACHE names another folder.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from minicnn import kernels
from minicnn.kernels import threads
from minicnn.tuning.problem import Problem

FORMAT = 1
Context = dict[str, Any]


class Measured(NamedTuple):
    """Median seconds a call of each algorithm, and why others were left out."""

    seconds: dict[str, float]
    refused: dict[str, str]


def folder() -> Path:
    """Where measurements are kept: ``$MINICNN_CACHE/tuning``, or the platform's cache folder."""
    named = os.environ.get("MINICNN_CACHE")
    if named:
        return Path(named).expanduser() / "tuning"
    import pooch

    return Path(pooch.os_cache("minicnn")) / "tuning"


def context() -> Context:
    """In what setting times are comparable: processor, threads, versions, kernels."""
    return {**_machine(), "threads": threads.num_threads()}


def recall(problem: Problem) -> Measured | None:
    """Return what was measured before in this setting; None if nothing sound is there."""
    try:
        content = json.loads(_path(problem).read_text(encoding="utf-8"))
        if content["about"] != _about(problem):
            return None
        seconds, refused = content["seconds"], content["refused"]
        good = all(type(s) is float and 0 < s < math.inf for s in seconds.values())
        texts = all(isinstance(reason, str) for reason in refused.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Measured(seconds, refused) if seconds and good and texts else None


def remember(problem: Problem, measured: Measured) -> str:
    """Keep a measurement; returns a sentence when it cannot be written, else ""."""
    path = _path(problem)
    content = {"about": _about(problem), **measured._asdict()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, json.dumps(content, indent=1) + "\n")
    except OSError as error:
        return f"Not remembered: {error}. Let MINICNN_CACHE name a folder that can be written."
    return ""


def _replace(path: Path, text: str) -> None:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _about(problem: Problem) -> dict[str, Any]:
    """All that a measurement depends on, as JSON gives it back."""
    about = {"format": FORMAT, **context(), "convolution": problem._asdict()}
    plain: dict[str, Any] = json.loads(json.dumps(about))
    return plain


def _path(problem: Problem) -> Path:
    shape = "x".join(map(str, problem.x_shape)) + "-" + "x".join(map(str, problem.w_shape))
    return folder() / _digest(context())[:16] / f"{shape}-{_digest(_about(problem))[:16]}.json"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def _machine() -> Context:
    import llvmlite
    import llvmlite.binding as llvm
    import numba
    import numpy

    import minicnn

    sources = sorted(Path(kernels.__path__[0]).glob("*.py"))
    text = b"".join(source.read_bytes() for source in sources)
    return {
        "cpu": _cpu(),
        "target": numba.config.CPU_NAME or llvm.get_host_cpu_name(),  # type: ignore[attr-defined]
        "minicnn": minicnn.__version__,
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "numpy": numpy.__version__,
        "kernels": hashlib.sha256(text).hexdigest()[:16],
    }


def _cpu() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
