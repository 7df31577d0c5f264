"""Inputs and outputs exchanged: the swapped kernel, and the transposed convolution."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


@composite
def _kernel_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3))
    return {"w": fill(shape, draw_seed(draw))}


def _swapped(w: np.ndarray) -> np.ndarray:
    """Move every weight to its new place, one at a time."""
    K, C, R, S = w.shape
    out = np.zeros((C, K, R, S), dtype=w.dtype)
    for k, c, r, s in np.ndindex(w.shape):
        out[c, k, R - 1 - r, S - 1 - s] = w[k, c, r, s]
    return out


swap_kernel = Task(
    name="kernel_exchange.swap_kernel",
    title="Exchange a kernel's inputs and outputs",
    cases=_kernel_cases(),
    oracle=_swapped,
    mistakes=(
        Mistake(
            "flip forgotten",
            lambda w: _swapped(w)[:, :, ::-1, ::-1],
            "This is what you get when the channels are exchanged but the taps are not flipped: "
            "what lay right of the window's middle must lie left of it now.",
        ),
        Mistake(
            "channels not exchanged",
            lambda w: w[:, :, ::-1, ::-1],
            "This is what you get when the taps are flipped but the channels are not exchanged: "
            "the first axis must count the old input channels.",
        ),
        Mistake(
            "reshaped",
            lambda w: w.reshape(w.shape[1], w.shape[0], *w.shape[2:])[:, :, ::-1, ::-1],
            "This is what you get when the channels are exchanged with reshape. It gives the right "
            "shape and deals the kernels out to the wrong pairs; exchanging axes is swapaxes.",
        ),
        Mistake(
            "one axis flipped",
            lambda w: _swapped(w)[:, :, ::-1],
            "This is what you get when only the columns of the taps are flipped: "
            "rows are flipped, too.",
        ),
    ),
    hints=(
        "w[k, c, r, s] leads from input channel c to output channel k. Where shall it lead now?",
        "Two exchanges: one of two axes, one of the order along two other axes. A slice with a "
        "step of -1 runs backwards.",
        "One line: exchange axes 0 and 1, then reverse axes 2 and 3.",
    ),
)


@composite
def _transpose_cases(draw: DrawFn) -> Case:
    n, c, k = whole(draw, 1, 2), whole(draw, 1, 2), whole(draw, 1, 2)
    h, width, r, s = (whole(draw, 1, 3) for _ in range(4))
    stride = whole(draw, 1, 3)
    smallest = min((h - 1) * stride + r, (width - 1) * stride + s)
    return {
        "x": fill((n, c, h, width), draw_seed(draw)),
        "w": fill((c, k, r, s), draw_seed(draw), salt=1),
        "stride": stride,
        "padding": min(whole(draw, 0, 1), (smallest - 1) // 2),
    }


def _transposed(x: np.ndarray, w: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """Nudge every output pixel and see what the plain convolution makes of it."""
    h, width = ((x.shape[i] - 1) * stride + w.shape[i] - 2 * padding for i in (2, 3))
    return ref.input_gradient(x, w, (len(x), w.shape[1], h, width), stride, padding)


def _scattered(x: np.ndarray, w: np.ndarray, step: int, overwrite: bool = False) -> np.ndarray:
    """Paint a kernel for each pixel, `step` apart, nothing cut off."""
    h, width = ((x.shape[i] - 1) * step + w.shape[i] for i in (2, 3))
    y = np.zeros((len(x), w.shape[1], h, width), dtype=x.dtype)
    for p, q in np.ndindex(x.shape[2:]):
        share = np.einsum("nc,ckrs->nkrs", x[:, :, p, q], w)
        place = np.s_[:, :, p * step : p * step + w.shape[2], q * step : q * step + w.shape[3]]
        y[place] = share if overwrite else y[place] + share
    return y


def _cut(y: np.ndarray, padding: int) -> np.ndarray:
    return y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]


conv_transpose2d = Task(
    name="kernel_exchange.conv_transpose2d",
    title="Transposed convolution",
    cases=_transpose_cases(),
    oracle=_transposed,
    mistakes=(
        Mistake(
            "kernel the wrong way round",
            lambda x, w, stride, padding: _transposed(x, w[:, :, ::-1, ::-1], stride, padding),
            "This is what you get when the kernel is the wrong way round. Painting kernels needs "
            "no flip; convolving the picture with zeros in it needs one.",
        ),
        Mistake(
            "one zero too many",
            lambda x, w, stride, padding: _cut(_scattered(x, w, stride + 1), padding),
            "This is what you get with `stride` zeros between two neighbours: "
            "to be `stride` apart they need one less.",
        ),
        Mistake(
            "stride forgotten",
            lambda x, w, stride, padding: _cut(_scattered(x, w, 1), padding),
            "This is what you get when the stride is forgotten: neighbours in x are `stride` "
            "pixels apart in y.",
        ),
        Mistake(
            "padding not cut off",
            lambda x, w, stride, padding: _scattered(x, w, stride),
            "This is what you get when the padding is not cut off. Everything is exchanged here: "
            "where the convolution adds a frame, this takes one away.",
        ),
        Mistake(
            "padding added",
            lambda x, w, stride, padding: ref.pad(_scattered(x, w, stride), padding),
            "This is what you get when a frame of zeros is put around y: here padding takes a "
            "frame away.",
        ),
        Mistake(
            "overwritten",
            lambda x, w, stride, padding: _cut(_scattered(x, w, stride, True), padding),
            "This is what you get when overlapping kernels overwrite each other: they add up.",
        ),
    ),
    hints=(
        "A convolution reads a window and writes one number. What does its exchange read, and what "
        "does it write?",
        "Two roads. Paint: every pixel of x adds a copy of the kernel, times itself, to y. Or "
        "convolve: put zeros between the pixels of x, swap the kernel (task 1), and use stride 1.",
        "Paint: y of zeros, ((H - 1) * stride + R) rows; loop over the pixels of x; add to a slice "
        "of y; cut `padding` rows and columns off on every side at the end.",
    ),
)
