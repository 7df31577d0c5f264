"""Compile every kernel before it is needed.

Numba compiles a function when it is first called with arguments of new types, and keeps the result
in a cache on disk. So the first use of each kernel is slow, once for each machine and version;
`warmup` has all first uses at one go, by doing a little of everything.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minicnn import inference, models, ops, optim
from minicnn.kernels.shapes import Shape4
from minicnn.tuning import Problem

DTYPES = ("float32", "float64")
CONVOLUTIONS: tuple[tuple[Shape4, Shape4, dict[str, Any]], ...] = (
    ((1, 16, 20, 20), (16, 16, 3, 3), {"padding": 1}),
    ((16, 16, 32, 32), (32, 16, 3, 3), {"padding": 1}),
    ((2, 3, 33, 33), (32, 3, 3, 3), {"padding": 1, "stride": 2}),
    ((1, 3, 40, 40), (8, 3, 7, 7), {"padding": 3, "stride": 2}),
    ((2, 8, 16, 16), (24, 8, 1, 1), {}),
    ((2, 8, 16, 16), (24, 8, 1, 1), {"stride": 2}),
    ((2, 8, 16, 16), (8, 8, 5, 5), {"padding": 4, "dilation": 2}),
    ((2, 8, 16, 16), (16, 4, 3, 3), {"padding": 1, "groups": 2}),
    ((2, 8, 16, 16), (8, 1, 3, 3), {"padding": 1, "groups": 8}),
    ((2, 8, 16, 16), (8, 1, 5, 5), {"padding": 2, "groups": 8, "stride": 2}),
    ((1, 1, 8, 8), (4, 1, 3, 3), {}),
)
"""Shapes of x and w that lead through all branches; small, for only the types count."""
NETWORKS: tuple[tuple[str, tuple[int, int, int], dict[str, int]], ...] = (
    ("lenet5", (1, 28, 28), {}),
    ("small_cnn", (1, 8, 8), {}),
    ("resnet_cifar", (3, 32, 32), {"depth": 8}),
    ("mobilenet_small", (3, 32, 32), {}),
)


class Job(NamedTuple):
    """Something small to do, with all kernels that it needs."""

    name: str
    run: Callable[[], object]


class Warm(NamedTuple):
    """What a warm-up came to: functions compiled, functions found in the cache, and the time."""

    compiled: int
    found: int
    seconds: float


def warmup(*, progress: bool | None = False) -> Warm:
    """Compile all kernels for float32 and float64, or find them in the cache.

    Parameters
    ----------
    progress
        Show a bar; None: where the output is a terminal.
    """
    from tqdm import tqdm

    start, before = time.perf_counter(), _counts()
    todo = list(jobs())
    bar = tqdm(
        todo, desc="warming up", unit="job", disable=None if progress is None else not progress
    )
    for job in bar:
        bar.set_postfix_str(job.name)
        job.run()
    compiled, found = (now - old for now, old in zip(_counts(), before, strict=True))
    return Warm(compiled, found, time.perf_counter() - start)


def jobs() -> Iterator[Job]:
    """All that `warmup` does: every algorithm on every shape, and training steps of networks."""
    for dtype in DTYPES:
        for x_shape, w_shape, how in CONVOLUTIONS:
            problem = Problem.of(x_shape, w_shape, **how, dtype=dtype)
            for name in problem.supporting:
                yield Job(f"{name} {dtype}", partial(_convolve, problem, name))
        yield Job(f"transposed {dtype}", partial(_transposed, dtype))
        yield Job(f"pooling and activations {dtype}", partial(_pooling, dtype))
        for name, in_shape, how in NETWORKS:
            yield Job(f"{name} {dtype}", partial(_train, name, in_shape, dtype, how))

    for x_shape, w_shape, how in CONVOLUTIONS:
        yield Job("int8", partial(_integers, x_shape, w_shape, how))


def functions() -> list[Any]:
    """Every function of the package that Numba compiles, of the modules loaded so far."""
    modules = [module for name, module in sys.modules.items() if name.startswith("minicnn.")]
    found = {
        id(value): value
        for module in modules
        for value in list(vars(module).values())
        if hasattr(value, "py_func") and hasattr(value, "stats")
    }
    return list(found.values())


def _counts() -> tuple[int, int]:
    """How many times a function was compiled, and how many times it was found in the cache."""
    stats = [function.stats for function in functions()]
    return (
        sum(sum(s.cache_misses.values()) for s in stats),
        sum(sum(s.cache_hits.values()) for s in stats),
    )


def _convolve(problem: Problem, algorithm: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(problem.x_shape).astype(problem.dtype)
    w = rng.standard_normal(problem.w_shape).astype(problem.dtype)
    how = {**problem.window, "algorithm": algorithm}
    y = ops.conv2d(x, w, np.zeros(len(w), w.dtype), **how)
    ops.conv2d_backward(y, x, w, **how)


def _transposed(dtype: str) -> None:
    x, w = np.ones((1, 8, 8, 8), dtype), np.ones((8, 4, 4, 4), dtype)
    y = ops.conv_transpose2d(x, w, stride=2, padding=1)
    ops.conv_transpose2d_backward(y, x, w, stride=2, padding=1)


def _pooling(dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(dtype)
    hows: tuple[dict[str, Any], ...] = (
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 8},
    )
    for activation in ("relu", "leaky_relu", "relu6", "sigmoid", "tanh"):
        y = getattr(ops, activation)(x)
        getattr(ops, f"{activation}_backward")(y, y)
    for how in hows:
        y, _ = ops.max_pool2d(x, **how, return_indices=True)
        ops.max_pool2d_backward(y, x, **how)
        ops.avg_pool2d_backward(ops.avg_pool2d(x, **how), x.shape, **how)


def _integers(x_shape: Shape4, w_shape: Shape4, how: dict[str, Any]) -> None:
    from minicnn.kernels import int8, requantize

    window = Problem.of(x_shape, w_shape, **how).window
    x, w = np.ones(x_shape, np.uint8), np.ones(w_shape, np.int8)
    sums = int8.forward(x, w, **window)
    for dtype in (np.uint8, np.int8):
        to = requantize.requantization(0.01, len(w), dtype=dtype)
        int8.forward_requantized(x, w, **window, to=to)
        requantize.requantize(sums, to)


def _train(name: str, in_shape: tuple[int, int, int], dtype: str, how: dict[str, int]) -> None:
    """Take a training step with each optimiser, then infer, plainly and compiled."""
    model = models.MODELS[name](in_shape=in_shape, dtype=np.dtype(dtype), **how)
    x = np.random.default_rng(0).random((4, *in_shape)).astype(dtype)
    labels = np.arange(4)
    optimizers = (
        optim.SGD(0.01),
        optim.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=1e-4),
        optim.AdaGrad(0.01),
        optim.RMSProp(0.01),
        optim.Adam(0.01),
        optim.AdamW(0.01),
    )
    for optimizer in optimizers:
        model.zero_grad()
        logits = model.forward(x, training=True)
        loss = partial(ops.softmax_cross_entropy_backward, logits, labels)
        model.backward_parameters(loss(label_smoothing=0.1))
        optim.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step(model.parameters())
    model.forget()
    compiled = inference.compile(model, in_shape)
    for batch in (x, x[:1]):
        model(batch)
        compiled(batch)
