"""Trimming: whole channels leave, and the network really is narrower.

Pruned weights are zeros that a dense kernel still multiplies. A filter that is taken out shortens
every array along its channels (`channels`): fewer multiplications in the layer that made it *and*
in the layers that read it.

References: Li et al. (2017), "Pruning filters for efficient ConvNets" (L1); Liu et al. (2017),
"Learning efficient convolutional networks through network slimming" (gamma); Hu et al. (2016),
"Network trimming" (activations).
"""

from __future__ import annotations

import numpy as np

from minicnn import nn
from minicnn.compress.channels import Group, groups_of, keep_only, values
from minicnn.compress.observe import walk
from minicnn.compress.pipeline import check_model
from minicnn.compress.report import Change, Report, report
from minicnn.nn.layer import Layer, Shape
from minicnn.training.inputs import Data

RANKINGS = ("l1", "gamma", "activation", "random")


def trim(
    model: nn.Sequential,
    *,
    channels: float,
    by: str = "l1",
    scope: str = "layer",
    images: np.ndarray | None = None,
    seed: int = 0,
    in_shape: Shape | None = None,
    data: Data | None = None,
) -> tuple[nn.Sequential, Report]:
    """Take out a share of the channels, those that matter least; at least one stays in a layer.

    Channels that are added to each other leave together. The inputs and the outputs of the network
    stay, and so do those of layers with groups that are not depthwise.

    Parameters
    ----------
    channels
        Share to remove, from 0 to below 1.
    by
        What a channel is worth: "l1", the sum of its filters' absolute weights (which says little
        in front of a normalisation, as that undoes their scale); "gamma", its factors of batch
        normalisation; "activation", its mean absolute value as the next layer sees it, on
        ``images``; "random", as the baseline that a ranking has to beat.
    scope
        "layer": the same share of each; "global": one ranking of all, where each is worth its
        share of the mean of its layer.
    images
        A batch of inputs, for ``by="activation"``.

    Raises
    ------
    ValueError
        A share out of range, an unknown choice, no images for "activation", or a model in which
        "gamma" ranks nothing.
    """
    check_model("trim", model)
    if not 0 <= channels < 1:
        raise ValueError(
            f"channels is {channels}; trim wants a share to remove, from 0 to below 1."
        )
    if by not in RANKINGS or scope not in ("layer", "global"):
        raise ValueError(
            f"by is {by!r} and scope {scope!r}; trim knows by {', '.join(RANKINGS)} and scope "
            "layer, global. Use one of each."
        )
    new = model.copy()
    groups = groups_of(new)
    free = [group for group in groups if not group.pinned]
    worth = _worth(new, free, by, images, np.random.default_rng(seed))
    free = [group for group in free if group in worth]
    changes = [
        Change(group.name, f"all {group.size} channels stay: {group.pinned}")
        for group in groups
        if group.pinned and group.of("makes")
    ]
    for group, keep in _choose(worth, channels, scope).items():
        changes.append(_removed(group, keep))
    return new, report("trim", model, new, changes, in_shape=in_shape, data=data)


def remove_dead(
    model: nn.Sequential, *, in_shape: Shape | None = None, data: Data | None = None
) -> tuple[nn.Sequential, Report]:
    """Take out channels that make no difference at all: the outputs stay equal (but for rounding).

    These are channels that nobody reads (the weights that would are all zero), and channels that
    are always zero. Pruning many weights leaves such behind.
    """
    check_model("remove_dead", model)
    new, changes = model.copy(), []
    while True:
        found = False
        for group in groups_of(new):
            if group.pinned:
                continue
            alive = _any(group, "reads")
            if group.keeps_zero:
                alive &= _any(group, "makes")
            if not alive.all():
                alive[0] |= not alive.any()  # a layer cannot be empty
            if not alive.all():
                changes.append(_removed(group, np.flatnonzero(alive)))
                found = True
        if not found:  # what one layer lost may be all that another was read by
            return new, report("remove_dead", model, new, changes, in_shape=in_shape, data=data)


def _any(group: Group, role: str) -> np.ndarray:
    slots = group.of(role)
    if not slots:
        return np.ones(group.size, bool)
    return np.any([values(slot, group.size).any(axis=1) for slot in slots], axis=0)


def _removed(group: Group, keep: np.ndarray) -> Change:
    keep_only(group, keep)
    gone = group.size - len(keep)
    return Change(group.name, f"{gone} of {group.size} channels removed, {len(keep)} stay")


def _choose(worth: dict[Group, np.ndarray], share: float, scope: str) -> dict[Group, np.ndarray]:
    """Return the channels to keep of each group, in their order."""
    if scope == "layer":
        counts = {group: round(share * group.size) for group in worth}
    else:
        relative = [w / max(float(w.mean()), 1e-30) for w in worth.values()]
        owners = np.repeat(np.arange(len(worth)), [len(w) for w in relative])
        order = (
            np.argsort(np.concatenate(relative), kind="stable") if relative else np.zeros(0, int)
        )
        gone = owners[order[: round(share * len(owners))]]
        counts = dict(zip(worth, np.bincount(gone, minlength=len(worth)).tolist(), strict=True))
    kept = {}
    for group, count in counts.items():
        count = min(count, group.size - 1)
        kept[group] = np.sort(np.argsort(worth[group], kind="stable")[count:])
    return kept


def _worth(
    model: nn.Sequential,
    groups: list[Group],
    by: str,
    images: np.ndarray | None,
    rng: np.random.Generator,
) -> dict[Group, np.ndarray]:
    """Say what each channel of each group is worth."""
    if by == "random":
        return {group: rng.random(group.size) for group in groups}
    if by == "l1":
        return {
            group: np.sum(
                [np.abs(values(slot, group.size)).sum(axis=1) for slot in group.of("makes")], axis=0
            )
            for group in groups
        }
    if by == "gamma":
        found = {}
        for group in groups:
            norms = [s for s in group.slots if isinstance(s.layer, nn.BatchNorm2d)]
            gammas = [np.abs(values(s, group.size))[:, 0] for s in norms if s.array == "weight"]
            if gammas:
                found[group] = np.sum(gammas, axis=0)
        if groups and not found:
            raise ValueError(
                'by is "gamma", but no channel that could leave goes through a BatchNorm2d; trim '
                'ranks by its factors. Use by="l1".'
            )
        return found
    if images is None:
        raise ValueError(
            'by is "activation" and images is None; trim wants a batch (N, C, H, W) to run. '
            "Give images=x_train[:256]."
        )
    seen = _seen(model, images)
    return {
        group: np.sum(
            [
                seen[id(slot.layer)].reshape(group.size, -1).mean(axis=1)
                for slot in group.of("reads")
            ],
            axis=0,
        )
        for group in groups
    }


def _seen(model: nn.Sequential, images: np.ndarray) -> dict[int, np.ndarray]:
    """Return the mean absolute input of each channel or feature, for every layer that reads."""
    seen: dict[int, np.ndarray] = {}

    def visit(layer: Layer, x: np.ndarray) -> None:
        seen[id(layer)] = np.abs(x).mean(axis=(0, *range(2, x.ndim)))

    walk(model, images, visit)
    return seen
