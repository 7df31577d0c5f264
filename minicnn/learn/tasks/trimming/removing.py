"""Which channels leave one layer, and which columns the next one loses."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task


# --- a linear layer behind Flatten ------------------------------------------------------------
@composite
def _flat_cases(draw: DrawFn) -> Case:
    channels, pixels = whole(draw, 2, 5), whole(draw, 1, 4)
    keep = draw(st.sets(st.integers(0, channels - 1), min_size=1, max_size=channels - 1))
    w = fill((whole(draw, 1, 3), channels * pixels), draw_seed(draw))
    return {"w": w, "channels": channels, "keep": sorted(keep)}


def _columns(w: np.ndarray, channels: int, keep: list[int]) -> np.ndarray:
    """Number the places of a map (channels, pixels), flatten, and look who is there."""
    pixels = w.shape[1] // channels
    owner = np.repeat(np.arange(channels), pixels)
    return np.stack([w[:, column] for column in range(len(owner)) if owner[column] in keep], axis=1)


trim_after_flatten = Task(
    name="trimming.trim_after_flatten",
    title="A linear layer behind Flatten",
    cases=_flat_cases(),
    oracle=_columns,
    mistakes=(
        Mistake(
            "a channel is one column",
            lambda w, channels, keep: w[:, keep],
            "This is what you get when a channel is one column. Behind Flatten it is as many as "
            "its map has pixels.",
        ),
        Mistake(
            "channels last",
            lambda w, channels, keep: w.reshape(len(w), -1, channels)[:, :, keep].reshape(
                len(w), -1
            ),
            "This is what you get when the channels of one pixel stand side by side. A map is "
            "(channels, rows, columns): flattened, all pixels of channel 0 come first.",
        ),
        Mistake(
            "the others",
            lambda w, channels, keep: _columns(
                w, channels, [c for c in range(channels) if c not in keep]
            ),
            "These are the columns that should have left: `keep` names the channels that stay.",
        ),
        Mistake(
            "set to zero",
            lambda w, channels, keep: (
                w * np.repeat(np.isin(np.arange(channels), keep), w.shape[1] // channels)
            ),
            "The columns are zero and still there. That is pruning: take them out.",
        ),
    ),
    hints=(
        "How many columns does each channel have, and which are those of channel 2?",
        "w has channels * pixels columns, those of channel c in a row, from c * pixels on.",
        "Give the columns two axes, (outputs, channels, pixels), take the channels along their "
        "axis, and flatten again.",
    ),
)


# --- a ranking that sees the normalisation ----------------------------------------------------
@composite
def _rank_cases(draw: DrawFn) -> Case:
    K = whole(draw, 2, 6)
    side = whole(draw, 1, 2)
    return {
        "w": fill((K, whole(draw, 1, 2), side, side), draw_seed(draw)),
        "scale": fill((K,), draw_seed(draw), salt=1),
        "count": whole(draw, 1, K - 1),
    }


def _best(worth: list[float], count: int) -> tuple[int, ...]:
    """Let one leave after the other, each time the first of those that are worth least."""
    left = list(range(len(worth)))
    for _ in range(count):
        left.remove(min(left, key=lambda k: worth[k]))
    return tuple(left)


def _worth(w: np.ndarray, scale: np.ndarray) -> list[float]:
    folded = [float(scale[k]) * w[k] for k in range(len(w))]
    return [float(sum(abs(v) for v in f.ravel())) for f in folded]


def _keep(w: np.ndarray, scale: np.ndarray, count: int) -> tuple[int, ...]:
    return _best(_worth(w, scale), count)


channels_to_keep = Task(
    name="trimming.channels_to_keep",
    title="A ranking that sees the normalisation",
    cases=_rank_cases(),
    oracle=_keep,
    mistakes=(
        Mistake(
            "scale forgotten",
            lambda w, scale, count: _best(_worth(w, np.ones(len(w))), count),
            "This is what you get from the filters alone. The normalisation behind them makes a "
            "large filter small, or a small one large.",
        ),
        Mistake(
            "filters forgotten",
            lambda w, scale, count: _best([abs(float(s)) for s in scale], count),
            "This is what you get from the scale alone. It multiplies a filter: both count.",
        ),
        Mistake(
            "signs left in",
            lambda w, scale, count: _best(
                [float(s * f.sum()) for s, f in zip(scale, w, strict=True)], count
            ),
            "This is what you get when the weights are summed with their signs: a filter of -1 "
            "and 1 is not nothing.",
        ),
        Mistake(
            "scale with its sign",
            lambda w, scale, count: _best(
                [float(s * np.abs(f).sum()) for s, f in zip(scale, w, strict=True)], count
            ),
            "This is what you get when a negative scale counts as less than none: take its size.",
        ),
        Mistake(
            "the wrong end",
            lambda w, scale, count: _best([-v for v in _worth(w, scale)], count),
            "This is what you get when the largest leave.",
        ),
        Mistake(
            "in order of worth",
            lambda w, scale, count: tuple(
                int(k) for k in np.argsort(_worth(w, scale), kind="stable")[count:]
            ),
            "The right channels in the order of their worth. They stay in the order that they had: "
            "sort the numbers.",
        ),
    ),
    hints=(
        "If the normalisation were folded into the convolution, what would filter k be?",
        "scale[k] * w[k]; its worth is the sum of the absolute values, over all axes but the "
        "first.",
        "np.argsort(worth, kind='stable') puts the least first, and equal ones in their order. "
        "Leave `count` of them out, sort the rest.",
    ),
)
