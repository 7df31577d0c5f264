"""A model made ready to answer: everything that can be known before the first input is done.

`compile` rewrites and plans, once:

1. `exchange.optimize` folds batch normalisations into convolutions and applies what else pays.
2. A ReLU is done by the step before it, while the numbers are in the cache; a residual sum and its
   ReLU are one pass.
3. Each convolution gets its algorithm; what an algorithm makes of the filters (Winograd transforms
   them) is kept.
4. All activations get a place in one arena, as `cost.memory_plan` lays them out.

After that a call walks down a list of functions which have their arrays at hand; nothing of an
activation's size is allocated but the output.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from minicnn import exchange, nn, plan
from minicnn.cost.arena import run_step
from minicnn.cost.steps import trace
from minicnn.exchange.report import Report
from minicnn.inference.fusion import Fused, aligned_bytes, dtypes, fuse, layout
from minicnn.kernels import elementwise
from minicnn.kernels.elementwise import in_blocks
from minicnn.kernels.shapes import FloatArray
from minicnn.ops import _check

ARENA_BYTES = 2**26
"""A batch whose activations take more than this is worked through in pieces."""


class InferenceModel:
    """``fast(x)`` is ``model(x)`` to rounding error, for x of shape ``(N, *in_shape)``, any N.

    The weights are those at the time of `compile`: train on, and compile again. Calls from several
    threads wait for each other, as there is one arena.

    Attributes
    ----------
    model : the rewritten model that is computed.
    report : what `exchange.optimize` did to the original.
    in_shape : of one sample.
    algorithms : the convolutions' algorithms for one sample, by the name of their step.
    """

    def __init__(
        self, model: nn.Sequential, report: Report, in_shape: tuple[int, ...], algorithm: str
    ) -> None:
        self.model, self.report, self.in_shape = model, report, in_shape
        self.dtype = np.dtype(model.dtype or np.float32)
        self._algorithm = algorithm
        self._steps = fuse(trace(model, in_shape))
        self._lock = threading.Lock()
        self._prepared: dict[tuple[int, str], Any] = {}
        self._arena = np.empty(0, np.uint8)
        self._bound: dict[int, _Bound] = {}
        self._dtypes = dtypes(self._steps, self.dtype)
        self._sample_bytes = [
            math.prod(f.step.shape) * dtype.itemsize
            for f, dtype in zip(self._steps, self._dtypes, strict=True)
        ]
        self.batch = max(1, ARENA_BYTES // sum(self._sample_bytes))
        self.algorithms = {
            f.step.name: self._kernel(f.step.layer, (1, *self._shape_read(f)))[0]
            for f in self._steps
            if type(f.step.layer) is nn.Conv2d
        }
        with self._lock:
            self._bind(1)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the output for x (N, *in_shape), as a new array."""
        if not isinstance(x, np.ndarray) or x.dtype != self.dtype:
            given = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(
                f"x is {given}; this model was compiled for arrays of {self.dtype}. "
                f"Use np.asarray(x, np.{self.dtype})."
            )
        if x.shape[1:] != self.in_shape or len(x) == 0:
            raise ValueError(
                f"x has shape {x.shape}; this model was compiled for (N, "
                f"{', '.join(map(str, self.in_shape))}) with N at least 1. One sample? Use x[None]."
            )
        out = np.empty((len(x), *self._steps[-1].step.shape), self._dtypes[-1])
        with self._lock:
            for first in range(0, len(x), self.batch):
                piece = slice(first, min(first + self.batch, len(x)))
                bound = self._bind(piece.stop - piece.start)
                bound.activations[0][...] = x[piece]
                for call in bound.calls:
                    call()
                out[piece] = bound.activations[-1]
        return out

    @property
    def arena_bytes(self) -> int:
        """Size of the memory that all activations share, for the largest batch so far."""
        return self._arena.nbytes

    def __repr__(self) -> str:
        lines = [f"  {f.step.name}: {_describe(f, self.algorithms)}" for f in self._steps[1:]]
        return "\n".join([f"InferenceModel{self.in_shape}(", *lines, ")"])

    def _shape_read(self, fused: Fused) -> tuple[int, ...]:
        return self._steps[fused.step.reads[0]].step.shape

    def _bind(self, batch: int) -> _Bound:
        """Lay out the arena for a batch of that size, and give every step its arrays."""
        if batch in self._bound:
            return self._bound[batch]
        steps = [fused.step for fused in self._steps]
        sizes = [batch * size for size in self._sample_bytes]
        offsets, peak = layout(steps, sizes)
        if peak > self._arena.nbytes:
            self._arena = aligned_bytes(peak)
            self._bound.clear()  # they look into the old one
        elif len(self._bound) > 8:
            self._bound.clear()
        activations = []
        for step, offset, size, dtype in zip(steps, offsets, sizes, self._dtypes, strict=True):
            window = self._arena[offset : offset + size].view(dtype)
            activations.append(window.reshape(batch, *step.shape))
        calls = [
            self._call(fused, [activations[read] for read in fused.step.reads], out)
            for fused, out in zip(self._steps[1:], activations[1:], strict=True)
        ]
        self._bound[batch] = _Bound(activations, calls)
        return self._bound[batch]

    def _call(self, fused: Fused, inputs: list[FloatArray], y: FloatArray) -> Callable[[], None]:
        """Return the function that computes a step into y."""
        layer, x = fused.step.layer, inputs[0]
        if len(inputs) == 2:
            rows = [array.reshape(-1) for array in (*inputs, y)]
            return lambda: in_blocks(
                lambda b: elementwise.add(rows[0][b], rows[1][b], rows[2][b], fused.relu), y.size
            )
        if type(layer) is nn.Conv2d:
            return self._convolution(layer, x, y, fused.relu)
        if fused.relu:
            numbers = y.reshape(-1)

            def with_relu() -> None:
                run_step(fused.step, inputs, y)
                in_blocks(lambda b: elementwise.clamp(numbers[b], math.inf, numbers[b]), y.size)

            return with_relu
        return lambda: run_step(fused.step, inputs, y)

    def _convolution(
        self, layer: nn.Conv2d, x: FloatArray, y: FloatArray, relu: bool
    ) -> Callable[[], None]:
        name, kernel, window = self._kernel(layer, x.shape)
        w, bias = layer.weight.data, None if layer.bias is None else layer.bias.data
        how = {**window, "out": y}
        known = inspect.signature(kernel.forward).parameters
        if hasattr(kernel, "prepare"):
            key = id(layer), name
            if key not in self._prepared:
                self._prepared[key] = kernel.prepare(w, x_shape=x.shape, **window)
            how["prepared"] = self._prepared[key]
        if "relu" in known:
            return lambda: kernel.forward(x, w, **how, bias=bias, relu=relu)
        rows = y.reshape(y.shape[0] * y.shape[1], -1)
        some = np.zeros(len(w), w.dtype) if bias is None else bias

        def with_bias() -> None:
            kernel.forward(x, w, **how)
            step = max(1, elementwise.BLOCK // rows.shape[1])
            in_blocks(
                lambda b: elementwise.add_bias(rows, some, relu, b.start, b.stop), len(rows), step
            )

        return with_bias

    def _kernel(self, layer: nn.Conv2d, x_shape: Any) -> tuple[str, ModuleType, dict[str, Any]]:
        """Choose a convolution's algorithm, and write its window in the form that kernels take."""
        padding = _check.padding_pairs(
            layer.padding, "compile", (x_shape[2], x_shape[3]), layer.kernel_size, layer.stride,
            layer.dilation,
        )  # fmt: skip
        window, shapes = {**layer.geometry, "padding": padding}, (x_shape, layer.weight_shape)
        name = self._algorithm if layer.algorithm == "auto" else layer.algorithm
        if name != "auto":
            kernel = plan.get(name)
            if not hasattr(kernel, "supports") or kernel.supports(*shapes, **window):
                return name, kernel, window
        name = plan.choose(*shapes, **window)
        return name, plan.get(name), window


class _Bound(NamedTuple):
    """The arena's windows for one size of batch, and the functions that fill them."""

    activations: list[FloatArray]
    calls: list[Callable[[], None]]


def compile(model: nn.Layer, in_shape: Sequence[int], *, algorithm: str = "auto") -> InferenceModel:
    """Make a model ready for inference on samples of ``in_shape``; it is not changed itself.

    Parameters
    ----------
    in_shape
        Of one sample, without the batch axis.
    algorithm
        For convolutions whose layer says "auto": a name from ``plan.ALGORITHMS``, or "auto". Those
        that it cannot do are left to the rule of `plan.choose`.
    """
    if algorithm != "auto":
        plan.get(algorithm)
    sequence = model if isinstance(model, nn.Sequential) else nn.Sequential(model)
    rewritten, report = exchange.optimize(sequence, in_shape)
    return InferenceModel(rewritten.copy(), report, tuple(int(n) for n in in_shape), algorithm)


def _describe(fused: Fused, algorithms: dict[str, str]) -> str:
    text = "sum" if len(fused.step.reads) == 2 else type(fused.step.layer).__name__
    if fused.step.name in algorithms:
        text += f" by {algorithms[fused.step.name]}"
    return text + " + ReLU" * fused.relu
