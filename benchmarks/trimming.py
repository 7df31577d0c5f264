"""Half the channels of four networks leave: how much faster do they answer, and is that right?

    python benchmarks/trimming.py                 # some minutes; writes results/trimming.json
    python benchmarks/trimming.py --no-training   # times only, a minute

Times: the whole network, the same with as many weights set to zero as trimming takes out, and the
trimmed one take turns, round after round, on one core. "layers" is ``model(x)``, "compiled" is
`minicnn.inference.compile`. Weights are random: what they are does not change the time.

Errors: LeNet-5 on the whole of MNIST, for each seed trained, trimmed by half with each ranking, and
trained on; and a network of half the width trained from the start for as many epochs in all (Liu et
al. 2019). No choice is made by looking at the test images.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

import numpy as np
from _report import environment, write_json

import minicnn as mc
from minicnn import compress, inference, nn
from minicnn.kernels import threads

CHANNELS = 0.5
NETWORKS = {
    "lenet5": (1, 28, 28),
    "vgg_small": (3, 32, 32),
    "resnet_cifar": (3, 32, 32),
    "mobilenet_small": (3, 32, 32),
}
BATCHES = (1, 32)
ROUNDS = 21
EPOCHS, MORE, BATCH_SIZE, LEARNING_RATE = 4, 2, 128, 2e-3
RANKINGS = ("l1", "activation", "random")  # LeNet-5 has no normalisation to rank by


def network_times(name: str, rounds: int) -> dict[str, Any]:
    """Trim one network and time it beside the whole one and beside zeros."""
    in_shape = NETWORKS[name]
    whole = getattr(mc.models, name)(seed=0)
    trimmed, told = compress.trim(whole, channels=CHANNELS, in_shape=in_shape)
    share = 1 - told.after.params / told.before.params
    zeros, _ = compress.prune(whole, sparsity=share)
    row: dict[str, Any] = {
        "network": name,
        "params": [told.before.params, told.after.params],
        "flops": [told.before.flops, told.after.flops],
        "fewer_flops": round(told.before.flops / told.after.flops, 3),
        "speed": [],
    }
    models = {"whole": whole, "zeros": zeros, "trimmed": trimmed}
    compiled = {key: inference.compile(model, in_shape) for key, model in models.items()}
    for batch in BATCHES:
        x = np.random.default_rng(0).standard_normal((batch, *in_shape), dtype=np.float32)
        for way, runners in (("layers", models), ("compiled", compiled)):
            calls = {key: partial(run, x) for key, run in runners.items()}
            times = mc.cost.compare(calls, repeat=rounds, min_seconds=0.02)
            speedups = {key: round(value, 3) for key, value in times.speedups.items()}
            row["speed"].append(
                {
                    "run": way,
                    "batch": batch,
                    "seconds": {key: round(value, 9) for key, value in times.medians.items()},
                    "speedup": speedups,
                }
            )
            print(
                f"{name:<16}batch {batch:>2}  {way:<9}{row['fewer_flops']:5.2f} times fewer FLOPs, "
                f"{speedups['trimmed']:5.2f} times as fast; zeros {speedups['zeros']:.2f}",
                flush=True,
            )
    return row


def half_lenet5(seed: int) -> nn.Sequential:
    """Build the network that trimming half of LeNet-5 gives, with weights of its own."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 10, 5, seed=rng),
        nn.MaxPool2d(2),
        nn.Conv2d(10, 25, 5, seed=rng),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(25 * 16, 250, seed=rng),
        nn.ReLU(),
        nn.Linear(250, 10, seed=rng),
    )


def train(model: nn.Sequential, data: tuple[np.ndarray, ...], epochs: int, seed: int) -> None:
    """Train with Adam, a cosine schedule and shifted images."""
    steps = epochs * -(-len(data[0]) // BATCH_SIZE)
    mc.fit(
        model,
        data[:2],
        epochs=epochs,
        batch_size=BATCH_SIZE,
        optimizer=mc.optim.Adam(lr=mc.optim.Cosine(LEARNING_RATE, steps, warmup=steps // 20)),
        augment=partial(mc.data.random_shift, max_shift=2),
        seed=seed,
        progress=False,
    )


def seed_errors(seed: int, data: tuple[np.ndarray, ...]) -> dict[str, float]:
    """Return the test errors of one seed, by what was done."""

    def error(model: nn.Sequential) -> float:
        return round(float(mc.evaluate(model, data[2:]).error), 6)

    whole = mc.models.lenet5(seed=seed)
    train(whole, data, EPOCHS, seed)
    errors = {"whole": error(whole)}
    for by in RANKINGS:
        small, _ = compress.trim(whole, channels=CHANNELS, by=by, images=data[0][:512], seed=seed)
        errors[f"{by}, trimmed"] = error(small)
        train(small, data, MORE, 100 + seed)
        errors[f"{by}, trained on"] = error(small)
    narrow = half_lenet5(seed)
    train(narrow, data, EPOCHS + MORE, seed)
    errors["half as wide from the start"] = error(narrow)
    for what, value in errors.items():
        print(f"lenet5 seed {seed}  {what:<28} error {100 * value:.2f} %", flush=True)
    return errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-training", action="store_true", help="times only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    data = None
    if not arguments.no_training:
        try:
            data = mc.data.load("mnist")
        except mc.data.DataError as problem:
            print(f"The errors need the MNIST files.\n{problem}", file=sys.stderr)
            return 1
    result: dict[str, Any] = {"environment": environment(), "channels": CHANNELS, "threads": 1}
    default = threads.num_threads()
    threads.set_num_threads(1)
    result["times"] = [network_times(name, arguments.rounds) for name in NETWORKS]
    threads.set_num_threads(default)
    if data is not None:
        result["recipe"] = {
            "epochs": EPOCHS,
            "more": MORE,
            "batch_size": BATCH_SIZE,
            "optimizer": f"Adam, {LEARNING_RATE}, cosine schedule, a twentieth of warm-up",
        }
        result["errors"] = {}
        for seed in arguments.seeds:
            result["errors"][str(seed)] = seed_errors(seed, data)
            write_json("trimming", result)
    print(f"wrote {write_json('trimming', result)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
