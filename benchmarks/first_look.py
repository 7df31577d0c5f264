"""The opening page's table: what each written technique gives, measured side by side in one run.

    python benchmarks/first_look.py        # half a minute; writes results/first_look.json

Every row compares a baseline with the technique on this machine: time as a paired ratio
(`minicnn.cost.compare`); parameters, operations and bytes counted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from _report import environment, write_json

import minicnn as mc
from minicnn import nn
from minicnn.kernels import im2col, loopnest, naive

SEED = 0
PLAIN: dict[str, Any] = {
    "stride": (1, 1),
    "padding": ((0, 0), (0, 0)),
    "dilation": (1, 1),
    "groups": 1,
}


def python_loops(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Convolve with the seven loops as the Python interpreter runs them."""
    N, _, H, W = x.shape
    K, C, R, S = w.shape
    y = np.zeros((N, K, H - R + 1, W - S + 1), x.dtype)
    for n, k, p, q in np.ndindex(y.shape):
        for c, r, s in np.ndindex(C, R, S):
            y[n, k, p, q] += x[n, c, p + r, q + s] * w[k, c, r, s]
    return y


def times_as_long(before: Callable[[], Any], after: Callable[[], Any], repeat: int) -> float:
    """How many times as long `before` takes as `after`, paired by round."""
    np.testing.assert_allclose(before(), after(), rtol=1e-3, atol=1e-3)
    measured = mc.cost.compare({"before": before, "after": after}, baseline="after", repeat=repeat)
    return measured.ratios["before"]


def same_time(before: Callable[[], Any], after: Callable[[], Any], repeat: int) -> float:
    """As `times_as_long`, for two networks that do not compute the same."""
    measured = mc.cost.compare({"before": before, "after": after}, baseline="after", repeat=repeat)
    return measured.ratios["before"]


def network(pool: bool) -> nn.Sequential:
    """Three convolutions, with two 2x2 max-pools or none."""
    shrink: Callable[[], nn.Layer] = (lambda: nn.MaxPool2d(2)) if pool else nn.Identity
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, seed=0), nn.ReLU(), shrink(),
        nn.Conv2d(16, 32, 3, padding=1, seed=1), nn.ReLU(), shrink(),
        nn.Conv2d(32, 32, 3, padding=1, seed=2), nn.ReLU(),
        nn.GlobalAvgPool2d(), nn.Flatten(), nn.Linear(32, 10, seed=3),
    )  # fmt: skip


def main() -> None:
    """Measure every row and write them."""
    rng = np.random.default_rng(SEED)
    rows = []

    def row(chapter: str, technique: str, baseline: str, quantity: str, ratio: float) -> None:
        rows.append({
            "chapter": chapter, "technique": technique, "baseline": baseline,
            "quantity": quantity, "ratio": ratio,
        })  # fmt: skip
        print(f"{technique:<46} {quantity:<18} 1/{ratio:.1f} of {baseline}")

    # The interpreter takes about a microsecond for each multiply-add: it gets a small layer.
    x = rng.standard_normal((1, 4, 12, 12), dtype=np.float32)
    w = rng.standard_normal((8, 4, 3, 3), dtype=np.float32)
    ratio = times_as_long(partial(python_loops, x, w), partial(naive.forward, x, w, **PLAIN), 5)
    row("one_layer.ipynb", "Seven loops, compiled", "the same loops in Python", "time", ratio)

    x = rng.standard_normal((4, 32, 30, 30), dtype=np.float32)
    w = rng.standard_normal((32, 32, 3, 3), dtype=np.float32)
    seven = partial(naive.forward, x, w, **PLAIN)
    ratio = times_as_long(seven, partial(im2col.forward, x, w, **PLAIN), 7)
    row("one_layer.ipynb", "One matrix product", "the compiled loops", "time", ratio)

    worst, best = loopnest.make("xyksrcn"), loopnest.make("nkcrsyx")
    ratio = times_as_long(partial(worst, x, w, **PLAIN), partial(best, x, w, **PLAIN), 5)
    row("kernel_exchange.ipynb", "The same loops in a good order", "a bad order", "time", ratio)

    dense = 32 * 28 * 28 * (16 * 28 * 28 + 1)
    conv = nn.Conv2d(16, 32, 3, padding=1, seed=SEED).num_parameters
    row("weight_sharing.ipynb", "A convolution, 16 to 32 maps of 28x28",
        "a dense layer between them", "parameters", dense / conv)  # fmt: skip

    wide, pooled = network(False), network(True)
    costs = [mc.cost.summary(model, (1, 28, 28)) for model in (wide, pooled)]
    images = rng.random((32, 1, 28, 28), dtype=np.float32)
    what, against = "Two 2x2 max-pools in a small network", "the network without them"
    row("spatial_compression.ipynb", what, against, "multiply-adds", costs[0].macs / costs[1].macs)
    ratio = same_time(lambda: wide(images), lambda: pooled(images), 9)
    row("spatial_compression.ipynb", what, against, "time", ratio)

    model = mc.models.resnet_cifar(seed=SEED)
    plan = mc.cost.memory_plan(model, (3, 32, 32))
    row("spatial_compression.ipynb", "One arena for all activations (ResNet-20)",
        "keeping every activation", "bytes", plan.naive_bytes / plan.peak_bytes)  # fmt: skip

    model = mc.models.mobilenet_small(seed=SEED)
    faster, report = mc.exchange.optimize(model, (3, 32, 32))
    if not report.agrees:
        raise SystemExit("optimize changed the outputs: nothing is written")
    images = rng.random((8, 3, 32, 32), dtype=np.float32)
    ratio = times_as_long(lambda: model(images), lambda: faster(images), 15)
    row("layer_exchange.ipynb", "Layers exchanged and folded (MobileNet)",
        "the network as trained", "time", ratio)  # fmt: skip

    write_json("first_look", {"seed": SEED, "environment": environment(), "rows": rows})


if __name__ == "__main__":
    main()
