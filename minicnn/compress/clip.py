"""Clipping: numbers that stick out are cut off, so that the rest can be written more finely.

A format of few bits spreads its steps over the whole range. One weight of 3 among thousands below
0.3 makes every step ten times as wide. Clipping trades a large error of the few for a small error
of the many.

References: Krizhevsky (2010), "Convolutional deep belief networks on CIFAR-10" (ReLU6); Choi et
al. (2018), "PACT: parameterized clipping activation for quantized neural networks".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn import nn
from minicnn.compress.observe import walk
from minicnn.compress.pipeline import check_model
from minicnn.compress.prune import prunable
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Layer, Shape
from minicnn.training.inputs import Data

ACTIVATIONS = ("relu6", "pact")
QUANTISED = (nn.QuantConv2d, nn.QuantLinear)


def clip(
    model: nn.Sequential,
    *,
    weights: float | None = None,
    activations: str | None = None,
    images: np.ndarray | None = None,
    keep: float = 0.999,
    in_shape: Shape | None = None,
    data: Data | None = None,
) -> tuple[nn.Sequential, Report]:
    """Bound weights, activations or both, now and in further training.

    Parameters
    ----------
    weights
        Limit in standard deviations of each layer's own weights (those that are not zero), such as
        3.0; a constraint (`nn.Range`) keeps it.
    activations
        "relu6" puts `nn.ReLU6` in the place of every `nn.ReLU`; "pact" puts `nn.PACT` there, whose
        limit learns.
    images
        A batch (N, C, H, W); each PACT then begins at the value below which the share ``keep`` of
        its positive inputs lies, otherwise at 6.

    Raises
    ------
    ValueError
        Nothing to do, an unknown activation, or numbers out of range.
    """
    check_model("clip", model)
    if weights is None and activations is None:
        raise ValueError(
            "weights and activations are both None; clip wants at least one. Use weights=3.0."
        )
    if weights is not None and not weights > 0:
        raise ValueError(f"weights is {weights}; clip wants a limit above 0. Use 3.0.")
    if activations not in (None, *ACTIVATIONS):
        raise ValueError(f'activations is {activations!r}; clip wants "relu6" or "pact".')
    if not 0 < keep <= 1:
        raise ValueError(f"keep is {keep}; clip wants a share above 0 and at most 1. Use 0.999.")
    new, changes = model.copy(), []
    if weights is not None:
        steps = {id(q.weight): q.steps for _, q in new.named_layers() if isinstance(q, QUANTISED)}
        for name, p in prunable(new).items():
            changes.append(_bound(name, p, weights, steps.get(id(p))))
    if activations is not None:
        limits = {} if images is None else _limits(new, images, keep)
        changes += _replace_relus(new, activations, limits, model.dtype or np.float32)
    return new, report("clip", model, new, changes, in_shape=in_shape, data=data)


def _bound(
    name: str, parameter: nn.Parameter, deviations: float, steps: np.ndarray | None
) -> Change:
    left = parameter.data[parameter.data != 0]
    if not left.size:
        return Change(name, "has no weight that is not zero")
    limit = float(deviations * np.sqrt(np.mean(left.astype(np.float64) ** 2)))
    cut = int((np.abs(left) > limit).sum())
    if steps is not None:  # a quantised layer's weights go to the last step within the limit
        last = np.where(steps < limit, np.floor(limit / steps) * steps, limit)
        np.clip(parameter.data, -last, last, out=parameter.data)
    parameter.constrain(nn.Range(-limit, limit))
    return Change(name, f"{cut:,} of {left.size:,} weights cut off at {limit:.3g}")


def _replace_relus(
    model: Layer, kind: str, limits: dict[int, float], dtype: Any, prefix: str = ""
) -> list[Change]:
    changes = []
    for name, child in model.children().items():
        if type(child) is nn.ReLU and type(model) is nn.Sequential:
            limit = limits.get(id(child), 6.0)
            new: Layer = nn.ReLU6() if kind == "relu6" else nn.PACT(limit, dtype=dtype)
            model.layers[int(name)] = new
            changes.append(Change(prefix + name, f"ReLU to {new!r}"))
        elif type(child) in (nn.Sequential, nn.Residual, nn.EarlyExits):
            changes += _replace_relus(child, kind, limits, dtype, f"{prefix}{name}.")
    return changes


def _limits(model: nn.Sequential, images: np.ndarray, keep: float) -> dict[int, float]:
    """Return the quantile of the positive inputs of every ReLU."""
    found: dict[int, float] = {}

    def visit(layer: Layer, x: np.ndarray) -> None:
        if type(layer) is nn.ReLU and (positive := x[x > 0]).size:
            found[id(layer)] = float(np.quantile(positive, keep))

    walk(model, images, visit)
    return found
