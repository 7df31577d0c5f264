"""Pruning: the weights that are nearest to zero become zero, and stay so.

Three ways: once, after training (`prune`); little by little while training (`GradualPruning`);
and over and over from the first weights again, to find a small network that could have been
trained from the start (`rewind`).

References: Han et al. (2015), "Learning both weights and connections for efficient neural
networks"; Zhu and Gupta (2017), "To prune, or not to prune"; Frankle and Carbin (2019), "The
lottery ticket hypothesis".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minicnn import nn
from minicnn.compress.pipeline import check_model
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Shape
from minicnn.training import Hook
from minicnn.training.inputs import Data

Sparsity = float | Mapping[str, float]
"""The share of zeros: one number, or one for each parameter by name or the start of its name."""


def prune(
    model: nn.Sequential,
    *,
    sparsity: Sparsity,
    scope: str = "global",
    scores: Mapping[str, np.ndarray] | None = None,
    in_shape: Shape | None = None,
    data: Data | None = None,
) -> tuple[nn.Sequential, Report]:
    """Set the smallest weights to zero, under a mask that further training keeps.

    Biases and the parameters of normalisations are left alone; zeros that are there count, and
    what an earlier mask holds at zero stays there.

    Parameters
    ----------
    sparsity
        Share of the weights that are zero afterwards, from 0 up to below 1; or a mapping such as
        ``{"0": 0.3, "5.weight": 0.95}``, which prunes these parameters only.
    scope
        "global": one threshold for all weights together, so that layers which need theirs keep
        more; "layer": the same share in each. A mapping goes layer by layer.
    scores
        What each weight is worth, by parameter name, where that is not its magnitude; the
        smallest go first.

    Raises
    ------
    ValueError
        A share out of range, a name that fits no weight, an unknown scope, or scores that do not
        fit the weights.
    """
    check_model("prune", model)
    new = model.copy()
    weights = prunable(new)
    for name, keep in masks(weights, sparsity, scope, scores).items():
        constrain(weights[name], keep)
    changes = [Change(name, describe(p.data)) for name, p in weights.items()]
    return new, report("prune", model, new, changes, in_shape=in_shape, data=data)


class GradualPruning(Hook):
    """A hook for `fit`: prune a little more every so many batches (Zhu and Gupta 2017, eq. 1).

    The share of zeros goes from that at ``begin`` to ``sparsity`` at ``end``, fast at first, when
    there is most to lose, along a cubic: ``final + (initial - final) (1 - t)³``.

    Parameters
    ----------
    sparsity
        The final share, one number or a mapping as in `prune`.
    begin, end
        Batches, counted from 0 over the whole fit.
    every
        Batches from one pruning to the next.
    """

    def __init__(
        self,
        sparsity: Sparsity,
        *,
        end: int,
        begin: int = 0,
        every: int = 10,
        initial: float = 0.0,
        scope: str = "global",
    ) -> None:
        if not 0 <= begin < end or every < 1:
            raise ValueError(
                f"begin is {begin}, end {end} and every {every}; GradualPruning wants 0 <= begin < "
                "end, counted in batches, and every from 1. Use end=epochs * len(x) // batch_size."
            )
        _shares(sparsity)
        self.sparsity, self.scope, self.initial = sparsity, scope, _share("initial", initial)
        self.begin, self.end, self.every = begin, end, every

    def share(self, step: int, final: float) -> float:
        """Return the share of zeros that is wanted after a batch."""
        t = min(max((step - self.begin) / (self.end - self.begin), 0.0), 1.0)
        return final + (self.initial - final) * (1 - t) ** 3

    def on_batch_end(self, model: nn.Layer, step: int) -> None:
        """Prune, if it is time."""
        if step < self.begin or step > self.end:
            return
        if (step - self.begin) % self.every and step != self.end:
            return
        wanted = self.sparsity
        if isinstance(wanted, Mapping):
            wanted = {name: self.share(step, final) for name, final in wanted.items()}
        else:
            wanted = self.share(step, wanted)
        weights = prunable(model)
        for name, keep in masks(weights, wanted, self.scope).items():
            constrain(weights[name], keep)


def rewind(pruned: nn.Sequential, first: nn.Sequential) -> tuple[nn.Sequential, Report]:
    """Give a pruned model the values that it had before training, and keep its masks.

    ``first`` is a copy of the model taken at the start, or early on (Frankle et al. 2020). Trained
    again, such a "lottery ticket" learns as well as the whole network, if it is one.
    """
    check_model("rewind", pruned)
    if nn.to_spec(pruned) != nn.to_spec(first):
        raise ValueError(
            "first has another architecture than pruned; rewind wants a copy of the same model "
            "from before it was trained. Use first = model.copy() before fit."
        )
    new = pruned.copy()
    new.load_state_dict(first.state_dict())
    for parameter in new.parameters().values():
        parameter.project()
    return new, report("rewind", pruned, new)


def prunable(model: nn.Layer) -> dict[str, nn.Parameter]:
    """Return the weights of convolutions and linear layers by name: two axes or more."""
    return {name: p for name, p in model.parameters().items() if p.data.ndim > 1}


def constrain(parameter: nn.Parameter, keep: np.ndarray) -> None:
    """Put a mask on a parameter, over any that it is under; what goes leaves its tied group."""
    rules = parameter.constraints
    for rule in rules:
        if isinstance(rule, nn.Mask):
            keep = keep & rule.keep
    parameter.constraints = [
        nn.Tied(np.where(keep, rule.group, -1)) if isinstance(rule, nn.Tied) else rule
        for rule in rules
    ]
    parameter.constrain(nn.Mask(keep))


def masks(
    weights: Mapping[str, nn.Parameter],
    sparsity: Sparsity,
    scope: str = "global",
    scores: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Return which weights to keep, by name; of equals, those that come first go first."""
    shares = _shares(sparsity)
    worth = {name: _worth(name, p.data, scores) for name, p in weights.items()}
    if scope not in ("global", "layer"):
        raise ValueError(f'scope is {scope!r}; expected "global" or "layer". Use one of them.')
    if isinstance(shares, float):
        if scope == "global":
            return _largest_together(worth, shares)
        shares = dict.fromkeys(weights, shares)
    found: dict[str, np.ndarray] = {}
    for prefix, share in shares.items():
        under = [n for n in weights if n == prefix or n.startswith(prefix + ".")]
        if not under:
            raise ValueError(
                f"sparsity names {prefix!r}, but no weight lies there; the weights are "
                f"{', '.join(weights)}. Use one of these, or the start of one."
            )
        for name in under:
            found |= _largest_together({name: worth[name]}, share)
    return found


