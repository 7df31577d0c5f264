"""The layer itself: its output size, one channel, all of it."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref
from minicnn.learn.tasks.one_layer._sizes import layer_sizes


# --- how many outputs -------------------------------------------------------------------------
@composite
def _size_cases(draw: DrawFn) -> Case:
    k, stride, padding = whole(draw, 1, 5), whole(draw, 1, 3), whole(draw, 0, 3)
    dilation, room = whole(draw, 1, 3), whole(draw, 0, 9)
    n = max(1, dilation * (k - 1) + 1 - 2 * padding + room)
    return {"n": n, "k": k, "stride": stride, "padding": padding, "dilation": dilation}


output_size = Task(
    name="one_layer.output_size",
    title="How many outputs?",
    cases=_size_cases(),
    oracle=ref.windows_that_fit,
    mistakes=(
        Mistake(
            "rounded up",
            lambda n, k, stride, padding, dilation: (
                -((dilation * (k - 1) + 1 - n - 2 * padding) // stride) + 1
            ),
            "This is what you get when the division is rounded up: the last window hangs over.",
        ),
        Mistake(
            "dilation forgotten",
            lambda n, k, stride, padding, dilation: (n + 2 * padding - k) // stride + 1,
            "This is what you get when the dilation is forgotten.",
        ),
        Mistake(
            "dilated extent",
            lambda n, k, stride, padding, dilation: (n + 2 * padding - dilation * k) // stride + 1,
            "This is what you get when a dilated kernel is taken to be dilation * k wide; "
            "after the last tap there is no gap.",
        ),
        Mistake(
            "padding on one side",
            lambda n, k, stride, padding, dilation: (
                (n + padding - dilation * (k - 1) - 1) // stride + 1
            ),
            "This is what you get when the padding is counted on one side only.",
        ),
        Mistake(
            "padding after stride",
            lambda n, k, stride, padding, dilation: (
                (n - dilation * (k - 1) - 1) // stride + 1 + 2 * padding
            ),
            "This is what you get when the padding is added after the stride has divided.",
        ),
        Mistake(
            "fence posts",
            lambda n, k, stride, padding, dilation: (
                (n + 2 * padding - dilation * (k - 1) - 1) // stride
            ),
            "This is what you get when the first window is not counted: n steps join n + 1 places.",
        ),
    ),
    hints=(
        "Put the kernel at the far left. How many more times can you move it by `stride`?",
        "Two lengths decide: that of the padded line, and that from the kernel's first tap to its "
        "last. What is left over for moving?",
        "Room to move, divided by the stride and rounded in the right direction, plus the place "
        "where you started.",
    ),
)


# --- one channel ------------------------------------------------------------------------------
@composite
def _single_cases(draw: DrawFn) -> Case:
    r, s, room = whole(draw, 1, 3), whole(draw, 1, 3), (whole(draw, 0, 2), whole(draw, 0, 2))
    x = fill((r + room[0], s + room[1]), draw_seed(draw))
    return {"x": x, "w": fill((r, s), draw_seed(draw), salt=1)}


def _single(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return ref.correlate(x[None, None], w[None, None])[0, 0]


conv2d_single = Task(
    name="one_layer.conv2d_single",
    title="One channel, four loops",
    cases=_single_cases(),
    oracle=_single,
    mistakes=(
        Mistake(
            "flipped kernel",
            lambda x, w: _single(x, w[::-1, ::-1]),
            "This is what you get when the kernel is flipped: "
            "convolution instead of cross-correlation.",
        ),
        Mistake(
            "transposed kernel",
            lambda x, w: _single(x, w.T),
            "This is what you get when the kernel's rows and columns are swapped.",
        ),
        Mistake(
            "last tap only",
            lambda x, w: _single(x[w.shape[0] - 1 :, w.shape[1] - 1 :], w[-1:, -1:]),
            "This is what you get when each product overwrites the one before: = instead of +=.",
        ),
        Mistake(
            "window does not move",
            lambda x, w: _single(x, np.eye(1, w.size).reshape(w.shape) * w.sum()),
            "This is what you get when every tap reads the same pixel: the taps' own offsets "
            "are missing from the index of x.",
        ),
        Mistake(
            "one too small",
            lambda x, w: _single(x, w)[:-1, :-1],
            "This is what you get when the output is H - R by W - S: "
            "one row and one column are missing.",
        ),
    ),
    hints=(
        "Which pixel of x meets the tap w[r, s] when the window's corner is at (p, q)?",
        "The output is smaller than the input. Its size is the first task with stride 1, "
        "no padding and no dilation.",
        "Make an output of zeros; loop over p and q; inside, loop over r and s and add one "
        "product each time.",
    ),
)


# --- the whole layer --------------------------------------------------------------------------
@composite
def _layer_cases(draw: DrawFn) -> Case:
    layer = layer_sizes(draw)
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    return {
        "x": fill(layer["x"], draw_seed(draw), dtype=dtype),
        "w": fill(layer["w"], draw_seed(draw), salt=1, dtype=dtype),
        "b": fill(layer["w"][:1], draw_seed(draw), salt=2, dtype=dtype),
        "stride": layer["stride"],
        "padding": layer["padding"],
    }


def _conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int, padding: int) -> np.ndarray:
    return ref.correlate(x, w, stride, padding) + b[:, None, None]


def _padding_before_stride(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int, padding: int
) -> np.ndarray:
    """Read x[(p - padding) * stride + r] where x[p * stride - padding + r] is meant."""
    p, q = _conv2d(x, w, b, stride, padding).shape[2:]
    return _conv2d(x, w, b, stride, padding * stride)[:, :, :p, :q]


def _stride_in_shape_only(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int, padding: int
) -> np.ndarray:
    p, q = _conv2d(x, w, b, stride, padding).shape[2:]
    return _conv2d(x, w, b, 1, padding)[:, :, :p, :q]


conv2d = Task(
    name="one_layer.conv2d",
    title="The whole layer, seven loops",
    cases=_layer_cases(),
    oracle=_conv2d,
    mistakes=(
        Mistake(
            "flipped kernel",
            lambda x, w, b, stride, padding: _conv2d(x, w[:, :, ::-1, ::-1], b, stride, padding),
            "This is what you get when the kernel is flipped: "
            "convolution instead of cross-correlation.",
        ),
        Mistake(
            "padding after stride",
            _padding_before_stride,
            "This is what you get when the stride also multiplies the padding: "
            "the window starts at p * stride - padding, not at (p - padding) * stride.",
        ),
        Mistake(
            "stride forgotten",
            _stride_in_shape_only,
            "This is what you get when the stride shrinks the output but is missing from the "
            "index of x: neighbouring windows must be `stride` pixels apart.",
        ),
        Mistake(
            "last channel only",
            lambda x, w, b, stride, padding: _conv2d(x[:, -1:], w[:, -1:], b, stride, padding),
            "This is what you get when each channel overwrites the one before: "
            "the channels must be summed.",
        ),
        Mistake(
            "mean over channels",
            lambda x, w, b, stride, padding: _conv2d(x, w / x.shape[1], b, stride, padding),
            "This is what you get when the channels are averaged; they are summed.",
        ),
        Mistake(
            "bias forgotten",
            lambda x, w, b, stride, padding: _conv2d(x, w, 0 * b, stride, padding),
            "This is what you get when the bias is forgotten.",
        ),
        Mistake(
            "bias for each channel",
            lambda x, w, b, stride, padding: _conv2d(x, w, x.shape[1] * b, stride, padding),
            "This is what you get when the bias is added inside the loop over channels: "
            "it belongs to the output, once.",
        ),
    ),
    hints=(
        "Your one-channel function answers the question for one image, one filter and one "
        "channel. Which three loops are missing, and which of them adds up?",
        "Padding is easiest first: copy x into the middle of a larger array of zeros, and never "
        "think of it again.",
        "Seven loops: n, k, p, q choose the output; c, r, s run over what it sums. "
        "Start each output at its bias.",
    ),
)
