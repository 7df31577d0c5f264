"""How many numbers three layers of the same width have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref

Counts = tuple[int, int, int]


@composite
def _cases(draw: DrawFn) -> Case:
    k = whole(draw, 1, 5)
    return {
        "channels": whole(draw, 1, 6),
        "height": k + whole(draw, 0, 9),
        "width": k + whole(draw, 0, 9),
        "filters": whole(draw, 1, 8),
        "k": k,
    }


def _parameters(channels: int, height: int, width: int, filters: int, k: int) -> Counts:
    """Lay the arrays out and count their entries."""
    p, q = (ref.windows_that_fit(n, k, 1, 0, 1) for n in (height, width))
    image, y = (channels, height, width), np.empty((filters, p, q), np.uint8)
    one_filter = np.empty((channels, k, k), np.uint8)
    dense = sum(np.empty(image, np.uint8).size + 1 for _ in range(y.size))
    local = sum(one_filter.size + 1 for _ in range(y.size))
    return dense, local, sum(one_filter.size + 1 for _ in range(filters))


def _written(
    *,
    side: Callable[[int, int], int] = lambda n, k: n - k + 1,
    dense_bias: str = "output",
    local_bias: str = "output",
    shared_bias: str = "filter",
) -> Callable[..., Counts]:
    """Return the formulas, with what a mistake changes in them."""

    def count(channels: int, height: int, width: int, filters: int, k: int) -> Counts:
        outputs = filters * side(height, k) * side(width, k)
        biases = {"output": outputs, "filter": filters, "none": 0}
        window = channels * k * k
        return (
            outputs * channels * height * width + biases[dense_bias],
            outputs * window + biases[local_bias],
            filters * window + biases[shared_bias],
        )

    return count


parameters = Task(
    name="weight_sharing.parameters",
    title="Three layers, three counts",
    cases=_cases(),
    oracle=_parameters,
    mistakes=(
        Mistake(
            "bias forgotten",
            _written(dense_bias="none", local_bias="none", shared_bias="none"),
            "This is what you get when the biases are forgotten.",
        ),
        Mistake(
            "local bias shared",
            _written(local_bias="filter"),
            "This is what you get when the locally connected layer has one bias for each filter: "
            "it shares nothing, so it has one for each output.",
        ),
        Mistake(
            "bias everywhere",
            _written(shared_bias="output"),
            "This is what you get when the convolution has one bias for each output: "
            "it shares the bias too, one for each filter.",
        ),
        Mistake(
            "nothing lost at the border",
            _written(side=lambda n, _: n),
            "This is what you get when there are as many positions as pixels: without padding "
            "the window has fewer places.",
        ),
        Mistake(
            "one place too few",
            _written(side=lambda n, k: n - k),
            "This is what you get with n - k positions along an axis: it is one more.",
        ),
    ),
    hints=(
        "All three layers have equally many outputs. How many, in all channels together?",
        "For each output ask: how many inputs does it read? That is its number of weights.",
        "Dense and local: outputs times (weights of one output + 1). "
        "The convolution: the same with filters in place of outputs.",
    ),
)
