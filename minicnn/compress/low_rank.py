"""Low rank: a layer that maps through fewer numbers is two thinner layers.

A linear layer (out, in) of rank r is a map to r numbers and one from there. A filter bank has four
axes, so there are more ways to be thin::

    "svd"        linear, 1×1:  (K, C)        ≈  (K, r) (r, C)
    "separable"  R×S:  a column filter C → r, R×1, then a row filter r → K, 1×S
    "tucker"     R×S:  1×1 to fewer channels C → a, R×S a → b, 1×1 b → K

Each is the best of its rank in the sum of squares (svd, separable; Eckart and Young 1936) or
close to it (tucker: the higher-order SVD). Zero padding passes through, as no first factor has a
bias.

References: Denton et al. (2014), "Exploiting linear structure within convolutional networks";
Jaderberg et al. (2014), "Speeding up convolutional neural networks with low rank expansions";
Kim et al. (2016), "Compression of deep convolutional neural networks for fast and low power
mobile applications" (Tucker-2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minicnn import nn
from minicnn.compress.pipeline import check_model
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Layer, Shape
from minicnn.training.inputs import Data

METHODS = ("separable", "tucker")


class _Cut(NamedTuple):
    """A layer that can be factored: its place, and its factors for a share of the energy."""

    name: str
    layers: list[Layer]
    place: int
    factors: Callable[[float], list[Layer]]


def low_rank(
    model: nn.Sequential,
    *,
    energy: float | None = None,
    budget: float | None = None,
    method: str = "tucker",
    in_shape: Shape | None = None,
    data: Data | None = None,
) -> tuple[nn.Sequential, Report]:
    """Replace layers by factors of lower rank, where these have fewer weights.

    Give one of ``energy`` and ``budget``. Constraints on a factored weight are dropped: its zeros
    and shared values do not survive a rotation. Layers with groups stay.

    Parameters
    ----------
    energy
        Share of the squares of singular values that each layer keeps, above 0 and at most 1.
    budget
        Share of the model's parameters to keep: the largest energy, the same for all layers, that
        fits.
    method
        How R×S filters are factored: "tucker" or "separable".

    Raises
    ------
    ValueError
        Neither or both given, out of range, unknown, or a budget that no rank can meet.
    """
    check_model("low_rank", model)
    if (energy is None) == (budget is None):
        raise ValueError(
            f"energy is {energy} and budget is {budget}; low_rank wants exactly one of them. "
            "Use energy=0.9, or budget=0.5 for half the parameters."
        )
    for name, value in (("energy", energy), ("budget", budget)):
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"{name} is {value}; low_rank wants above 0 and at most 1. Use 0.9.")
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(METHODS)}. Use tucker.")
    new = model.copy()
    cuts = list(_cuts(new, method, ""))
    if energy is None:
        assert budget is not None
        energy = _largest_energy(cuts, model.num_parameters, budget)
    kept = [
        Change(name, f"stays: a {type(layer).__name__} has its weights on a grid")
        for name, layer in new.named_layers()
        if isinstance(layer, nn.QuantConv2d | nn.QuantLinear)
    ]
    changes = [_replace(cut, energy) for cut in reversed(cuts)]  # from the back: places stay right
    changes = [*changes[::-1], *kept]
    return new, report("low_rank", model, new, changes, in_shape=in_shape, data=data)


def _replace(cut: _Cut, energy: float) -> Change:
    """Put the factors in the place of a layer, if they are smaller."""
    old = cut.layers[cut.place]
    factors = cut.factors(energy)
    count = sum(factor.num_parameters for factor in factors)
    if count >= old.num_parameters:
        what = f"stays: its factors would have {count:,} parameters for {old.num_parameters:,}"
        return Change(cut.name, what)
    cut.layers[cut.place : cut.place + 1] = factors
    ranks = ", ".join(str(factor.parameters()["weight"].shape[0]) for factor in factors[:-1])
    what = f"rank {ranks}: {old.num_parameters:,} parameters to {count:,}"
    if old.parameters()["weight"].constraints:
        what += "; its constraints are dropped"
    return Change(cut.name, what)


def _largest_energy(cuts: list[_Cut], params: int, budget: float) -> float:
    """Halve the interval of energies until it is narrow; less energy never has more weights."""

    def left(energy: float) -> int:
        saved = 0
        for cut in cuts:
            count = sum(factor.num_parameters for factor in cut.factors(energy))
            saved += max(0, cut.layers[cut.place].num_parameters - count)
        return params - saved

    least = left(1e-9)
    if least > budget * params:
        raise ValueError(
            f"budget is {budget}, {int(budget * params):,} parameters; with rank 1 everywhere "
            f"{least:,} are left. low_rank wants at least {least / params:.3f}: use that or more."
        )
    low, high = 1e-9, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if left(middle) <= budget * params else (low, middle)
    return low


def _cuts(model: Layer, method: str, prefix: str) -> Iterator[_Cut]:
    """Yield the layers that have factors."""
    for name, child in model.children().items():
        if type(model) is nn.Sequential:
            place, layers = int(name), model.layers
            if type(child) is nn.Linear:
                yield _Cut(prefix + name, layers, place, _of_linear(child))
            elif type(child) is nn.Conv2d and child.groups == 1:
                ways = {"tucker": _of_tucker, "separable": _of_separable}
                way = _of_pointwise if child.kernel_size == (1, 1) else ways[method]
                yield _Cut(prefix + name, layers, place, way(child))
        if type(child) in (nn.Sequential, nn.Residual, nn.EarlyExits):
            yield from _cuts(child, method, f"{prefix}{name}.")


def rank_for(singular: np.ndarray, energy: float) -> int:
    """Return how many of the singular values, largest first, hold that share of their squares."""
    squares = np.cumsum(singular.astype(np.float64) ** 2)
    if squares[-1] == 0:
        return 1
    # A share of all but rounding is all.
    return int(np.searchsorted(squares, energy * squares[-1] * (1 - 1e-12))) + 1


def _halves(matrix: np.ndarray) -> Callable[[float], tuple[np.ndarray, np.ndarray]]:
    """Return a function of the energy that gives (rows, r) and (r, columns)."""
    u, s, vt = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    root = np.sqrt(s)  # both factors alike: neither learns much faster than the other

    def halves(energy: float) -> tuple[np.ndarray, np.ndarray]:
        r = rank_for(s, energy)
        return u[:, :r] * root[:r], root[:r, None] * vt[:r]

    return halves


def _of_linear(layer: nn.Linear) -> Callable[[float], list[Layer]]:
    halves = _halves(layer.weight.data)

    def factors(energy: float) -> list[Layer]:
        left, right = halves(energy)
        dtype = layer.weight.dtype
        first = nn.Linear(layer.in_features, len(right), bias=False, seed=0, dtype=dtype)
        last = nn.Linear(len(right), layer.out_features, bias=False, seed=0, dtype=dtype)
        return [_with(first, right, layer), _with(last, left, layer, bias=True)]

    return factors


def _of_pointwise(layer: nn.Conv2d) -> Callable[[float], list[Layer]]:
    halves = _halves(layer.weight.data[:, :, 0, 0])

    def factors(energy: float) -> list[Layer]:
        left, right = halves(energy)
        how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding}
        first = _conv(layer, right[:, :, None, None], **how)
        return [first, _conv(layer, left[:, :, None, None], bias=True)]

    return factors


def _of_separable(layer: nn.Conv2d) -> Callable[[float], list[Layer]]:
    K, C, R, S = layer.weight_shape
    halves = _halves(layer.weight.data.transpose(0, 3, 1, 2).reshape(K * S, C * R))
    (down, across), (gap_down, gap_across) = layer.stride, layer.dilation
    rows, columns = _split(layer.padding)

    def factors(energy: float) -> list[Layer]:
        left, right = halves(energy)
        column = right.reshape(-1, C, R, 1)
        row = left.reshape(K, S, -1).transpose(0, 2, 1)[:, :, None]
        first: dict[str, Any] = {"stride": (down, 1), "padding": rows, "dilation": (gap_down, 1)}
        last: dict[str, Any] = {
            "stride": (1, across),
            "padding": columns,
            "dilation": (1, gap_across),
        }
        return [_conv(layer, column, **first), _conv(layer, row, **last, bias=True)]

    return factors


def _of_tucker(layer: nn.Conv2d) -> Callable[[float], list[Layer]]:
    w = layer.weight.data.astype(np.float64)
    K, C = w.shape[:2]
    out, s_out, _ = np.linalg.svd(w.reshape(K, -1), full_matrices=False)
    into, s_in, _ = np.linalg.svd(w.swapaxes(0, 1).reshape(C, -1), full_matrices=False)
    how: dict[str, Any] = {
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
    }

    def factors(energy: float) -> list[Layer]:
        a = into[:, : rank_for(s_in, energy)]
        b = out[:, : rank_for(s_out, energy)]
        core = np.einsum("kcrs,kb,ca->bars", w, b, a)
        return [
            _conv(layer, a.T[:, :, None, None]),
            _conv(layer, core, **how),
            _conv(layer, b[:, :, None, None], bias=True),
        ]

    return factors


def _split(padding: Any) -> tuple[Any, Any]:
    """Return a padding of the rows alone and one of the columns alone."""
    if isinstance(padding, str):
        return padding, padding  # a kernel of one row or column has nothing to pad there
    rows, columns = padding if isinstance(padding, tuple) else (padding, padding)
    pair = [(p, p) if isinstance(p, int) else tuple(p) for p in (rows, columns)]
    return (pair[0], (0, 0)), ((0, 0), pair[1])


def _conv(like: nn.Conv2d, weight: np.ndarray, *, bias: bool = False, **how: Any) -> nn.Conv2d:
    K, C, R, S = weight.shape
    conv = nn.Conv2d(C, K, (R, S), bias=False, seed=0, dtype=like.weight.dtype, **how)
    return _with(conv, weight, like, bias=bias)


def _with(new: Any, weight: np.ndarray, old: Any, *, bias: bool = False) -> Any:
    """Give a factor its weights, and the last one the bias of the old layer with its rules."""
    new.weight.data[...] = weight
    new.weight.trainable = old.weight.trainable
    if bias and old.bias is not None:
        new.bias = nn.Parameter(old.bias.data, name="bias", trainable=old.bias.trainable)
        for rule in old.bias.constraints:
            new.bias.constrain(rule)
    return new
