"""A whole network answers, ours compiled beside ONNX Runtime and PyTorch.

    python benchmarks/inference.py                  # a minute; writes results/inference.json
    python benchmarks/inference.py --threads 1 --quick

One model, three programs: `minicnn.inference.compile` (ours), the file of `io.export_onnx` in ONNX
Runtime, and the same layers in PyTorch in both of its layouts. They take turns, round after round.
The ratio is ours to the best peer's, below 1 ours is faster. "plain" is our model as it is, without
folding, fusing or planning.
"""

from __future__ import annotations

import _peers

_options = _peers.parser(__doc__)
_args = _peers.settings(_options, None if __name__ == "__main__" else [])

import tempfile  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402
from _report import environment, write_json  # noqa: E402
from _torch_models import to_torch  # noqa: E402

from minicnn import inference, io, models, nn  # noqa: E402

ROUNDS = 40


class Case(NamedTuple):
    """A network and what it is given."""

    name: str
    build: Callable[[], nn.Sequential]
    x_shape: tuple[int, int, int, int]


CASES = [
    Case("ResNet-18", models.resnet18, (1, 3, 224, 224)),
    Case("small MobileNet", models.mobilenet_small, (1, 3, 32, 32)),
    Case("small MobileNet", models.mobilenet_small, (64, 3, 32, 32)),
    Case("ResNet-20", models.resnet_cifar, (64, 3, 32, 32)),
]


def onnx_call(model: nn.Sequential, x: np.ndarray) -> Callable[[], np.ndarray]:
    """Return ONNX Runtime's answer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        io.export_onnx(model, path, x.shape[1:])
        session = _peers.onnx_session(path.read_bytes(), _args.threads)
    return lambda: session.run(["y"], {"x": x})[0]


def torch_call(model: nn.Sequential, x: np.ndarray, channels_last: bool) -> Callable[[], Any]:
    """Return PyTorch's answer."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    twin = to_torch(model).to(memory_format=layout).eval()
    images = torch.from_numpy(x).contiguous(memory_format=layout)

    def call() -> Any:
        with torch.inference_mode():
            return twin(images).numpy()

    return call


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Return the row of a network."""
    model = case.build()
    x = np.random.default_rng(0).standard_normal(case.x_shape, dtype=np.float32)
    settle(model, x)
    compiled = inference.compile(model, x.shape[1:])
    candidates: dict[str, Callable[[], Any]] = {
        "minicnn": lambda: compiled(x),
        "plain": lambda: model(x),
    }
    if _peers.HAVE_ONNX:
        candidates["onnxruntime"] = onnx_call(model, x)
    if _peers.HAVE_TORCH:
        candidates["torch NCHW"] = torch_call(model, x, False)
        candidates["torch NHWC"] = torch_call(model, x, True)
    expected = model.astype(np.float64)(x.astype(np.float64))
    errors = {
        name: float(np.abs(call() - expected).max() / np.abs(expected).max())
        for name, call in candidates.items()
    }
    seconds = _peers.medians(candidates, rounds)
    peers = {name: s for name, s in seconds.items() if name != "plain"}
    return {
        "network": case.name,
        "x_shape": case.x_shape,
        "seconds": seconds,
        "ratio": _peers.ratio_to_best(peers),
        "errors": errors,
        "algorithms": compiled.algorithms,
        "arena_bytes": compiled.arena_bytes,
    }


def settle(model: nn.Sequential, x: np.ndarray) -> None:
    """Give the running statistics values as after training: activations keep their scale."""
    few = x[:2] if len(x) > 1 else np.concatenate([x, x[..., ::-1]])
    for _ in range(20):
        model.forward(few, training=True)
    model.forget()


def main() -> None:
    """Measure, print the table and write it."""
    rows = []
    for case in CASES:
        if _args.only in case.name:
            row = measure(case, 5 if _args.quick else ROUNDS)
            rows.append(row)
            times = "  ".join(f"{name} {1e3 * s:7.2f}" for name, s in row["seconds"].items())
            ratio = "" if row["ratio"] is None else f"ratio {row['ratio']:.2f}"
            print(f"{row['network']:<16} x{case.x_shape[0]:<3} {times} ms  {ratio}")
    if not (_args.quick or _args.only):
        where = environment() | {"threads": _args.threads} | _peers.versions()
        write_json("inference", {"environment": where, "rounds": ROUNDS, "rows": rows})


if __name__ == "__main__":
    main()
