"""3x3 layers in integers, beside our own float32 and ONNX Runtime's integers, in one process.

    python benchmarks/int8_conv.py                # a minute or two; writes results/int8_conv.json
    python benchmarks/int8_conv.py --threads 1 --quick

What is timed is a layer inside of a quantised network: uint8 comes in and uint8 goes out, so the
time is that of padding with the zero point, reordering, the sums in 32 bits, bias, requantisation
and ReLU; packing the filters, done once per model, is not in it. ONNX Runtime does the same layer
as QLinearConv, and the sums alone as ConvInteger. The bar: 1.5 times as fast as our float32
`implicit` (blocked im2col, the same sums). `auto` is what float32 really takes: on most of these
layers Winograd, with fewer multiplications.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import _peers

_chosen = _peers.settings(_peers.parser(__doc__), None if __name__ == "__main__" else [])

import numpy as np  # noqa: E402
from _report import environment, write_json  # noqa: E402
from conv_layers import THREE_BY_THREE, Layer  # noqa: E402

from minicnn import ops  # noqa: E402
from minicnn.kernels import int8, microkernel_int8, threads  # noqa: E402
from minicnn.kernels.requantize import requantization  # noqa: E402

BAR = 1.5
X_ZERO, Y_ZERO = 128, 0
X_SCALE, W_SCALE = 0.02, 0.005
WINDOW = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}


def onnx_layer(
    op: str, x: np.ndarray, constants: dict[str, np.ndarray], y_type: str
) -> Callable[[], np.ndarray]:
    """Return one layer of ONNX Runtime; all inputs but x are constants, packed beforehand."""
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node(op, ["x", *constants], ["y"], pads=[1] * 4, strides=[1] * 2)
    value = helper.make_tensor_value_info
    types = {np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.float32): TensorProto.FLOAT}
    graph = helper.make_graph(
        [node],
        "layer",
        [value("x", types[x.dtype], x.shape)],
        [value("y", getattr(TensorProto, y_type), None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = _peers.onnx_session(model.SerializeToString(), _chosen.threads)
    return lambda: session.run(["y"], {"x": x})[0]


def candidates(layer: Layer) -> dict[str, Callable[[], np.ndarray]]:
    """Return what is timed, on the same numbers."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (layer.N, layer.C, layer.size, layer.size), dtype=np.uint8)
    w = rng.integers(-127, 128, (layer.K, layer.C, 3, 3), dtype=np.int8)
    real_x = X_SCALE * (x.astype(np.float32) - X_ZERO)
    real_w = W_SCALE * w.astype(np.float32)
    sums = int8.forward(x, w, **WINDOW, x_zero_point=X_ZERO)
    y_scale = float(X_SCALE * W_SCALE * sums.max() / 255)
    bias = rng.integers(-1000, 1000, layer.K, dtype=np.int32)
    to = requantization(X_SCALE * W_SCALE / y_scale, layer.K, zero_point=Y_ZERO, relu=True)
    packed = int8.prepare(w)
    how = {**WINDOW, "x_zero_point": X_ZERO}
    calls: dict[str, Callable[[], np.ndarray]] = {
        "int8": lambda: int8.forward_requantized(x, packed, **how, to=to, bias=bias),
        "int8 sums": lambda: int8.forward(x, packed, **how),
        "implicit": lambda: ops.conv2d(real_x, real_w, padding=1, algorithm="implicit"),
        "auto": lambda: ops.conv2d(real_x, real_w, padding=1),
    }
    if _peers.HAVE_ONNX:
        zero_x, zero_w, zero_y = np.uint8(X_ZERO), np.int8(0), np.uint8(Y_ZERO)
        scales = [np.float32(scale) for scale in (X_SCALE, W_SCALE, y_scale)]
        names = ("x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "b")
        values = (scales[0], zero_x, w, scales[1], zero_w, scales[2], zero_y, bias)
        constants = {n: np.asarray(v) for n, v in zip(names, values, strict=True)}
        calls["QLinearConv"] = onnx_layer("QLinearConv", x, constants, "UINT8")
        few = {name: constants[name] for name in ("w", "x_zero", "w_zero")}
        calls["ConvInteger"] = onnx_layer("ConvInteger", x, few, "INT32")
        calls["ORT float32"] = onnx_layer("Conv", real_x, {"w": real_w}, "FLOAT")
    return calls


def differences(calls: dict[str, Callable[[], np.ndarray]]) -> dict[str, int]:
    """Compare the integers: sums are to be equal; bytes may be one apart, rounded otherwise."""
    pairs = {"sums": ("int8 sums", "ConvInteger"), "bytes": ("int8", "QLinearConv")}
    return {
        name: int(np.abs(calls[ours]().astype(np.int64) - calls[peer]()).max())
        for name, (ours, peer) in pairs.items()
        if peer in calls
    }


def measure(layer: Layer, rounds: int) -> dict[str, Any]:
    """Return one row."""
    calls = candidates(layer)
    seconds = _peers.medians(calls, rounds)
    products = layer.N * layer.K * layer.C * 9 * layer.size**2
    peer = seconds.get("QLinearConv")
    return {
        "layer": layer.name,
        "seconds": seconds,
        "differences": differences(calls),
        "gops": 2 * products / seconds["int8"] / 1e9,
        "speedup_implicit": seconds["implicit"] / seconds["int8"],
        "speedup_auto": seconds["auto"] / seconds["int8"],
        "ratio": seconds["int8"] / peer if peer else None,
    }


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    times = "  ".join(f"{name} {1e3 * value:.2f}" for name, value in row["seconds"].items())
    ratio = "" if row["ratio"] is None else f", ours / QLinearConv {row['ratio']:.2f}"
    print(f"{row['layer']:<26} {times} ms", row["differences"] or "")
    print(
        f"{'':<26} {row['gops']:.0f} Gop/s, {row['speedup_implicit']:.2f} times implicit, "
        f"{row['speedup_auto']:.2f} times auto{ratio}"
    )


def main() -> None:
    """Measure every layer, print the table and write it."""
    threads.set_num_threads(_chosen.threads)  # conv_layers, when imported, asked for all
    rounds = 5 if _chosen.quick else 25
    print(f"uint8 in, uint8 out; products by {microkernel_int8.WAY}")
    rows = []
    for layer in THREE_BY_THREE:
        if _chosen.only in layer.name:
            rows.append(measure(layer, rounds))
            show(rows[-1])
    keys = ("speedup_implicit", "speedup_auto", "ratio")
    means = {key: _peers.geometric_mean(row[key] for row in rows) for key in keys}
    worst = min((row["speedup_implicit"] for row in rows), default=None)
    print("geometric means", {key: mean and round(mean, 2) for key, mean in means.items()})
    print(f"worst speed-up over implicit {worst:.2f}; the bar is {BAR}" if worst else "no layer")
    if _chosen.quick or _chosen.only:
        return
    where = environment() | {"threads": _chosen.threads} | _peers.versions()
    result = {"environment": where, "rounds": rounds, "way": microkernel_int8.WAY, "bar": BAR}
    write_json("int8_conv", {**result, "rows": rows, "means": means, "worst": worst})


if __name__ == "__main__":
    main()