def _largest_together(worth: Mapping[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    sizes = np.concatenate([w.ravel() for w in worth.values()])
    keep = np.ones(len(sizes), bool)
    keep[np.argsort(sizes, kind="stable")[: round(share * len(sizes))]] = False
    parts = np.split(keep, np.cumsum([w.size for w in worth.values()])[:-1])
    return {name: part.reshape(worth[name].shape) for name, part in zip(worth, parts, strict=True)}


def _worth(name: str, data: np.ndarray, scores: Mapping[str, np.ndarray] | None) -> np.ndarray:
    if scores is None:
        return np.abs(data)
    score = np.asarray(scores.get(name))
    if score.shape != data.shape or score.dtype.kind not in "fiu" or np.isnan(score).any():
        raise ValueError(
            f"scores[{name!r}] has shape {score.shape} and dtype {score.dtype}; expected numbers "
            f"(no NaN) of shape {data.shape}, one for each weight. For magnitude leave scores out."
        )
    return np.where(data == 0, -np.inf, score)


def describe(data: np.ndarray) -> str:
    """Say in words how much of an array is left."""
    left = int(np.count_nonzero(data))
    return f"{left:,} of {data.size:,} weights left, {100 * (1 - left / data.size):.1f} % are zero"


def _shares(sparsity: Sparsity) -> float | dict[str, float]:
    if isinstance(sparsity, Mapping):
        return {name: _share(f"sparsity[{name!r}]", share) for name, share in sparsity.items()}
    return _share("sparsity", sparsity)


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating):
        raise TypeError(f"{name} is {value!r}; expected a number from 0 to below 1. Use 0.9.")
    if not 0 <= value < 1:
        raise ValueError(
            f"{name} is {value}; expected 0 <= {name} < 1, the share of zeros. For 90 % use 0.9."
        )
    return float(value)
