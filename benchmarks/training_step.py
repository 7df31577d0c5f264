"""One step of training, ours beside PyTorch: forward, loss, backward, update.

    python benchmarks/training_step.py              # a minute; writes results/training_step.json
    python benchmarks/training_step.py --threads 1 --quick

Both start from the same weights, learn from the same batch of noise by stochastic gradient descent
with momentum, and take turns, round after round. PyTorch runs in both of its layouts, and the ratio
is to the faster of them: below 1 ours is faster. The losses of the first steps are compared.
"""

from __future__ import annotations

import _peers

_options = _peers.parser(__doc__)
_args = _peers.settings(_options, None if __name__ == "__main__" else [])

from collections.abc import Callable  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402
from _report import environment, write_json  # noqa: E402
from _torch_models import to_torch  # noqa: E402

from minicnn import models, nn, ops, optim  # noqa: E402

RATE, MOMENTUM = 1e-3, 0.9
ROUNDS, COMPARED = 25, 3


class Case(NamedTuple):
    """A network and a batch."""

    name: str
    build: Callable[[], nn.Sequential]
    x_shape: tuple[int, int, int, int]


CASES = [
    Case("LeNet-5", models.lenet5, (64, 1, 28, 28)),
    Case("ResNet-20", lambda: models.resnet_cifar(depth=20), (64, 3, 32, 32)),
]


def batch(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Draw images and labels."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(case.x_shape, dtype=np.float32), rng.integers(0, 10, case.x_shape[0])


def ours(case: Case) -> Callable[[], float]:
    """Return our step, as `fit` makes it; it gives the loss."""
    model, (x, y) = case.build(), batch(case)
    optimizer, parameters = optim.SGD(RATE, momentum=MOMENTUM), model.parameters()

    def step() -> float:
        model.zero_grad()
        logits = model.forward(x, training=True)
        loss = ops.softmax_cross_entropy(logits, y)
        model.backward_parameters(ops.softmax_cross_entropy_backward(logits, y))
        optimizer.step(parameters)
        return loss

    return step


def theirs(case: Case, channels_last: bool) -> Callable[[], float]:
    """Return PyTorch's step."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    images, labels = batch(case)
    x, y = torch.from_numpy(images).contiguous(memory_format=layout), torch.from_numpy(labels)
    model = to_torch(case.build()).to(memory_format=layout).train()
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=MOMENTUM)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Return the row of a network."""
    candidates = {"minicnn": ours(case)}
    if _peers.HAVE_TORCH:
        candidates["torch NCHW"] = theirs(case, False)
        candidates["torch NHWC"] = theirs(case, True)
    losses = {name: [step() for _ in range(COMPARED)] for name, step in candidates.items()}
    apart = max(
        abs(a - b) for own in losses.values() for a, b in zip(own, losses["minicnn"], strict=True)
    )
    seconds = _peers.medians(candidates, rounds)
    return {
        "network": case.name,
        "batch": case.x_shape[0],
        "seconds": seconds,
        "ratio": _peers.ratio_to_best(seconds),
        "losses_apart": apart,
    }


def main() -> None:
    """Measure, print the table and write it."""
    rows = []
    for case in CASES:
        if _args.only in case.name:
            row = measure(case, 5 if _args.quick else ROUNDS)
            rows.append(row)
            times = "  ".join(f"{name} {1e3 * s:7.2f}" for name, s in row["seconds"].items())
            ratio = "" if row["ratio"] is None else f"ratio {row['ratio']:.2f}"
            print(
                f"{row['network']:<10} {times} ms  {ratio}  losses {row['losses_apart']:.1e} apart"
            )
    if not (_args.quick or _args.only):
        where = environment() | {"threads": _args.threads} | _peers.versions()
        write_json("training_step", {"environment": where, "rounds": ROUNDS, "rows": rows})


if __name__ == "__main__":
    main()
