"""Pictures of what the learner's own function does: a reward, not a check."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.learn import render
from minicnn.learn.tasks import get_task


class Notice:
    """A sentence in place of a picture."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return render.note_html(self.text)


def show(name: str, answer: Callable[..., Any]) -> Notice | None:
    """Draw what `answer`, your function for the task `name`, does; see `check` for its faults."""
    task = get_task(name)
    if name not in PICTURES:
        return Notice(f"There is no picture for {name}; there is one for: {', '.join(PICTURES)}.")
    import matplotlib.pyplot as plt

    from minicnn import viz

    before = plt.get_fignums()
    try:
        with viz.style():
            PICTURES[name](answer)
            plt.show()
    except Exception as error:  # whatever the learner's code raises, or the figure about its answer
        for number in set(plt.get_fignums()).difference(before):
            plt.close(number)
        if isinstance(error, NotImplementedError):
            return Notice(f"Here you will see what {task.function} does, once it is written.")
        return Notice(f"{task.function} cannot be shown yet: {type(error).__name__}: {error}")
    return None


def _digit() -> np.ndarray:
    from minicnn import data

    x_train, y_train, _, _ = data.load("digits")
    return x_train[y_train == 0][0, 0].astype(np.float64)


def _edges(answer: Callable[..., Any]) -> None:
    from minicnn import viz

    digit, prewitt = _digit(), np.array([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]]) / 3
    maps = {
        "digit": digit,
        "left to right": answer(digit.copy(), prewitt.copy()),
        "top to bottom": answer(digit.copy(), prewitt.T.copy()),
    }
    viz.feature_maps(maps, label="value, response")


def _pooled(answer: Callable[..., Any]) -> None:
    from minicnn import viz

    digit = _digit()[None, None]
    once = answer(digit.copy(), 2, 2, 0)
    maps = {"digit": digit[0, 0], "2×2": once[0, 0], "2×2, twice": answer(once, 2, 2, 0)[0, 0]}
    viz.feature_maps(maps, label="value")


def _view(answer: Callable[..., Any]) -> None:
    from minicnn import viz

    size = 16
    seen, rows = {0}, [{0}]
    for k, dilation in answer(size):
        seen = {offset + tap * dilation for offset in seen for tap in range(k)}
        rows.append(seen)
    picture = np.array([[1.0 if i in row else math.nan for i in range(size)] for row in rows])
    title = f"seen after 0 to {len(rows) - 1} layers, size {size}"
    mask = ~np.isnan(picture)
    viz.show_arrays({title: picture}, highlight={title: mask}, axes_names=("layers", "pixel"))


def _memory(answer: Callable[..., Any]) -> None:
    from minicnn import viz

    size, widths, budget = 32, [3, 8, 16, 16, 32], 48 * 1024
    side, bars = size, {}
    for i, stride in enumerate(answer(size, list(widths), budget)):
        after = -(-side // stride)
        alive = 4 * (widths[i] * side**2 + widths[i + 1] * after**2) / 1024
        bars[f"layer {i + 1}, stride {stride}: {side}×{side} to {after}×{after}"] = alive
        side = after
    bars["the budget"] = budget / 1024
    viz.bars(bars, label="input and output (KiB)", mark=["the budget"])


def _painted(answer: Callable[..., Any]) -> None:
    from minicnn import viz

    digit = _digit()[None, None]
    maps = {"digit": digit[0, 0]}
    for k in (3, 4):
        painted = answer(digit.copy(), np.ones((1, 1, k, k)), 2, 1)[0, 0]
        maps[f"{k}×{k} ones"] = painted / k**2
    viz.feature_maps(maps, label="value")


def _placed(answer: Callable[..., Any]) -> None:
    from minicnn import viz

    sizes, births, deaths = [2, 4, 2, 4, 1], [0, 1, 2, 3, 4], [2, 1, 3, 3, 4]
    offsets = answer(list(sizes), list(births), list(deaths))
    blocks = zip("01234", offsets, sizes, births, deaths, strict=True)
    viz.memory_timeline(list(blocks), unit="B")


PICTURES: dict[str, Callable[[Callable[..., Any]], None]] = {
    "one_layer.conv2d_single": _edges,
    "one_layer.cheapest_stack": _view,
    "spatial_compression.max_pool": _pooled,
    "spatial_compression.choose_strides": _memory,
    "activation_memory.place": _placed,
    "kernel_exchange.conv_transpose2d": _painted,
}
