"""What sharing means for the gradient, and how to see it from outside."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


# --- the gradient of a shared number ----------------------------------------------------------
@composite
def _gradient_cases(draw: DrawFn) -> Case:
    shape, count = (whole(draw, 1, 4), whole(draw, 1, 5)), whole(draw, 1, 4)
    entries = st.lists(
        st.integers(0, count).map(lambda i: i - 1), min_size=shape[0] * shape[1],
        max_size=shape[0] * shape[1],
    )  # fmt: skip
    return {
        "grad": fill(shape, draw_seed(draw)),
        "index": np.array(draw(entries), dtype=np.int64).reshape(shape),
        "count": count,
    }


def _gradient(grad: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Nudge each shared number by one: the matrix moves where it stands, the loss by grad."""
    total = np.empty(count, dtype=grad.dtype)
    for j in range(count):
        total[j] = (grad * (index == j)).sum()
    return total


def _last_wins(grad: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    total = np.zeros(count, dtype=grad.dtype)
    for i, g in zip(index.ravel(), grad.ravel(), strict=True):
        if i >= 0:
            total[i] = g
    return total


def _fancy(grad: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    total = np.zeros(count, dtype=grad.dtype)
    total[index] += grad
    return total


def _mean(grad: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    uses = np.array([max(1, np.count_nonzero(index == j)) for j in range(count)])
    return _gradient(grad, index, count) / uses


def _zeros_counted(grad: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    total = np.zeros(count, dtype=grad.dtype)
    for i, g in zip(index.ravel(), grad.ravel(), strict=True):
        total[i] += g  # -1 is the last entry
    return total


shared_gradient = Task(
    name="weight_sharing.shared_gradient",
    title="The gradient of a shared number",
    cases=_gradient_cases(),
    oracle=_gradient,
    mistakes=(
        Mistake(
            "last one wins",
            _last_wins,
            "This is what you get when every use overwrites the one before. If you wrote "
            "`total[index] += grad`: NumPy adds once only where an index occurs twice. "
            "Use np.add.at.",
        ),
        Mistake(
            "one line too short",
            _fancy,
            "This is `total[index] += grad`, and two things go wrong in it: NumPy adds once only "
            "where an index occurs twice, and it takes -1 for the last entry.",
        ),
        Mistake(
            "mean",
            _mean,
            "This is the mean over the uses. The loss feels a shared number in all its places at "
            "once, so the gradients add up.",
        ),
        Mistake(
            "zeros counted",
            _zeros_counted,
            "This is what you get when -1 is used as an index: NumPy takes it for the last entry. "
            "Where there is no number, there is no gradient.",
        ),
        Mistake(
            "first use only",
            lambda grad, index, count: _last_wins(grad[::-1, ::-1], index[::-1, ::-1], count),
            "This is what you get when only the first use of each number counts.",
        ),
    ),
    hints=(
        "If a number stands in three places of the matrix and grows by 0.1, "
        "how does the loss change?",
        "The chain rule sums over all the ways on which a number reaches the loss.",
        "Start from zeros, go through the entries of index, skip -1, and add grad where it points.",
    ),
)


# --- the shift test ---------------------------------------------------------------------------
@composite
def _shift_cases(draw: DrawFn) -> Case:
    height, width = whole(draw, 1, 3), whole(draw, 1, 4)
    number, kind = draw_seed(draw), whole(draw, 0, 2)
    size = height * width
    if kind == 0:  # around the corner: a convolution on a torus
        kernel = fill((height, width), number, salt=3)
        rows = [np.roll(kernel, (p, q), (0, 1)).ravel() for p, q in np.ndindex(height, width)]
        matrix = np.stack(rows)
    elif kind == 1:  # a convolution with zeros at the border
        image = np.eye(size).reshape(size, 1, height, width)
        kernel = fill((1, 1, 3, 3), number, salt=3)
        matrix = ref.correlate(image, kernel, padding=1).reshape(size, size).T.copy()
    else:
        matrix = fill((size, size), number, salt=3)
    return {
        "matrix": matrix,
        "x": fill((height, width), number, salt=4),
        "down": whole(draw, 0, 2),
        "right": whole(draw, 0, 2),
    }


def _moved(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """Go through the pixels one by one; what leaves on one side comes back on the other."""
    y, (height, width) = np.empty_like(x), x.shape
    for i, j in np.ndindex(height, width):
        y[(i + down) % height, (j + right) % width] = x[i, j]
    return y


def _layer(matrix: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (matrix * x.ravel()).sum(axis=1).reshape(x.shape)


def _gap(matrix: np.ndarray, x: np.ndarray, down: int, right: int) -> np.ndarray:
    first, then = _layer(matrix, _moved(x, down, right)), _moved(_layer(matrix, x), down, right)
    return first - then


def _swapped(matrix: np.ndarray, x: np.ndarray, down: int, right: int) -> np.ndarray:
    return np.abs(_gap(matrix, x, right, down)).max()


shift_error = Task(
    name="weight_sharing.shift_error",
    title="A test that catches a layer",
    cases=_shift_cases(),
    oracle=lambda matrix, x, down, right: np.asarray(np.abs(_gap(matrix, x, down, right)).max()),
    mistakes=(
        Mistake(
            "invariance",
            lambda matrix, x, down, right: np.abs(
                _layer(matrix, _moved(x, down, right)) - _layer(matrix, x)
            ).max(),
            "This tests for *invariance*: that the answer stays. An equivariant layer's answer "
            "moves along with the image.",
        ),
        Mistake(
            "shifted back",
            lambda matrix, x, down, right: np.abs(
                _layer(matrix, _moved(x, down, right)) - _moved(_layer(matrix, x), -down, -right)
            ).max(),
            "This is what you get when the image moves one way and the answer the other way.",
        ),
        Mistake(
            "axes swapped",
            _swapped,
            "This is what you get when the axes are swapped: down moves along the rows, axis 0.",
        ),
        Mistake(
            "sign kept",
            lambda matrix, x, down, right: _gap(matrix, x, down, right).max(),
            "This is the largest difference with its sign: one of -5 would count for nothing.",
        ),
        Mistake(
            "sum",
            lambda matrix, x, down, right: np.abs(_gap(matrix, x, down, right)).sum(),
            "This is the sum of all differences; the largest was asked for.",
        ),
    ),
    hints=(
        "There are two ways from the image to a shifted answer. Which two?",
        "np.roll(x, (down, right), (0, 1)) shifts a picture around the corner.",
        "Shift and then apply; apply and then shift; the largest absolute difference of the two.",
    ),
)
