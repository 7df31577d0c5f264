"""The three gradients of the layer."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG001

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref
from minicnn.learn.tasks.one_layer._sizes import layer_sizes


# --- the three gradients ----------------------------------------------------------------------
@composite
def _bias_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3))
    return {"dy": fill(shape, draw_seed(draw))}


def _bias_gradient(dy: np.ndarray) -> np.ndarray:
    db = np.zeros(dy.shape[1], dtype=dy.dtype)
    for image in dy:
        for k, picture in enumerate(image):
            for value in picture.flat:
                db[k] += value
    return db


grad_bias = Task(
    name="one_layer.grad_bias",
    title="The gradient of the bias",
    cases=_bias_cases(),
    oracle=_bias_gradient,
    mistakes=(
        Mistake(
            "mean over the batch",
            lambda dy: dy.sum(axis=(0, 2, 3)) / len(dy),
            "This is what you get when the gradient is averaged over the batch; it is a sum. "
            "If the loss is a mean, dy already holds the 1/N.",
        ),
        Mistake(
            "not summed over the batch",
            lambda dy: dy.sum(axis=(2, 3)),
            "This is what you get when the gradient is not summed over the batch: "
            "every image uses the same bias.",
        ),
        Mistake(
            "first image only",
            lambda dy: dy[0].sum(axis=(1, 2)),
            "This is what you get when only the first image of the batch is counted.",
        ),
        Mistake(
            "mean over positions",
            lambda dy: dy.mean(axis=(2, 3)).sum(axis=0),
            "This is what you get when the gradient is averaged over the positions; it is a sum.",
        ),
        Mistake(
            "filters summed too",
            lambda dy: dy.sum(),
            "This is what you get when the filters are summed too: each has a bias of its own.",
        ),
    ),
    hints=(
        "Raise b[k] by a little. Which entries of y move, and by how much?",
        "Everything that one bias touches adds to its gradient (the chain rule sums over paths).",
        "Four axes come in, one stays: sum over all the others.",
    ),
)


@composite
def _weight_cases(draw: DrawFn) -> Case:
    layer = layer_sizes(draw)
    return {
        "dy": fill(layer["y"], draw_seed(draw), salt=3),
        "x": fill(layer["x"], draw_seed(draw)),
        "w_shape": layer["w"],
        "stride": layer["stride"],
        "padding": layer["padding"],
    }


def _weight_gradient_stride_forgotten(
    dy: np.ndarray, x: np.ndarray, w_shape: tuple[int, ...], stride: int, padding: int
) -> np.ndarray:
    wide, dw = ref.pad(x, padding), np.zeros(w_shape, dtype=x.dtype)
    p, q = dy.shape[2:]
    for r in range(w_shape[2]):
        for s in range(w_shape[3]):
            seen = wide[:, :, r : r + p, s : s + q]
            dw[:, :, r, s] = np.einsum("nkpq,ncpq->kc", dy, seen)
    return dw


grad_weight = Task(
    name="one_layer.grad_weight",
    title="The gradient of the weights",
    cases=_weight_cases(),
    oracle=ref.weight_gradient,
    mistakes=(
        Mistake(
            "mean over the batch",
            lambda dy, x, w_shape, stride, padding: (
                ref.weight_gradient(dy, x, w_shape, stride, padding) / len(x)
            ),
            "This is what you get when the gradient is averaged over the batch; it is a sum. "
            "If the loss is a mean, dy already holds the 1/N.",
        ),
        Mistake(
            "last image only",
            lambda dy, x, w_shape, stride, padding: ref.weight_gradient(
                dy[-1:], x[-1:], w_shape, stride, padding
            ),
            "This is what you get when each image overwrites the one before: "
            "the gradient is not summed over the batch.",
        ),
        Mistake(
            "not summed over the batch",
            lambda dy, x, w_shape, stride, padding: np.stack(
                [
                    ref.weight_gradient(dy[i : i + 1], x[i : i + 1], w_shape, stride, padding)
                    for i in range(len(x))
                ]
            ),
            "This is what you get when each image keeps a gradient of its own: "
            "sum over the batch, every image uses the same weights.",
        ),
        Mistake(
            "flipped kernel",
            lambda dy, x, w_shape, stride, padding: ref.weight_gradient(
                dy, x, w_shape, stride, padding
            )[:, :, ::-1, ::-1],
            "This is what you get when the gradient is flipped. The layer is a "
            "cross-correlation, and so is this gradient: nothing turns round here.",
        ),
        Mistake(
            "stride forgotten",
            _weight_gradient_stride_forgotten,
            "This is what you get when the stride is forgotten: dy[n, k, p, q] met the pixel at "
            "p * stride + r, not at p + r.",
        ),
    ),
    hints=(
        "In the forward pass w[k, c, r, s] multiplied many pixels. Which ones, and into which "
        "outputs did the products go?",
        "y[n, k, p, q] contains w[k, c, r, s] times one pixel of the padded x, so the derivative "
        "is that pixel. Then the chain rule.",
        "The same seven loops and the same index of x as in the forward pass; only the line in "
        "the middle changes: it adds to dw instead of to y.",
    ),
)


@composite
def _input_cases(draw: DrawFn) -> Case:
    layer = layer_sizes(draw)
    return {
        "dy": fill(layer["y"], draw_seed(draw), salt=3),
        "w": fill(layer["w"], draw_seed(draw), salt=1),
        "x_shape": layer["x"],
        "stride": layer["stride"],
        "padding": layer["padding"],
    }


def _scatter(
    dy: np.ndarray,
    w: np.ndarray,
    x_shape: tuple[int, ...],
    stride: int,
    padding: int,
    *,
    step: int | None = None,
    overwrite: bool = False,
) -> np.ndarray:
    """Spread dy back by loops, on the padded frame; `step` and `overwrite` make mistakes."""
    n, c, height, width = x_shape
    step = stride if step is None else step
    dx = np.zeros((n, c, height + 2 * padding, width + 2 * padding), dtype=dy.dtype)
    for p in range(dy.shape[2]):
        for q in range(dy.shape[3]):
            share = np.einsum("nk,kcrs->ncrs", dy[:, :, p, q], w)
            rows = slice(p * step, p * step + w.shape[2])
            columns = slice(q * step, q * step + w.shape[3])
            dx[:, :, rows, columns] = share if overwrite else dx[:, :, rows, columns] + share
    return dx


def _cut(dx: np.ndarray, padding: int) -> np.ndarray:
    height, width = dx.shape[2:]
    return dx[:, :, padding : height - padding, padding : width - padding]


grad_input = Task(
    name="one_layer.grad_input",
    title="The gradient of the input",
    cases=_input_cases(),
    oracle=ref.input_gradient,
    mistakes=(
        Mistake(
            "kernel the wrong way round",
            lambda dy, w, x_shape, stride, padding: ref.input_gradient(
                dy, w[:, :, ::-1, ::-1], x_shape, stride, padding
            ),
            "This is what you get when the kernel is the wrong way round. Seen from a pixel, the "
            "window that reads it with its last tap comes before the one that uses its first.",
        ),
        Mistake(
            "overwritten",
            lambda dy, w, x_shape, stride, padding: _cut(
                _scatter(dy, w, x_shape, stride, padding, overwrite=True), padding
            ),
            "This is what you get when overlapping windows overwrite each other: "
            "a pixel that several windows read collects from all of them.",
        ),
        Mistake(
            "padding not cut off",
            lambda dy, w, x_shape, stride, padding: _scatter(dy, w, x_shape, stride, padding),
            "This is what you get when the padding is not cut off: it was no part of x.",
        ),
        Mistake(
            "stride forgotten",
            lambda dy, w, x_shape, stride, padding: _cut(
                _scatter(dy, w, x_shape, stride, padding, step=1), padding
            ),
            "This is what you get when the stride is forgotten: neighbouring entries of dy belong "
            "to windows that are `stride` pixels apart.",
        ),
        Mistake(
            "last filter only",
            lambda dy, w, x_shape, stride, padding: ref.input_gradient(
                dy[:, -1:], w[-1:], x_shape, stride, padding
            ),
            "This is what you get when only the last filter counts: "
            "every filter reads the input, so the filters are summed.",
        ),
    ),
    hints=(
        "One pixel of x is read by several windows. Where does each of them send its share of dy?",
        "Think of it backwards: instead of asking who read this pixel, let every dy[n, k, p, q] "
        "hand out its shares to the pixels that its window covered.",
        "Make a padded frame of zeros; seven loops with the forward pass's index on the left-hand "
        "side of +=; cut the frame off at the end.",
    ),
)
