"""One convolutional layer at a time, ours beside PyTorch and ONNX Runtime, in one process.

    python benchmarks/conv_layers.py                # some minutes; writes results/conv_layers.json
    python benchmarks/conv_layers.py --threads 1 --quick

All candidates of a layer take turns, round after round; each gets a rest and one uncounted call
first, because the idle threads of the one before may still be spinning. Times are medians. The
ratio is ours to the best peer's: below 1 ours is faster. PyTorch is timed in both of its layouts,
ONNX Runtime going forward only. The error of each of ours is against PyTorch in float64, or against
our own loops in float64 without PyTorch, relative to the range of the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import _peers
from _peers import HAVE_ONNX, HAVE_TORCH, geometric_mean, medians, ratio_to_best

_parser = _peers.parser(__doc__)
_parser.add_argument("--pass", dest="passes", default="forward,backward")
_args = _peers.settings(_parser, None if __name__ == "__main__" else [])

import numpy as np  # noqa: E402
from _report import environment, write_json  # noqa: E402

from minicnn import cost, ops, plan  # noqa: E402


class Layer(NamedTuple):
    """A square image N x C x size x size, K square filters; transposed: w is (C, K, R, R)."""

    name: str
    N: int
    C: int
    size: int
    K: int
    R: int = 3
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    groups: int = 1
    transposed: bool = False


THREE_BY_THREE = [
    Layer(f"3x3 {N}x{C}x{size}x{size} to {K}", N, C, size, K)
    for N, C, size, K in (
        (1, 64, 56, 64),
        (1, 128, 28, 128),
        (1, 256, 14, 256),
        (1, 512, 7, 512),
        (8, 64, 56, 64),
        (16, 128, 28, 128),
        (1, 64, 224, 64),
    )
]
OTHERS = [
    Layer("7x7 stride 2", 1, 3, 224, 64, R=7, stride=2, padding=3),
    Layer("LeNet-5 first", 64, 1, 28, 20, R=5, padding=0),
    Layer("LeNet-5 second", 64, 20, 12, 50, R=5, padding=0),
    Layer("depthwise", 8, 128, 56, 128, groups=128),
    Layer("1x1", 8, 256, 28, 64, R=1, padding=0),
    Layer("3x3 stride 2", 8, 64, 56, 64, stride=2),
    Layer("3x3 dilation 2", 8, 64, 56, 64, padding=2, dilation=2),
    Layer("3x3 groups 32", 8, 128, 56, 128, groups=32),
    Layer("transposed 4x4 stride 2", 8, 64, 28, 32, R=4, stride=2, transposed=True),
]


def arguments(layer: Layer) -> dict[str, int]:
    """Return what both libraries call by the same names."""
    return {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}


def arrays(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Draw an image and filters that keep its scale."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((layer.N, layer.C, layer.size, layer.size), dtype=np.float32)
    first, second = (layer.C, layer.K) if layer.transposed else (layer.K, layer.C)
    w = rng.standard_normal((first, second // layer.groups, layer.R, layer.R), dtype=np.float32)
    return x, w / math.sqrt(layer.C // layer.groups * layer.R**2)


def ours(layer: Layer, x: np.ndarray, w: np.ndarray, dy: np.ndarray) -> dict[str, Callable]:
    """Return our two passes."""
    name = "conv_transpose2d" if layer.transposed else "conv2d"
    how = arguments(layer)
    return {
        "forward": lambda: getattr(ops, name)(x, w, **how),
        "backward": lambda: getattr(ops, f"{name}_backward")(dy, x, w, **how)[:2],
    }


def torch_passes(layer: Layer, x: Any, w: Any, dy: Any, channels_last: bool) -> dict[str, Callable]:
    """Return PyTorch's two passes; its backward is the operator that autograd calls."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    x, w, dy = (torch.from_numpy(a).contiguous(memory_format=layout) for a in (x, w, dy))
    two = {name: (value, value) for name, value in arguments(layer).items() if name != "groups"}
    how = (two["stride"], two["padding"], two["dilation"], layer.transposed, (0, 0), layer.groups)

    def forward() -> Any:
        with torch.no_grad():
            return torch.convolution(x, w, None, *how)

    def backward() -> Any:
        return torch.ops.aten.convolution_backward(dy, x, w, None, *how, (True, True, False))[:2]

    return {"forward": forward, "backward": backward}


