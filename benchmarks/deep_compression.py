"""Deep Compression of LeNet-300-100 and LeNet-5 on the whole of MNIST: prune, cluster, Huffman.

    python benchmarks/deep_compression.py              # writes results/deep_compression.json
    python benchmarks/deep_compression.py --model lenet_300_100 --seeds 0

Each seed trains a dense network, then for each sparsity prunes it little by little while it trains
on, gives what is left a few shared values, trains these, and writes the compact file. Ratios are
bytes of the float32 weights over bytes of that file on the disk, with all that is needed to load
it. No choice is made by looking at the test images: every network in the table is the one after
its last epoch. A run that was stopped goes on where it was.

Compare Han et al. (2015), table 1, and Han et al. (2016), table 1: LeNet-300-100 12 times fewer
weights and 40 times fewer bytes at an error of 1.6 %, LeNet-5 12 and 39 times at 0.8 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _report import RESULTS, environment, write_json

import minicnn as mc
from minicnn import compress

BATCH_SIZE = 128
RECIPES: dict[str, dict[str, Any]] = {
    "lenet_300_100": {
        "dense": 12, "prune": 12, "share": 3, "lr": 2e-3, "max_shift": 1, "bits": 4,
        "sparsities": [0.92, 0.95, 0.97, 0.98, 0.99],
    },
    "lenet5": {
        "dense": 4, "prune": 4, "share": 1, "lr": 2e-3, "max_shift": 2, "bits": 4,
        "sparsities": [0.92, 0.98, 0.99],
    },
}  # fmt: skip
Data = tuple[np.ndarray, ...]


def train(
    model: mc.nn.Sequential, data: Data, epochs: int, lr: float, seed: int, **how: Any
) -> None:
    """Train with Adam, a cosine schedule and shifted images."""
    max_shift, hooks = how.pop("max_shift"), how.pop("hooks", ())
    steps = epochs * -(-len(data[0]) // BATCH_SIZE)
    mc.fit(
        model,
        data[:2],
        epochs=epochs,
        batch_size=BATCH_SIZE,
        optimizer=mc.optim.Adam(lr=mc.optim.Cosine(lr, steps, warmup=steps // 20)),
        augment=partial(mc.data.random_shift, max_shift=max_shift),
        hooks=hooks,
        seed=seed,
        **how,
    )


def stage(name: str, model: mc.nn.Sequential, data: Data) -> dict[str, Any]:
    """Write the file, load it again, and measure what was loaded."""
    dense_bytes = 4 * model.num_parameters
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mcnp"
        size = compress.save(model, path)
        assert size == path.stat().st_size
        loaded = compress.load(path)
    error = mc.evaluate(loaded, data[2:]).error
    weights = [p.data for p in loaded.parameters().values()]
    nonzero = sum(int(np.count_nonzero(w)) for w in weights)
    return {
        "stage": name,
        "error": round(float(error), 6),
        "nonzero": nonzero,
        "fewer_weights": round(sum(w.size for w in weights) / nonzero, 2),
        "file_bytes": size,
        "ratio": round(dense_bytes / size, 2),
    }


def run(name: str, seed: int, data: Data, known: dict[str, Any], progress: bool) -> None:
    """Fill `known` with the stages of one seed, sparsity by sparsity."""
    recipe = RECIPES[name]
    how = {"max_shift": recipe["max_shift"], "progress": progress}
    dense = getattr(mc.models, name)(seed=seed)
    train(dense, data, recipe["dense"], recipe["lr"], seed, **how)
    known["dense"] = stage("dense", dense, data)
    show(name, seed, known["dense"])
    steps = recipe["prune"] * -(-len(data[0]) // BATCH_SIZE)
    for sparsity in recipe["sparsities"]:
        if str(sparsity) in known:
            continue
        pruned = dense.copy()
        # The last third of training comes after the last pruning.
        hook = compress.GradualPruning(sparsity, initial=0.5, end=2 * steps // 3, every=20)
        train(pruned, data, recipe["prune"], recipe["lr"], 100 + seed, hooks=[hook], **how)
        shared, _ = compress.cluster(pruned, bits=recipe["bits"], biases=True)
        train(shared, data, recipe["share"], recipe["lr"] / 10, 200 + seed, **how)
        stages = [stage("pruned", pruned, data), stage("compressed", shared, data)]
        known[str(sparsity)] = stages
        for row in stages:
            show(f"{name} {sparsity}", seed, row)
        write_results()


_results: dict[str, Any] = {}


def write_results() -> None:
    """Write what there is."""
    write_json("deep_compression", _results)


def show(name: str, seed: int, row: dict[str, Any]) -> None:
    print(
        f"{name:<20} seed {seed}  {row['stage']:<10} error {100 * row['error']:.2f} %  "
        f"{row['fewer_weights']:7.1f} times fewer weights  file {row['file_bytes']:>9,} bytes, "
        f"{row['ratio']:6.1f} times smaller",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=[*RECIPES], nargs="+", default=[*RECIPES])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--afresh", action="store_true", help="forget the results that are there")
    arguments = parser.parse_args()
    try:
        data = mc.data.load("mnist")
    except mc.data.DataError as error:
        print(f"This benchmark needs the MNIST files.\n{error}", file=sys.stderr)
        return 1
    path = RESULTS / "deep_compression.json"
    if path.exists() and not arguments.afresh:
        _results.update(json.loads(path.read_text()))
    _results.update(
        environment=environment(),
        recipes=RECIPES,
        batch_size=BATCH_SIZE,
        optimizer="Adam, cosine schedule, a twentieth of warm-up",
    )
    runs = _results.setdefault("runs", {})
    for name in arguments.model:
        for seed in arguments.seeds:
            known = runs.setdefault(name, {}).setdefault(str(seed), {})
            wanted = {"dense", *map(str, RECIPES[name]["sparsities"])}
            if wanted - known.keys():
                run(name, seed, data, known, arguments.progress)
    write_results()
    return 0


if __name__ == "__main__":
    sys.exit(main())
