"""From which sparsity on do sparse 3x3 filters pay? Ours beside our dense kernels, in one process.

    python benchmarks/sparse_conv.py              # some minutes; writes results/sparse_conv.json
    python benchmarks/sparse_conv.py --threads 1 --quick

Weights are set to zero at random, as many as each column says, and the layer is timed with what is
left (CSR, prepared once). Dense is timed twice: `implicit`, the same sums, and `auto`, what the
plan takes, on most of these layers Winograd with fewer multiplications. The break-even sparsity is
where the straight line between two measured sparsities meets the dense time; below 1 / 2, where
nothing was measured, the line is drawn on. The bar: 0.8 against `auto`. The last rows are of 2:4
and 1:4 filters, of which N of 4 consecutive channels are left.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable
from typing import Any

import _peers

_chosen = _peers.settings(_peers.parser(__doc__), None if __name__ == "__main__" else [])

import numpy as np  # noqa: E402
from _report import environment, write_json  # noqa: E402
from conv_layers import THREE_BY_THREE, Layer, arrays  # noqa: E402

from minicnn import ops, plan  # noqa: E402
from minicnn.kernels import sparse, threads  # noqa: E402
from minicnn.kernels.sparse_weights import compress, compress_nm  # noqa: E402

BAR = 0.8
SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
WINDOW = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}


def candidates(layer: Layer) -> dict[str, Callable[[], np.ndarray]]:
    """Return the dense kernels and one sparse call for each sparsity and pattern."""
    x, w = arrays(layer)
    chance = np.random.default_rng(1).random(w.shape)
    order = chance.reshape(layer.K, -1, 4, 3, 3).argsort(axis=2).argsort(axis=2).reshape(w.shape)
    filters: dict[str, Any] = {}
    for share in SPARSITIES:
        filters[f"{share}"] = compress(np.where(chance < share, np.float32(0), w))
    for n in (2, 1):
        filters[f"{n}:4"] = compress_nm(np.where(order < n, w, np.float32(0)), n, 4)
    calls: dict[str, Callable[[], np.ndarray]] = {
        name: lambda name=name: ops.conv2d(x, w, padding=1, algorithm=name)
        for name in ("implicit", "auto")
    }
    for name, given in filters.items():
        calls[name] = lambda given=given: sparse.forward(x, given, **WINDOW)
    return calls


def break_even(seconds: dict[str, float], dense: float) -> float | None:
    """Interpolate the sparsity at which the sparse kernel takes as long as the dense one."""
    points = [(share, seconds[f"{share}"]) for share in SPARSITIES]
    if points[-1][1] > dense:
        return None
    pairs = list(itertools.pairwise(points))
    (a, slow), (b, fast) = next((pair for pair in pairs if pair[1][1] <= dense), pairs[-1])
    return max(0.0, a + (b - a) * (slow - dense) / max(slow - fast, 1e-12))


def measure(layer: Layer, rounds: int) -> dict[str, Any]:
    """Return one row."""
    seconds = _peers.medians(candidates(layer), rounds)
    x_shape = (layer.N, layer.C, layer.size, layer.size)
    products = layer.N * layer.K * layer.C * 9 * layer.size**2
    return {
        "layer": layer.name,
        "auto": plan.choose(x_shape, (layer.K, layer.C, 3, 3), **WINDOW),
        "seconds": seconds,
        "gflops_at_half": products / seconds["0.5"] / 1e9,
        "break_even_implicit": break_even(seconds, seconds["implicit"]),
        "break_even_auto": break_even(seconds, seconds["auto"]),
    }


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    times = "  ".join(f"{name} {1e3 * value:.2f}" for name, value in row["seconds"].items())
    found = {name: row[f"break_even_{name}"] for name in ("implicit", "auto")}
    even = [f"{n} {'never' if share is None else f'{share:.2f}'}" for n, share in found.items()]
    print(f"{row['layer']:<26} {times} ms")
    print(f"{'':<26} break-even against {', '.join(even)} ({row['auto']})")


def main() -> None:
    """Measure every layer, print the table and write it."""
    threads.set_num_threads(_chosen.threads)  # conv_layers, when imported, asked for all
    rounds = 3 if _chosen.quick else 15
    rows = []
    for layer in THREE_BY_THREE:
        if _chosen.only in layer.name:
            rows.append(measure(layer, rounds))
            show(rows[-1])
    keys = ("break_even_implicit", "break_even_auto")
    known = {key: [row[key] for row in rows if row[key] is not None] for key in keys}
    means = {key: statistics.mean(shares) if shares else None for key, shares in known.items()}
    print("means", {key: None if mean is None else round(mean, 2) for key, mean in means.items()})
    shares = {row["layer"]: row["break_even_auto"] for row in rows}
    above = [layer for layer, share in shares.items() if share is None or share > BAR]
    print(f"above the bar of {BAR} against auto: {', '.join(above) or 'none'}")
    if _chosen.quick or _chosen.only:
        return
    where = environment() | {"threads": _chosen.threads} | _peers.versions()
    result = {"environment": where, "rounds": rounds, "sparsities": SPARSITIES, "bar": BAR}
    write_json("sparse_conv", {**result, "rows": rows, "means": means, "above": above})


if __name__ == "__main__":
    main()