def onnx_forward(layer: Layer, x: np.ndarray, w: np.ndarray) -> Callable:
    """Return ONNX Runtime's forward pass; the filters are constants, packed beforehand."""
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node(
        "ConvTranspose" if layer.transposed else "Conv",
        ["x", "w"],
        ["y"],
        strides=[layer.stride] * 2,
        pads=[layer.padding] * 4,
        dilations=[layer.dilation] * 2,
        group=layer.groups,
    )
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "layer",
        [value("x", TensorProto.FLOAT, x.shape)],
        [value("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = _peers.onnx_session(model.SerializeToString(), _args.threads)
    return lambda: session.run(["y"], {"x": x})[0]


def exact(layer: Layer, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the forward pass in float64."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    if HAVE_TORCH:
        return torch_passes(layer, x, w, x, channels_last=False)["forward"]().numpy()
    conv = ops.conv_transpose2d if layer.transposed else ops.conv2d
    return conv(x, w, **arguments(layer), algorithm="naive")


def measure(layer: Layer, rounds: int) -> list[dict[str, Any]]:
    """Return one row for each pass."""
    x, w = arrays(layer)
    expected = exact(layer, x, w)
    dy = np.random.default_rng(1).standard_normal(expected.shape, dtype=np.float32)
    mine = ours(layer, x, w, dy)
    error = np.abs(mine["forward"]() - expected).max() / np.abs(expected).max()
    candidates = {"minicnn": mine}
    if HAVE_TORCH:
        for name, channels_last in (("torch NCHW", False), ("torch NHWC", True)):
            candidates[name] = torch_passes(layer, x, w, dy, channels_last)
    if HAVE_ONNX:
        candidates["onnxruntime"] = {"forward": onnx_forward(layer, x, w)}
    smaller = x if layer.transposed else expected
    flops = 2 * w.size * smaller.size // (w.shape[0])
    rows = []
    for direction in _args.passes.split(","):
        calls = {name: own[direction] for name, own in candidates.items() if direction in own}
        seconds = medians(calls, rounds)
        rows.append(
            {
                "layer": layer.name,
                "pass": direction,
                "algorithm": None if layer.transposed else algorithm(layer, x, w),
                "seconds": seconds,
                "gflops": flops * (1 + (direction == "backward")) / seconds["minicnn"] / 1e9,
                "error": float(error) if direction == "forward" else None,
                "ratio": ratio_to_best(seconds),
            }
        )
    return rows


def algorithm(layer: Layer, x: np.ndarray, w: np.ndarray) -> str:
    """Name the kernel that the plan takes."""
    p = layer.padding
    pairs = {name: (getattr(layer, name),) * 2 for name in ("stride", "dilation")}
    return plan.choose(x.shape, w.shape, **pairs, padding=((p, p), (p, p)), groups=layer.groups)


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    times = "  ".join(f"{name} {1e3 * value:8.2f}" for name, value in row["seconds"].items())
    ratio = "" if row["ratio"] is None else f"ratio {row['ratio']:.2f}"
    print(f"{row['layer']:<26} {row['pass']:<8} {row['algorithm'] or '':<10} {times} ms  {ratio}")


def main() -> None:
    """Measure every layer, print the table and write it."""
    peak = _args.threads * cost.roofline("float32").peak
    print(f"peak of our micro-kernel on {_args.threads} thread(s): {peak:.0f} GFLOP/s")
    rows = []
    for layer in THREE_BY_THREE + OTHERS:
        if _args.only in layer.name:
            for row in measure(layer, rounds=5 if _args.quick else 25):
                show(row)
                rows.append(row)
    squares = {layer.name for layer in THREE_BY_THREE}
    summary = {
        "3x3 forward": [r for r in rows if r["pass"] == "forward" and r["layer"] in squares],
        "all forward": [r for r in rows if r["pass"] == "forward"],
        "all backward": [r for r in rows if r["pass"] == "backward"],
    }
    means = {name: geometric_mean(r["ratio"] for r in some) for name, some in summary.items()}
    worst = {
        name: max((r["ratio"] for r in some if r["ratio"] is not None), default=None)
        for name, some in summary.items()
    }
    for name, mean in means.items():
        if mean is not None:
            print(f"{name:<14} geometric mean of the ratios {mean:.2f}, worst {worst[name]:.2f}")
    if _args.quick or _args.only:
        return
    where = environment() | {"threads": _args.threads} | _peers.versions()
    write_json(
        "conv_layers",
        {
            "environment": where,
            "peak_gflops": peak,
            "rounds": 25,
            "rows": rows,
            "means": means,
            "worst": worst,
        },
    )


if __name__ == "__main__":
    main()
