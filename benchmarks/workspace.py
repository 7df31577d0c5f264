"""What every algorithm needs besides its input, filters and output.

    python benchmarks/workspace.py        # seconds; writes results/workspace.json

One layer, 3x3 at batch 16, 128 channels, 28x28 pixels (and the depthwise one of the same size). The
bytes are counted (`workspace_bytes`), and measured (`minicnn.cost.peak_bytes`: what Python and
NumPy had allocated at one time during the call, beyond an output that was there before). The bar:
no algorithm over 32 MB.
"""

from __future__ import annotations

import _peers

_chosen = _peers.settings(_peers.parser(__doc__), None if __name__ == "__main__" else [])

import numpy as np  # noqa: E402
from _report import environment, write_json  # noqa: E402

from minicnn import cost, ops, plan  # noqa: E402
from minicnn.tuning import Problem  # noqa: E402

BAR = 32 * 10**6
X = (16, 128, 28, 28)
LAYERS = {
    "3x3": Problem.of(X, (128, 128, 3, 3), padding=1),
    "depthwise 3x3": Problem.of(X, (128, 1, 3, 3), padding=1, groups=128),
}


def measure(problem: Problem, algorithm: str) -> dict[str, int | None]:
    """Count and measure the memory of one forward pass."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(problem.x_shape, dtype=np.float32)
    w = rng.standard_normal(problem.w_shape, dtype=np.float32)
    how = {**problem.window, "algorithm": algorithm}
    out = np.empty(ops.conv2d_out_shape(x.shape, w.shape, **problem.window), np.float32)
    counted = ops.conv2d_workspace(x.shape, w.shape, **how)
    return {
        "counted": counted,
        "measured": cost.peak_bytes(lambda: ops.conv2d(x, w, out=out, **how)),
    }


def main() -> None:
    """Measure every algorithm on every layer that it supports."""
    rows = []
    for layer, problem in LAYERS.items():
        for algorithm in problem.supporting:
            if _chosen.only not in algorithm:
                continue
            rows.append({"layer": layer, "algorithm": algorithm, **measure(problem, algorithm)})
            counted, measured = rows[-1]["counted"], rows[-1]["measured"]
            said = "does not say" if counted is None else f"{counted / 1e6:8.2f} MB"
            note = "  OVER THE BAR" if max(counted or 0, measured) > BAR else ""
            chosen = "  the rule's choice" if algorithm == problem.rule else ""
            print(
                f"{layer:<14} {algorithm:<10} counted {said:>12}, measured "
                f"{measured / 1e6:8.2f} MB{chosen}{note}"
            )
    x_bytes = 4 * int(np.prod(X))
    print(f"for comparison: x alone has {x_bytes / 1e6:.2f} MB; the bar is {BAR / 1e6:.0f} MB")
    if _chosen.quick or _chosen.only:
        return
    result = {
        "environment": environment() | {"threads": _chosen.threads},
        "x_shape": X,
        "x_bytes": x_bytes,
        "bar": BAR,
        "algorithms": list(plan.ALGORITHMS),
        "rows": rows,
    }
    print(f"written to {write_json('workspace', result).name}")


if __name__ == "__main__":
    main()
