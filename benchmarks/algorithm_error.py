"""Rounding errors of every convolution algorithm in float32, against the loops in float64.

    python benchmarks/algorithm_error.py            # a minute; writes results/algorithm_error.json
    python benchmarks/algorithm_error.py --dry-run  # print only

An error is the largest of an image, divided by the largest number of the exact answer, mean over
the seeds. Weights and pixels are normally distributed. The second table is about the points of
Winograd's algorithm: F(m x m, 3 x 3) with its matrices from `minicnn.kernels.cook_toom`, everything
in float32, sums over channels in NumPy. Nothing is timed, so the numbers are the same on every
machine but for the order in which its libraries add.
"""

from __future__ import annotations

import argparse

import numpy as np
from _report import environment, write_json
from numpy.lib.stride_tricks import sliding_window_view

from minicnn import ops, plan
from minicnn.kernels.cook_toom import Transforms, cook_toom, default_points

SIZE = 28
LAYERS = {  # channels, filters and taps
    "3x3, 16 channels": (16, 16, 3),
    "3x3, 64 channels": (64, 64, 3),
    "3x3, 256 channels": (256, 64, 3),
    "5x5, 64 channels": (64, 64, 5),
    "7x7, 64 channels": (64, 64, 7),
    "11x11, 64 channels": (64, 64, 11),
}
WHOLE = (0, 1, -1, 2, -2, 3, -3, 4, -4)
TILES = (2, 3, 4, 5, 6, 7, 8)


def arrays(C: int, K: int, taps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw an image and filters that keep its scale."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1, C, SIZE, SIZE), dtype=np.float32)
    w = rng.standard_normal((K, C, taps, taps), dtype=np.float32)
    return x, w / np.float32(taps * np.sqrt(C))


def relative(y: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest error over the largest answer."""
    return float(np.abs(y - exact).max() / np.abs(exact).max())


def layer_errors(C: int, K: int, taps: int, seed: int) -> dict[str, float]:
    """Return the error of each algorithm that can do the layer."""
    x, w = arrays(C, K, taps, seed)
    p = taps // 2
    how = {"stride": (1, 1), "padding": ((p, p), (p, p)), "dilation": (1, 1), "groups": 1}
    wide = x.astype(np.float64), w.astype(np.float64)
    exact = ops.conv2d(*wide, padding=p, algorithm="naive")
    return {
        name: relative(ops.conv2d(x, w, padding=p, algorithm=name), exact)
        for name in plan.supporting(x.shape, w.shape, **how)
    }


def by_tiles(x: np.ndarray, w: np.ndarray, transforms: Transforms) -> np.ndarray:
    """Convolve x (C, H, W) with w (K, C, r, r), in the dtype of x; no border, whole tiles only."""
    at, g, bt = transforms.arrays(x.dtype)
    m, n = at.shape
    tiles = sliding_window_view(x, (n, n), axis=(1, 2))[:, ::m, ::m]
    v = np.einsum("ai,cpqij,bj->abcpq", bt, tiles, bt, optimize=True)
    u = np.einsum("ai,kcij,bj->abkc", g, w, g, optimize=True)
    products = np.matmul(u, v.reshape(n, n, len(x), -1))
    y = np.einsum("ia,abkt,jb->ktij", at, products, at, optimize=True)
    rows, columns = tiles.shape[1:3]
    y = y.reshape(len(w), rows, columns, m, m).swapaxes(2, 3)
    return y.reshape(len(w), rows * m, columns * m)


def point_errors(m: int, seed: int) -> dict[str, float]:
    """Return the error of F(m x m, 3 x 3) with two choices of points."""
    x, w = arrays(64, 64, 3, seed)
    x = x[0]
    exact = ops.conv2d(x[None].astype(np.float64), w.astype(np.float64), algorithm="naive")[0]
    choices = {"whole numbers": WHOLE[: m + 1], "near 1": default_points(m + 1)}
    errors = {}
    for name, points in choices.items():
        y = by_tiles(x, w, cook_toom(m, 3, points))
        errors[name] = relative(y, exact[:, : y.shape[1], : y.shape[2]])
    return errors


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Average over the seeds, to three digits."""
    return {name: float(f"{np.mean([row[name] for row in rows]):.3g}") for name in rows[0]}


def main() -> None:
    """Print both tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--dry-run", action="store_true", help="print, but write no file")
    arguments = parser.parse_args()
    layers, tiles = {}, {}
    for name, sizes in LAYERS.items():
        layers[name] = mean([layer_errors(*sizes, seed) for seed in arguments.seeds])
        print(f"{name:<20}" + "".join(f"  {a} {e:.1e}" for a, e in layers[name].items()))
    for m in TILES:
        tiles[str(m)] = mean([point_errors(m, seed) for seed in arguments.seeds])
        print(
            f"F({m}, 3)             " + "".join(f"  {a} {e:.1e}" for a, e in tiles[str(m)].items())
        )
    if arguments.dry_run:
        return
    result = {
        "benchmark": "Rounding errors of the convolution algorithms, float32",
        "environment": environment(),
        "recipe": {
            "image": f"1 x C x {SIZE} x {SIZE}, normally distributed",
            "error": "largest error over the largest exact answer, mean over the seeds",
            "exact": "naive, in float64",
            "seeds": arguments.seeds,
            "points": {
                str(m): {
                    "whole numbers": [str(p) for p in WHOLE[: m + 1]],
                    "near 1": [str(p) for p in default_points(m + 1)],
                }
                for m in TILES
            },
        },
        "layers": layers,
        "tiles": tiles,
    }
    print(f"written to {write_json('algorithm_error', result).name}")


if __name__ == "__main__":
    main()
