"""Quantisation of LeNet-5 on the whole of MNIST, and of a ResNet with batch normalisation.

    python benchmarks/quantisation_mnist.py              # writes results/quantisation_mnist.json
    python benchmarks/quantisation_mnist.py --model lenet5 --seeds 0

Each seed trains a float32 network. It is then quantised after training, in several ways, calibrated
on 256 training images; and again with training after (quantisation-aware: straight-through
gradients, learned steps). Errors are of the network that computes in integers, on the test images,
which no choice looks at; files are those of `compress.save`. The ResNet learns 26 letters of the
embedded glyphs, 6,000 images; each seed has its own, and its own 5,000 for the test. A run that
was stopped goes on where it was; ``--keep FOLDER`` keeps the float32 networks too.

The bars: 8 bits after training within 0.1 points of float32 on LeNet-5 and within 0.5 on the
ResNet; 4 bits with training within 0.5.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _report import RESULTS, environment, write_json

import minicnn as mc
from minicnn import compress

BATCH_SIZE = 128
RECIPES: dict[str, dict[str, Any]] = {
    "lenet5": {
        "epochs": 3, "lr": 2e-3, "qat_epochs": 1, "qat_images": 20_000, "qat_lr": 5e-4,
        "trained": ["4 bits", "3 bits", "2 bits", "4 bits, activations too"],
    },
    "resnet_cifar": {
        "epochs": 4, "lr": 4e-3, "qat_epochs": 4, "qat_images": 6000, "qat_lr": 2e-3, "depth": 8,
        "classes": 26, "trained": ["4 bits, biases corrected"],
        "after": ["8 bits", "8 bits, one step a layer", "4 bits", "4 bits, biases corrected"],
    },
}  # fmt: skip
AFTER: dict[str, dict[str, Any]] = {
    "8 bits": {},
    "8 bits, symmetric": {"symmetric": True},
    "8 bits, one step a layer": {"per": "tensor"},
    "8 bits, percentile": {"calibration": "percentile"},
    "8 bits, least squares": {"calibration": "mse"},
    **{f"{bits} bits": {"bits": bits, "calibration": "mse"} for bits in (6, 4, 3, 2)},
    "4 bits, biases corrected": {"bits": 4, "calibration": "mse", "correct_biases": True},
    "4 bits, one step a layer": {"bits": 4, "calibration": "mse", "per": "tensor"},
    "4 bits, activations too": {"bits": 4, "activation_bits": 4, "calibration": "mse"},
}
Data = tuple[np.ndarray, ...]


def load(name: str, seed: int) -> Data:
    """Return the data of a model."""
    if name == "lenet5":
        return mc.data.load("mnist")
    train = mc.data.glyphs(6000, task="letters", seed=2 * seed)
    return (*train, *mc.data.glyphs(5000, task="letters", seed=2 * seed + 1))


def train(
    model: mc.nn.Sequential,
    data: Sequence[np.ndarray],
    epochs: int,
    lr: float,
    seed: int,
    **how: Any,
) -> None:
    """Train with Adam, a cosine schedule and images shifted by up to a pixel."""
    steps = epochs * -(-len(data[0]) // BATCH_SIZE)
    schedule = mc.optim.Cosine(lr, steps, warmup=steps // 20)
    mc.fit(
        model, data[:2], epochs=epochs, batch_size=BATCH_SIZE, optimizer=mc.optim.Adam(schedule),
        augment=partial(mc.data.random_shift, max_shift=1), seed=seed, **how,
    )  # fmt: skip


def dense(name: str, seed: int, data: Data, keep: Path | None, progress: bool) -> mc.nn.Sequential:
    """Train the float32 network, or take it from where it was kept."""
    recipe, path = RECIPES[name], keep and keep / f"{name}_{seed}.mcnn"
    if path and path.exists():
        return mc.io.load(path)
    depth = {"depth": recipe["depth"]} if "depth" in recipe else {}
    classes = recipe.get("classes", 10)
    model = mc.models.MODELS[name]((1, 28, 28), num_classes=classes, seed=seed, **depth)
    train(model, data, recipe["epochs"], recipe["lr"], seed, progress=progress)
    if path:
        mc.io.save(model, path)
    return model


def row(model: mc.nn.Sequential, data: Data, float_bytes: int) -> dict[str, Any]:
    """Measure a network and its file."""
    size = len(compress.to_bytes(model))
    error = float(mc.evaluate(model, data[2:]).error)
    return {"error": round(error, 6), "file_bytes": size, "ratio": round(float_bytes / size, 2)}


def run(name: str, seed: int, known: dict[str, Any], keep: Path | None, progress: bool) -> None:
    """Fill `known` with what one seed gives."""
    recipe, data = RECIPES[name], load(name, seed)
    model = dense(name, seed, data, keep, progress)
    float_bytes = 4 * model.num_parameters
    images = data[0][:256]

    def note(key: str, network: mc.nn.Sequential) -> None:
        known[key] = row(network, data, float_bytes)
        told = known[key]
        print(
            f"{name:<13} seed {seed}  {key:<36} error {100 * told['error']:.2f} %  file "
            f"{told['file_bytes']:>9,} bytes, {told['ratio']:5.1f} times smaller",
            flush=True,
        )
        write_json("quantisation_mnist", _results)

    def train_on(network: mc.nn.Sequential) -> mc.nn.Sequential:
        some = [part[: recipe["qat_images"]] for part in data[:2]]
        train(network, some, recipe["qat_epochs"], recipe["qat_lr"], 100 + seed, progress=progress)
        return network

    if "float32" not in known:
        note("float32", model)
    for key in recipe.get("after", AFTER):
        quantised, _ = compress.quantize(model, images=images, **AFTER[key])
        if key not in known:
            note(key, quantised)
        if key == "8 bits" and "8 bits, integers only" not in known:
            note("8 bits, integers only", compress.to_integer(quantised))
    for key in recipe["trained"]:
        if f"{key}, trained" not in known:
            quantised, _ = compress.quantize(model, images=images, **AFTER[key])
            note(f"{key}, trained", compress.snap(train_on(quantised))[0])
    if "float32, trained on" not in known:
        note("float32, trained on", train_on(model))


_results: dict[str, Any] = {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=[*RECIPES], nargs="+", default=[*RECIPES])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--keep", type=Path, help="folder for the float32 networks")
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--afresh", action="store_true", help="forget the results that are there")
    arguments = parser.parse_args()
    path = RESULTS / "quantisation_mnist.json"
    if path.exists() and not arguments.afresh:
        _results.update(json.loads(path.read_text()))
    _results.update(
        environment=environment(),
        recipes=RECIPES,
        batch_size=BATCH_SIZE,
        optimizer="Adam, cosine schedule, a twentieth of warm-up",
    )
    runs = _results.setdefault("runs", {})
    try:
        for name in arguments.model:
            for seed in arguments.seeds:
                known = runs.setdefault(name, {}).setdefault(str(seed), {})
                run(name, seed, known, arguments.keep, arguments.progress)
    except mc.data.DataError as error:
        print(f"This benchmark needs the MNIST files.\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
