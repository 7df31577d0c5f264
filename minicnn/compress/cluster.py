"""Weight sharing by clustering: a layer's weights take a few values only, its codebook.

A weight is then a number of a few bits, which of the values it is; with Huffman's code on top this
is what `compress.save` writes. The values are the means of one-dimensional k-means, and learn
further: weights that share a value share their gradient (`nn.Tied`).

References: Han et al. (2016), "Deep Compression", section 3; Lloyd (1982), "Least squares
quantization in PCM"; Gong et al. (2014), "Compressing deep convolutional networks using vector
quantization".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minicnn import nn
from minicnn.compress.pipeline import check_model
from minicnn.compress.prune import prunable
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Shape
from minicnn.training.inputs import Data

ROUNDS = 100
"""Rounds of k-means at most; it stops when nothing moves."""


def cluster(
    model: nn.Sequential,
    *,
    bits: int | Mapping[str, int],
    biases: bool = False,
    in_shape: Shape | None = None,
    data: Data | None = None,
) -> tuple[nn.Sequential, Report]:
    """Give the weights of each layer at most 2^bits values.

    Zeros stay zero and do not count: a pruned layer gets its values from what is left. Masks are
    kept; ties hold in further training, in which the values themselves learn.

    Parameters
    ----------
    bits
        One number for all weights, or one for each by name or the start of its name; from 1 to 12.
    biases
        Whether biases are clustered too, with the number of bits of their layer's weights.

    Raises
    ------
    ValueError, TypeError
        Bits out of range, or a name that fits no weight.
    """
    check_model("cluster", model)
    new = model.copy()
    changes = []
    for name, width in _widths(new, bits).items():
        for each in (name, name.removesuffix("weight") + "bias")[: 1 + biases]:
            parameter = new.parameters().get(each)
            if parameter is not None and parameter.data.any():
                changes.append(Change(each, share_values(parameter, 2**width)))
    return new, report("cluster", model, new, changes, in_shape=in_shape, data=data)


def share_values(parameter: nn.Parameter, count: int) -> str:
    """Set what is not zero to the nearest of `count` means, tie it, and say what was done."""
    places = parameter.data != 0
    values = parameter.data[places]
    means, which = kmeans(values, count)
    parameter.data[places] = means[which]
    group = np.full(parameter.shape, -1, np.int32)
    group[places] = which
    if not places.all():
        parameter.constrain(nn.Mask(places))
    parameter.constrain(nn.Tied(group))
    off = float(np.sqrt(np.mean((means[which] - values) ** 2) / np.mean(values**2)))
    return (
        f"{len(means)} values for {values.size:,} weights, {100 * off:.1f} % off (root mean square)"
    )


def kmeans(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `count` means (increasing, none unused) and which of them each value is.

    Lloyd's rounds from means spread evenly from the smallest value to the largest, which keeps
    some for the few large weights (Han et al. 2016, section 3.2). In one dimension a cluster is
    an interval, so sorted values and their running sums make a round cheap.
    """
    values = np.asarray(values)
    if values.ndim != 1 or not values.size or count < 1 or not np.isfinite(values).all():
        raise ValueError(
            f"values has shape {values.shape} and count is {count}; kmeans wants a row of finite "
            "numbers and a count from 1. Use w[w != 0]."
        )
    distinct = np.unique(values)
    if len(distinct) <= count:
        return distinct, np.searchsorted(distinct, values)
    ordered = np.sort(values).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    means = np.linspace(ordered[0], ordered[-1], count)
    for _ in range(ROUNDS):
        ends = np.searchsorted(ordered, (means[1:] + means[:-1]) / 2)
        starts = np.concatenate([[0], ends])
        stops = np.concatenate([ends, [len(ordered)]])
        used = stops > starts
        moved = (sums[stops] - sums[starts])[used] / (stops - starts)[used]
        if np.array_equal(moved, means):
            break
        means = moved
    means = np.unique(means.astype(values.dtype))
    which = np.searchsorted((means[1:] + means[:-1]) / 2, values)
    return means, which


def _widths(model: nn.Sequential, bits: int | Mapping[str, int]) -> dict[str, int]:
    weights = prunable(model)
    wanted = bits if isinstance(bits, Mapping) else {"": bits}
    found: dict[str, int] = {}
    for prefix, width in wanted.items():
        if isinstance(width, bool) or not isinstance(width, int | np.integer):
            raise TypeError(f"bits is {width!r}; expected a whole number from 1 to 12. Use 4.")
        if not 1 <= width <= 12:
            raise ValueError(f"bits is {width}; expected 1 to 12 bits for a weight. Use 4.")
        under = [n for n in weights if prefix in ("", n) or n.startswith(f"{prefix}.")]
        if not under:
            raise ValueError(
                f"bits names {prefix!r}, but no weight lies there; the weights are "
                f"{', '.join(weights)}. Use one of these, or the start of one."
            )
        found |= dict.fromkeys(under, int(width))
    return found
