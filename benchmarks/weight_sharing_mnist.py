"""Dense, locally connected and convolutional layers on MNIST: accuracy by number of images.

Writes ``results/weight_sharing_mnist.json``, in about four minutes of CPU time. Three networks have
the same numbers of units; only what joins them differs. A fourth, convolutional and four times as
wide, spends a part of what sharing saves. Each gets the best of four learning rates, chosen on
training images that are used for nothing else; the test images choose nothing. Run it with
``python benchmarks/weight_sharing_mnist.py``; ``MINICNN_DATA`` may name a folder with the files.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from _report import environment, write_json

import minicnn as mc
from minicnn import nn

WIDTHS = {
    "dense": (4, 8),
    "local": (4, 8),
    "convolution": (4, 8),
    "wide convolution": (16, 32),
}
KINDS = tuple(WIDTHS)
SIZES = (100, 400, 1600, 6400)
STEPS = 400
BATCH_SIZE = 32
RATES = (0.001, 0.003, 0.01, 0.03)
MOVES = {"as they are": 0, "moved": 4}  # pixels
CHOOSING = {"images": 1600, "validation": 2000, "seed": 100}

Data = tuple[np.ndarray, np.ndarray]


def network(kind: str, seed: int, size: int = 28) -> nn.Sequential:
    """Two layers of one kind, each with a ReLU and half the side of its input, then ten scores."""
    rng, model, channels = np.random.default_rng(seed), nn.Sequential(), 1
    for width in WIDTHS[kind]:
        window = {"stride": 2, "padding": 2, "seed": rng}
        half = (size + 1) // 2
        if "convolution" in kind:
            model.append(nn.Conv2d(channels, width, 5, **window))
        elif kind == "local":
            model.append(nn.LocallyConnected2d(channels, width, size, 5, **window))
        else:
            model.append(nn.Flatten())
            model.append(nn.Linear(channels * size**2, width * half**2, seed=rng))
        model.append(nn.ReLU())
        channels, size = width, half
    return nn.Sequential(*model, nn.Flatten(), nn.Linear(channels * size**2, 10, seed=rng))


def train(kind: str, data: Data, rate: float, seed: int) -> nn.Sequential:
    """Make STEPS steps, whatever the number of images."""
    model = network(kind, seed)
    mc.fit(
        model,
        data,
        epochs=round(STEPS / -(-len(data[0]) // BATCH_SIZE)),
        batch_size=BATCH_SIZE,
        optimizer=mc.optim.Adam(lr=mc.optim.Cosine(rate, STEPS)),
        seed=seed,
        progress=False,
    )
    return model


def moved(x: np.ndarray, by: int, seed: int) -> np.ndarray:
    """Each image at a random place, up to `by` pixels off."""
    return mc.data.random_shift(x, np.random.default_rng(seed), max_shift=by) if by else x


def some(data: Data, count: int, seed: int) -> Data:
    """Draw `count` images without repetition."""
    chosen = np.random.default_rng([seed, count]).permutation(len(data[0]))[:count]
    return data[0][chosen], data[1][chosen]


def best_rate(kind: str, pool: Data, validation: Data) -> float:
    """Return the learning rate that does best on the validation images."""
    seed = CHOOSING["seed"]
    data = some(pool, CHOOSING["images"], seed)
    errors = {r: mc.evaluate(train(kind, data, r, seed), validation).error for r in RATES}
    return min(RATES, key=lambda rate: errors[rate])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--dry-run", action="store_true", help="print, but write no file")
    arguments = parser.parse_args()
    try:
        x, y, x_test, y_test = mc.data.load("mnist")
    except mc.data.DataError as error:
        print(f"This benchmark needs the MNIST files.\n{error}", file=sys.stderr)
        return 1

    start, kept = time.process_time(), CHOOSING["validation"]
    rates: dict[str, dict[str, float]] = {}
    accuracy: dict[str, dict[str, dict[str, list[float]]]] = {}
    for name, by in MOVES.items():
        place = moved(x, by, 0)
        pool, validation = (place[kept:], y[kept:]), (place[:kept], y[:kept])
        test = (moved(x_test, by, 1), y_test)
        rates[name] = {kind: best_rate(kind, pool, validation) for kind in KINDS}
        accuracy[name] = {kind: {} for kind in KINDS}
        for size in SIZES:
            for kind in KINDS:
                results = [
                    mc.evaluate(train(kind, some(pool, size, s), rates[name][kind], s), test)
                    for s in arguments.seeds
                ]
                accuracy[name][kind][str(size)] = [round(r.accuracy, 6) for r in results]
                print(f"{name}, {size} images, {kind}: {accuracy[name][kind][str(size)]}")
    result = {
        "benchmark": "Weight sharing on MNIST",
        "environment": environment(),
        "recipe": {
            "layers": "two, 5x5 windows, stride 2, padding 2, ReLU; then Linear",
            "maps": WIDTHS,
            "parameters": {kind: network(kind, 0).num_parameters for kind in KINDS},
            "multiply_adds": {
                kind: mc.cost.summary(network(kind, 0), (1, 28, 28)).macs for kind in KINDS
            },
            "test_images": len(x_test),
            "seeds": arguments.seeds,
            "steps": STEPS,
            "batch_size": BATCH_SIZE,
            "optimizer": f"Adam(lr=Cosine(learning_rate, steps={STEPS}))",
            "learning_rates_tried": RATES,
            "learning_rate": rates,
            "learning_rate_chosen_on": CHOOSING,
            "moved_by_up_to_pixels": MOVES,
        },
        "accuracy": accuracy,
        "cpu_seconds": round(time.process_time() - start),
    }
    print(f"{result['cpu_seconds']} s of CPU time")
    if not arguments.dry_run:
        print(f"written to {write_json('weight_sharing_mnist', result).name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
