"""What a head costs, and how much memory a chain of layers needs."""

# A mistake that forgets an argument still has it in its signature.

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _head_cases(draw: DrawFn) -> Case:
    return {
        "channels": whole(draw, 1, 64),
        "height": whole(draw, 1, 8),
        "width": whole(draw, 1, 8),
        "classes": whole(draw, 1, 20),
    }


def _head_parameters(channels: int, height: int, width: int, classes: int) -> tuple[int, int]:
    def linear(inputs: int) -> int:
        return np.empty((classes, inputs)).size + np.empty(classes).size

    return linear(np.empty((channels, height, width)).size), linear(np.empty(channels).size)


head_parameters = Task(
    name="spatial_compression.head_parameters",
    title="What the classifier's head costs",
    cases=_head_cases(),
    oracle=_head_parameters,
    mistakes=(
        Mistake(
            "bias forgotten",
            lambda channels, height, width, classes: (
                channels * height * width * classes,
                channels * classes,
            ),
            "This is what you get when the biases are forgotten: one for each class.",
        ),
        Mistake(
            "bias for each input",
            lambda channels, height, width, classes: (
                channels * height * width * (classes + 1),
                channels * (classes + 1),
            ),
            "This is what you get with one bias for each input; each output has one.",
        ),
        Mistake(
            "pooled to one number",
            lambda channels, height, width, classes: (
                (channels * height * width + 1) * classes,
                2 * classes,
            ),
            "This is what you get when global pooling averages the channels too: "
            "it leaves one number for each channel.",
        ),
        Mistake(
            "the other way round",
            lambda channels, height, width, classes: (
                (channels + 1) * classes,
                (channels * height * width + 1) * classes,
            ),
            "The right numbers in the wrong order: flattening first, global pooling second.",
        ),
    ),
    hints=(
        "How many numbers go into the linear layer in each of the two cases?",
        "A linear layer with i inputs and o outputs is o neurons, each with i weights and a bias.",
        "The same formula twice: once with everything that flattening leaves, once with what "
        "global pooling leaves.",
    ),
)


@composite
def _chain_cases(draw: DrawFn) -> Case:
    def shape() -> tuple[int, int, int]:
        side = whole(draw, 1, 16)
        return whole(draw, 1, 32), side, side

    return {"shapes": [shape() for _ in range(whole(draw, 2, 5))], "itemsize": 4}


def _sizes(shapes: list[tuple[int, ...]]) -> list[int]:
    return [int(np.prod(shape)) for shape in shapes]


def _peak(shapes: list[tuple[int, ...]], itemsize: int) -> int:
    peak = 0
    for i in range(1, len(shapes)):
        alive = [np.empty(shapes[i - 1], np.uint8), np.empty(shapes[i], np.uint8)]
        peak = max(peak, sum(a.nbytes for a in alive) * itemsize)
    return peak


peak_activation_bytes = Task(
    name="spatial_compression.peak_activation_bytes",
    title="The peak of a chain",
    cases=_chain_cases(),
    oracle=_peak,
    mistakes=(
        Mistake(
            "everything kept",
            lambda shapes, itemsize: sum(_sizes(shapes)) * itemsize,
            "This is what you get when every activation is kept. Training needs that; "
            "inference can forget an activation once the next one is there.",
        ),
        Mistake(
            "largest alone",
            lambda shapes, itemsize: max(_sizes(shapes)) * itemsize,
            "This is what you get when only the largest activation counts: "
            "while a layer works, its input and its output are both alive.",
        ),
        Mistake(
            "two largest",
            lambda shapes, itemsize: sum(sorted(_sizes(shapes))[-2:]) * itemsize,
            "This is what you get from the two largest activations: "
            "they need not be alive at the same time. Only neighbours are.",
        ),
        Mistake(
            "numbers, not bytes",
            lambda shapes, itemsize: _peak(shapes, itemsize) // itemsize,
            "This is what you get when numbers are counted instead of bytes.",
        ),
        Mistake(
            "outputs only",
            lambda shapes, itemsize: max(_sizes(shapes)[1:]) * itemsize,
            "This is what you get when only the outputs count: "
            "a layer's input is alive until its output is finished.",
        ),
    ),
    hints=(
        "While layer 3 computes, which activations must exist? Which have been used up?",
        "Each layer has a moment of its own: find what is alive then. The worst is the peak.",
        "Bytes of each shape first; then the largest sum of two neighbours in that list.",
    ),
)
