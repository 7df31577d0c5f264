"""A window that slides: convolution and pooling, one step after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minicnn import ops
from minicnn.viz.grids import draw_grid, outline, sheet
from minicnn.viz.style import CYCLE, GREY, INPUT, KERNEL, OUTPUT, as_matrix, tint


def conv_window(
    x: Any,
    w: Any,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    positions: Sequence[tuple[int, int]] = ((0, 0), (0, 1)),
    fmt: str = "{:.3g}",
) -> Figure:
    """Draw some steps of a convolution: window on the input, kernel, output so far.

    Parameters
    ----------
    x, w : array (H, W) and (R, S)
        One channel of an image, one kernel.
    stride, padding, dilation : int
        The same for rows and columns.
    positions : sequence of (p, q)
        One row of pictures for each of these entries of the output.
    """
    image, kernel = as_matrix(x, "x").astype(float), as_matrix(w, "w").astype(float)
    output = ops.conv2d(
        image[None, None], kernel[None, None], stride=stride, padding=padding, dilation=dilation
    )[0, 0]
    _check_positions(positions, output.shape)
    padded = np.pad(image, padding)
    border = np.pad(np.zeros(image.shape, dtype=bool), padding, constant_values=True)
    fig, axes = sheet([[padded.shape, kernel.shape, output.shape]] * len(positions))
    for (p, q), (left, middle, right) in zip(positions, axes, strict=True):
        fills = np.tile(tint(INPUT, 0.18), (*padded.shape, 1))
        fills[border] = tint(GREY, 0.2)
        top, start = p * stride, q * stride
        high, wide = (dilation * (n - 1) + 1 for n in kernel.shape)
        fills[top : top + high : dilation, start : start + wide : dilation] = tint(KERNEL, 0.6)
        draw_grid(
            left,
            padded,
            fills=fills,
            fmt=fmt,
            axes_names=("row h", "column w"),
            first=-padding,
            faint=border,
        )
        outline(left, (top, start), (high, wide))
        draw_grid(
            middle,
            kernel,
            fills=np.tile(tint(KERNEL, 0.6), (*kernel.shape, 1)),
            fmt=fmt,
            axes_names=("row r", "column s"),
        )
        known = np.arange(output.size).reshape(output.shape) <= p * output.shape[1] + q
        draw_grid(
            right,
            np.where(known, output, np.nan),
            fills=np.tile(tint(OUTPUT, 0.18), (*output.shape, 1)),
            fmt=fmt,
            axes_names=("row p", "column q"),
        )
        outline(right, (p, q), (1, 1))
        left.set_title("input x", loc="left")
        middle.set_title("kernel w", loc="left")
        right.set_title(f"output y[{p}, {q}]", loc="left")
    return fig


def pool_windows(
    x: Any,
    kernel_size: int = 2,
    *,
    stride: int | None = None,
    mode: str = "max",
    fmt: str = "{:.3g}",
) -> Figure:
    """Draw a pooling: each window of the input and its output entry share one colour.

    The winners of max pooling are framed. `stride` is `kernel_size` by default; `x` is (H, W).
    """
    if mode not in ("max", "average"):
        raise ValueError(f"mode is {mode!r}; it wants 'max' or 'average'. Pick one of the two.")
    image = as_matrix(x, "x").astype(float)
    step = kernel_size if stride is None else stride
    pool = ops.max_pool2d if mode == "max" else ops.avg_pool2d
    output = pool(image[None, None], kernel_size, stride=step)[0, 0]
    fig, [(left, right)] = sheet([[image.shape, output.shape]])
    fills = np.tile(tint(GREY, 0.2), (*image.shape, 1))
    colors = np.empty((*output.shape, 3))
    for p, q in np.ndindex(*output.shape):
        color = CYCLE[(2 * p + q) % 5]
        rows, columns = (slice(i * step, i * step + kernel_size) for i in (p, q))
        colors[p, q] = tint(color, 0.45)
        if step >= kernel_size:
            fills[rows, columns] = colors[p, q]
        else:  # windows overlap: frames, one inside the other, instead of fills
            inset = 0.06 + 0.08 * ((p + q) % 2)
            side = kernel_size - 2 * inset
            outline(left, (rows.start + inset, columns.start + inset), (side, side), color)
        if mode == "max":
            winner = np.unravel_index(image[rows, columns].argmax(), image[rows, columns].shape)
            place = (rows.start + winner[0] + 0.12, columns.start + winner[1] + 0.12)
            outline(left, place, (0.76, 0.76), "black")
    draw_grid(left, image, fills=fills, fmt=fmt, axes_names=("row h", "column w"))
    draw_grid(right, output, fills=colors, fmt=fmt, axes_names=("row p", "column q"))
    left.set_title("input x", loc="left")
    right.set_title(f"{mode} of each window", loc="left")
    return fig


def window_ladder(cases: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw every position of a window along one axis, one line each, below the input it reads.

    Two pictures go side by side.

    Parameters
    ----------
    cases : mapping of str to mapping
        Title, and the numbers ``size``, ``kernel``, ``stride``, ``padding``, ``dilation`` of one
        picture (the last three are 1, 0, 1 when left out).
    """
    if not cases:
        raise ValueError("cases is empty; it wants one case or more. Pass {'': {'size': 7, ...}}.")
    ladders = {title: _ladder(**case) for title, case in cases.items()}
    sizes = [fills.shape[:2] for fills, _ in ladders.values()]
    fig, axes = sheet([sizes[i : i + 2] for i in range(0, len(sizes), 2)])
    flat = [ax for row in axes for ax in row]
    for (title, (fills, first)), ax in zip(ladders.items(), flat, strict=True):
        rows, columns, _ = fills.shape
        numbers = np.full((rows, columns), np.nan)
        draw_grid(ax, numbers, fills=fills, axes_names=("", "input column w"), first=first)
        ax.set_yticks(range(rows), ["x", *(f"y[{p}]" for p in range(rows - 1))])
        ax.set_title(title, loc="left")
    return fig


def _ladder(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[np.ndarray, int]:
    """Return the colours (1 + positions, size + 2 * padding, 3), and the first cell's number."""
    shape = ops.conv2d_out_shape(
        (1, 1, size, 1),
        (1, 1, kernel, 1),
        stride=(stride, 1),
        padding=(padding, 0),
        dilation=(dilation, 1),
        groups=1,
    )
    positions, extent = shape[2], dilation * (kernel - 1) + 1
    fills = np.ones((1 + positions, size + 2 * padding, 3))
    fills[0] = tint(GREY, 0.35)
    fills[0, padding : padding + size] = tint(INPUT, 0.6)
    for p in range(positions):
        start = p * stride
        fills[1 + p, start : start + extent] = tint(KERNEL, 0.2)
        fills[1 + p, start : start + extent : dilation] = tint(KERNEL, 0.85)
    return fills, -padding


def _check_positions(positions: Sequence[tuple[int, int]], shape: tuple[int, int]) -> None:
    for p, q in positions:
        if not (0 <= p < shape[0] and 0 <= q < shape[1]):
            raise ValueError(
                f"positions holds {(p, q)}; the output has shape {shape}. "
                f"Use 0 <= p < {shape[0]} and 0 <= q < {shape[1]}."
            )
