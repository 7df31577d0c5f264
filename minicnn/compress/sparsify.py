"""Sparsification after training: zeros in a pattern, under masks, and run as zeros.

A zero saves bytes in a file by itself. It saves time only if the kernel knows it: a convolution
with enough zeros is given to ``algorithm="sparse"`` (`kernels.sparse`), which stores and multiplies
the others only. What is enough, the break-even sparsity, depends on the layer and on how good the
dense kernel is; `break_even` measures it.

References: Mishra et al. (2021), "Accelerating sparse deep neural networks" (N:M); Gale et al.
(2020), "Sparse GPU kernels for deep learning"; Park et al. (2017), "Faster CNNs with direct sparse
convolutions and guided pruning".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn import nn, ops, plan
from minicnn.compress.pipeline import check_model
from minicnn.compress.proximal import chosen_weights
from minicnn.compress.prune import Sparsity, masks
from minicnn.compress.report import Change, Report, report
from minicnn.cost.steps import trace
from minicnn.cost.timer import compare
from minicnn.kernels.sparse_weights import compress
from minicnn.nn.layer import Shape
from minicnn.ops import _check
from minicnn.training.inputs import Data

PAYS = 0.85
"""Zeros from which a convolution runs sparsely, unless measured: about what 3×3 layers show."""


def sparsify(
    model: nn.Sequential,
    *,
    pattern: tuple[int, int] | None = None,
    sparsity: Sparsity | None = None,
    scope: str = "layer",
    pays: float | str = PAYS,
    in_shape: Shape | None = None,
    data: Data | None = None,
) -> tuple[nn.Sequential, Report]:
    """Make zeros, mask those and all zeros that are there, and run layers sparsely where it pays.

    Zeros come from ``pattern`` or ``sparsity``; with neither, they are those that training left
    (`ProximalL1`, `L0`, `prune`). Only plain convolutions without groups can run sparsely; linear
    layers and others keep their zeros and run densely.

    Parameters
    ----------
    pattern
        (n, m): of each m consecutive input channels (at each tap of each filter), or inputs of a
        linear layer, the n largest weights stay. Layers with fewer than m inputs stay as they are.
    sparsity, scope
        Share of zeros as in `prune`; by default the same in each layer.
    pays
        Share of zeros from which a convolution gets ``algorithm="sparse"``: a number, or "measure"
        to time each convolution with its own zeros against the dense kernel (needs ``in_shape``).

    Raises
    ------
    ValueError
        Both a pattern and a sparsity, an impossible pattern, or "measure" without ``in_shape``.
    """
    check_model("sparsify", model)
    if pattern is not None and sparsity is not None:
        raise ValueError(
            f"pattern is {pattern} and sparsity {sparsity}; sparsify wants at most one of them. "
            "Use pattern=(2, 4), or sparsity=0.9."
        )
    _check_pays(pays, in_shape)
    new = model.copy()
    layers = dict(new.named_layers())
    weights = chosen_weights(new)
    chosen: dict[str, np.ndarray] = {}
    if pattern is not None:
        n, m = check_pattern(pattern)
        for name, parameter in weights.items():
            axis = _inputs_axis(layers.get(name.rpartition(".")[0]))
            if axis is not None and parameter.shape[axis] >= m:
                chosen[name] = nm_mask(parameter.data, n, m, axis=axis)
    elif sparsity is not None:
        chosen = masks(weights, sparsity, scope)
    for name, parameter in weights.items():
        keep = (parameter.data != 0) & chosen.get(name, np.True_)
        if not keep.all():
            keep_only(parameter, keep)
    shapes = {} if in_shape is None else _shapes_read(new, in_shape)
    changes = []
    for name, parameter in weights.items():
        where = name.rpartition(".")[0]
        ran = _set_algorithm(layers.get(where), shapes.get(where), pays)
        changes.append(Change(name, f"{_describe(parameter.data)}{ran}"))
    return new, report("sparsify", model, new, changes, in_shape=in_shape, data=data)


def nm_mask(w: np.ndarray, n: int, m: int, *, axis: int = 1) -> np.ndarray:
    """Return which weights are among the n largest of each m consecutive ones along an axis.

    Ties go to those that come first; a last group that is shorter keeps up to n, too.
    """
    sizes = np.moveaxis(np.abs(w), axis, -1)
    count = sizes.shape[-1]
    short = [(0, 0)] * (w.ndim - 1) + [(0, -count % m)]
    groups = np.pad(sizes, short, constant_values=-1.0)
    groups = groups.reshape(*groups.shape[:-1], -1, m)
    rank = np.argsort(np.argsort(-groups, axis=-1, kind="stable"), axis=-1, kind="stable")
    keep = (rank < n).reshape(*sizes.shape[:-1], -1)[..., :count]
    return np.ascontiguousarray(np.moveaxis(keep, -1, axis))


def keep_only(parameter: nn.Parameter, keep: np.ndarray) -> None:
    """Put a mask on a parameter; weights that are zeroed leave the group that they were tied to."""
    rules = parameter.constraints
    parameter.constraints = [
        nn.Tied(np.where(keep, rule.group, -1)) if isinstance(rule, nn.Tied) else rule
        for rule in rules
    ]
    parameter.constrain(nn.Mask(keep))


def break_even(
    x_shape: tuple[int, int, int, int],
    w_shape: tuple[int, int, int, int],
    *,
    stride: Any = 1,
    padding: Any = 0,
    algorithm: str = "auto",
    repeat: int = 5,
) -> float:
    """Measure from which share of zeros on a convolution is quicker sparse than dense.

    Random zeros; the time is taken to be a straight line in the sparsity between 0.5, 0.8 and
    0.95, and beyond. 1.0 means never, 0.0 always.

    Parameters
    ----------
    algorithm
        The dense kernel to beat; "auto" is the choice of `plan`.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal(x_shape).astype(np.float32)
    w = rng.standard_normal(w_shape).astype(np.float32)
    chance = rng.random(w_shape)
    shares = (0.5, 0.8, 0.95)
    how = {"stride": stride, "padding": padding}
    calls = {str(s): _sparse_call(x, np.where(chance < s, np.float32(0), w), how) for s in shares}
    calls["dense"] = lambda: ops.conv2d(x, w, algorithm=algorithm, **how)
    ratios = compare(calls, baseline="dense", repeat=repeat).ratios
    return crossing(shares, [ratios[str(s)] for s in shares])


