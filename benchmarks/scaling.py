"""How the time of a convolution grows with the work, ours beside PyTorch and ONNX Runtime.

    python benchmarks/scaling.py          # some minutes; writes results/scaling.json

A 3x3 layer, 4x64x56x56 to 64 channels; one of its sizes at a time is changed: N, C, H (with W),
K, and the number of threads. Times are medians of turns within one process; each number of threads
has a process of its own, for the libraries fix theirs at the start.
"""

from __future__ import annotations

import _peers

_options = _peers.parser(__doc__)
_options.add_argument("--measure", choices=("threads",), help="used by the script itself")
_chosen = _peers.settings(_options, None if __name__ == "__main__" else [])

import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from _report import environment, write_json  # noqa: E402

from minicnn import ops  # noqa: E402

BASE = {"N": 4, "C": 64, "H": 56, "K": 64}
AXES = {
    "N": (1, 2, 4, 8, 16, 32),
    "C": (1, 4, 16, 64, 128, 256, 512),
    "H": (7, 14, 28, 56, 112, 224),
    "K": (1, 4, 16, 64, 128, 256, 512),
}


def candidates(sizes: dict[str, int]) -> dict[str, Callable[[], object]]:
    """Return one function for each library, on the same numbers."""
    rng = np.random.default_rng(0)
    N, C, H, K = (sizes[axis] for axis in "NCHK")
    x = rng.standard_normal((N, C, H, H), dtype=np.float32)
    w = rng.standard_normal((K, C, 3, 3), dtype=np.float32) / np.float32(math.sqrt(9 * C))
    calls: dict[str, Callable[[], object]] = {"minicnn": lambda: ops.conv2d(x, w, padding=1)}
    if _peers.HAVE_TORCH:
        import torch

        for layout in ("contiguous", "channels_last"):
            how = getattr(torch, f"{layout}_format" if layout == "contiguous" else layout)
            tx, tw = (torch.from_numpy(a).contiguous(memory_format=how) for a in (x, w))
            name = "torch NCHW" if layout == "contiguous" else "torch NHWC"
            calls[name] = lambda tx=tx, tw=tw: torch.nn.functional.conv2d(tx, tw, padding=1)
    if _peers.HAVE_ONNX:
        session = _onnx(x, w)
        calls["onnxruntime"] = lambda: session.run(["y"], {"x": x})
    return calls


def _onnx(x: np.ndarray, w: np.ndarray) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)
    value = helper.make_tensor_value_info
    inputs = [value("x", TensorProto.FLOAT, x.shape)]
    outputs = [value("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "layer", inputs, outputs, [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return _peers.onnx_session(model.SerializeToString(), _chosen.threads)


def point(sizes: dict[str, int]) -> dict[str, float]:
    """Time one size; many calls a turn where a call is short."""
    macs = 9 * sizes["N"] * sizes["C"] * sizes["K"] * sizes["H"] ** 2
    calls = max(1, min(100, 10**8 // macs))
    return _peers.medians(candidates(sizes), rounds=3 if _chosen.quick else 11, calls=calls)


def show(axis: str, value: int, seconds: dict[str, float]) -> None:
    """Print one point."""
    ratio = _peers.ratio_to_best(seconds)
    times = "  ".join(f"{name} {1e3 * s:9.3f}" for name, s in seconds.items())
    print(f"{axis:<8}{value:>4}  {times} ms" + ("" if ratio is None else f"  ratio {ratio:.2f}"))


def sizes() -> dict[str, dict[int, dict[str, float]]]:
    """Time every value of every axis."""
    curves: dict[str, dict[int, dict[str, float]]] = {}
    for axis, values in AXES.items():
        if _chosen.only and _chosen.only != axis:
            continue
        curves[axis] = {}
        for value in values:
            curves[axis][value] = point(BASE | {axis: value})
            show(axis, value, curves[axis][value])
    return curves


def threads() -> dict[int, dict[str, float]]:
    """Time the base size with 1, 2, ... threads, each in a process of its own."""
    curve = {}
    cores = _peers.cores()
    for count in sorted({1, *(c for c in (2, 3, 4, 6, 8, 12, 16, 24, 32) if c < cores), cores}):
        command = [sys.executable, __file__, "--threads", str(count), "--measure", "threads"]
        command += ["--quick"] * _chosen.quick
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        curve[count] = json.loads(done.stdout.splitlines()[-1])
        show("threads", count, curve[count])
    return curve


def main() -> None:
    """Measure, print and write."""
    if _chosen.measure == "threads":
        print(json.dumps(point(BASE | {"N": 16})))
        return
    curves: dict[str, Any] = dict(sizes())
    if not _chosen.only or _chosen.only == "threads":
        curves["threads"] = threads()
    if _chosen.quick or _chosen.only:
        return
    where = environment() | {"threads": _chosen.threads} | _peers.versions()
    result = {"environment": where, "base": BASE, "threads_batch": 16, "curves": curves}
    print(f"written to {write_json('scaling', result).name}")


if __name__ == "__main__":
    main()
