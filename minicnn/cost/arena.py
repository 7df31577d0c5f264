"""Run a model in one block of memory, laid out by `minicnn.cost.memory_plan`.

Every activation is a window on the arena, and every layer is told to write its output into its
window. Nothing of an activation's size is allocated on the way: `tracemalloc` sees the arena, and
the workspace of the convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minicnn import nn, ops
from minicnn.cost.memory import MemoryPlan, memory_plan
from minicnn.cost.placement import ALIGNMENT
from minicnn.cost.steps import VIEWS, Step, trace

CHUNK = 2**14
"""Numbers that an elementwise layer works on at a time, so that its temporaries stay small."""


class ArenaRunner:
    """Inference in an arena: ``runner(x)`` equals ``model(x)`` bit for bit.

    The weights are the model's own, not copies; where they change, so does the answer. A runner
    belongs to one thread at a time.

    Parameters
    ----------
    model, in_shape, batch, inplace
        As in `memory_plan`; every call then takes `batch` inputs.

    Attributes
    ----------
    plan : the `MemoryPlan`.
    arena : the memory, ``plan.peak_bytes`` bytes.
    activations : for each step its window on the arena; a later step may have written over it.
    """

    def __init__(
        self, model: nn.Layer, in_shape: Sequence[int], *, batch: int = 1, inplace: bool = True
    ) -> None:
        self.plan: MemoryPlan = memory_plan(model, in_shape, batch=batch, inplace=inplace)
        self.arena = _aligned_bytes(self.plan.peak_bytes)
        dtype = model.dtype or np.dtype(np.float32)
        self.activations = [
            self.arena[a.offset : a.offset + a.bytes].view(dtype).reshape(a.shape)
            for a in self.plan.activations
        ]
        self._steps = trace(model, in_shape)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the model's output for x; the one array that is not in the arena."""
        image = self.activations[0]
        if x.shape != image.shape or x.dtype != image.dtype:
            raise ValueError(
                f"x is {x.dtype} {x.shape}; this arena was laid out for {image.dtype} "
                f"{image.shape}. Cut the data into such batches, or make another ArenaRunner."
            )
        image[...] = x
        for step, out in zip(self._steps, self.activations, strict=True):
            run_step(step, [self.activations[read] for read in step.reads], out)
        return self.activations[-1].copy()


def _aligned_bytes(size: int) -> np.ndarray:
    """Bytes that begin at a multiple of ALIGNMENT, as the offsets in them do."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    first = -raw.ctypes.data % ALIGNMENT
    return raw[first : first + size]


def run_step(step: Step, inputs: list[np.ndarray], out: np.ndarray) -> None:
    """Do one step of a plan: write what a layer, or a sum, makes of its inputs into ``out``."""
    layer = step.layer
    if len(inputs) == 2:
        np.add(inputs[0], inputs[1], out=out)
    elif layer is not None and type(layer) not in VIEWS:
        _WRITERS.get(type(layer), _copy)(layer, inputs[0], out)


# How each layer writes into memory that it is given ----------------------------------------------


def _conv(layer: nn.Conv2d, x: np.ndarray, out: np.ndarray) -> None:
    bias = None if layer.bias is None else layer.bias.data
    how = {**layer.geometry, "algorithm": layer.algorithm}
    ops.conv2d(x, layer.weight.data, bias, **how, out=out)


def _linear(layer: nn.Linear, x: np.ndarray, out: np.ndarray) -> None:
    bias = None if layer.bias is None else layer.bias.data
    ops.linear(x, layer.weight.data, bias, out=out)


def _max_pool(layer: nn.MaxPool2d, x: np.ndarray, out: np.ndarray) -> None:
    ops.max_pool2d(x, **layer.config(), out=out)


def _avg_pool(layer: nn.AvgPool2d, x: np.ndarray, out: np.ndarray) -> None:
    ops.avg_pool2d(x, **layer.config(), out=out)


def _global_avg_pool(_: nn.GlobalAvgPool2d, x: np.ndarray, out: np.ndarray) -> None:
    ops.global_avg_pool2d(x, out=out)


def _batch_norm(layer: nn.BatchNorm2d, x: np.ndarray, out: np.ndarray) -> None:
    gamma, beta = layer.weight.data, layer.bias.data
    mean, var = layer.running_mean, layer.running_var
    ops.batch_norm2d_inference(x, gamma, beta, mean, var, eps=layer.eps, out=out)


def _elementwise(layer: nn.Layer, x: np.ndarray, out: np.ndarray) -> None:
    flat_x, flat_out = x.reshape(-1), out.reshape(-1)
    for first in range(0, flat_x.size, CHUNK):
        chunk = slice(first, first + CHUNK)
        flat_out[chunk] = layer.forward(flat_x[chunk])


def _copy(layer: nn.Layer, x: np.ndarray, out: np.ndarray) -> None:
    """For layers that cannot write elsewhere: one output lives outside the arena for a moment."""
    out[...] = layer.forward(x)


_WRITERS: dict[type[nn.Layer], Callable[[Any, np.ndarray, np.ndarray], None]] = {
    nn.Conv2d: _conv,
    nn.Linear: _linear,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _avg_pool,
    nn.GlobalAvgPool2d: _global_avg_pool,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: _elementwise,
    nn.LeakyReLU: _elementwise,
    nn.ReLU6: _elementwise,
    nn.Sigmoid: _elementwise,
    nn.Tanh: _elementwise,
}