def crossing(sparsities: Any, ratios: Any, level: float = 1.0) -> float:
    """Return where the line through (sparsity, ratio) falls below a level, from 0 to 1.

    Between the two measured points round it, or along the first or last two.
    """
    s, r = list(map(float, sparsities)), list(map(float, ratios))
    i = next((i for i in range(1, len(s)) if r[i] <= level), len(s) - 1)
    if r[i] >= r[i - 1]:  # not falling: noise, or nothing gained
        return s[i] if r[i] <= level else 1.0
    found = s[i - 1] + (s[i] - s[i - 1]) * (r[i - 1] - level) / (r[i - 1] - r[i])
    return min(max(found, 0.0), 1.0)


def _sparse_call(x: np.ndarray, w: np.ndarray, how: dict[str, Any]) -> Callable[[], np.ndarray]:
    strides = _check.pair(how["stride"], "stride", "sparsify")
    hw, rs = (x.shape[2], x.shape[3]), (w.shape[2], w.shape[3])
    padding = _check.padding_pairs(how["padding"], "sparsify", hw, rs, strides, (1, 1))
    window: dict[str, Any] = {"stride": strides, "padding": padding}
    stored = compress(w)
    sparse = plan.get("sparse")
    return lambda: sparse.forward(x, stored, **window, dilation=(1, 1), groups=1)


def _set_algorithm(layer: nn.Layer | None, read: Shape | None, pays: float | str) -> str:
    """Choose how a layer runs, and say so."""
    if type(layer) is not nn.Conv2d or layer.groups > 1:
        return ""
    w = layer.weight.data
    zeros = 1 - np.count_nonzero(w) / w.size
    dense = "auto" if layer.algorithm == "sparse" else layer.algorithm
    if isinstance(pays, str):
        ratio = math.inf
        if read is not None and layer.dilation == (1, 1):
            how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding}
            x = np.zeros((1, *read), w.dtype)
            calls = {"dense": lambda: ops.conv2d(x, w, algorithm=dense, **how)}
            calls["sparse"] = _sparse_call(x, w, how)
            ratio = compare(calls, baseline="dense", repeat=5).ratios["sparse"]
        quicker, why = ratio < 1, f"measured: {ratio:.2f} of the dense time"
    else:
        quicker, why = bool(zeros >= pays and zeros > 0), f"sparse pays from {100 * pays:.0f} %"
    layer.algorithm = "sparse" if quicker else dense
    return f"; runs {'in CSR' if quicker else 'dense'} ({why})"


def _shapes_read(model: nn.Sequential, in_shape: Shape) -> dict[str, Shape]:
    steps = trace(model, in_shape)
    return {step.name: steps[step.reads[0]].shape for step in steps if step.reads}


def _inputs_axis(layer: nn.Layer | None) -> int | None:
    """Return the axis over which a layer's weights are summed, where N:M patterns lie."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return 1
    return 0 if isinstance(layer, nn.ConvTranspose2d) else None


def _describe(w: np.ndarray) -> str:
    left = int(np.count_nonzero(w))
    text = f"{left:,} of {w.size:,} weights left, {100 * (1 - left / w.size):.1f} % are zero"
    if w.ndim == 4 and left < w.size:
        text += f"; {compress(w).nbytes:,} bytes in CSR, {w.nbytes:,} dense"
    return text


def check_pattern(pattern: Any) -> tuple[int, int]:
    """Return (n, m), or say what a pattern is."""
    ok = isinstance(pattern, tuple | list) and len(pattern) == 2
    if not ok or not all(isinstance(i, int | np.integer) for i in pattern):
        raise TypeError(f"pattern is {pattern!r}; expected two whole numbers (n, m). Use (2, 4).")
    n, m = map(int, pattern)
    if not 1 <= n < m <= 256:
        raise ValueError(
            f"pattern is ({n}, {m}); sparsify wants 1 <= n < m <= 256: n of each m weights stay. "
            "Usual is (2, 4)."
        )
    return n, m


def _check_pays(pays: Any, in_shape: Shape | None) -> None:
    if isinstance(pays, str):
        if pays != "measure":
            raise ValueError(
                f'pays is {pays!r}; expected a share or "measure". Use pays=0.85, or "measure".'
            )
        if in_shape is None:
            raise ValueError(
                'pays is "measure" and in_shape None; sparsify wants to know how large images are. '
                "Give in_shape=(C, H, W)."
            )
    elif not 0 <= pays <= 1:
        raise ValueError(f"pays is {pays}; expected a share from 0 to 1. Use pays=0.85.")
