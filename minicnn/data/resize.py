"""Fewer pixels: the middle of an image, or the whole of it in less detail.

Both change what a network costs in proportion to the area: half the side is a quarter of the work
of every convolution.
"""

from __future__ import annotations

import numpy as np

Size = int | tuple[int, int]


def center_crop(x: np.ndarray, size: Size) -> np.ndarray:
    """Cut the middle out of every image; of an odd rest the larger part goes at the end.

    `x` is (N, C, H, W); `size` is (h, w), or one number for both. Returns a new array (N, C, h, w).
    """
    height, width, h, w = _sizes("center_crop", x, size)
    if h > height or w > width:
        raise ValueError(
            f"size is {(h, w)}; center_crop wants at most that of the images, {(height, width)}. "
            "To enlarge them use data.resize; for a frame of zeros use np.pad."
        )
    top, left = (height - h) // 2, (width - w) // 2
    return x[:, :, top : top + h, left : left + w].copy()


def resize(x: np.ndarray, size: Size) -> np.ndarray:
    """Draw every image with another number of pixels.

    Along an axis that shrinks, a new pixel is the mean of the part of the image that it covers
    (pixels at its edge count by their share). Along an axis that grows, it is interpolated between
    the centres of the two nearest; the outermost pixels go on to the border.

    `x` is (N, C, H, W) of float32 or float64; `size` is (h, w), or one number for both. Returns a
    new array (N, C, h, w) of the same dtype.
    """
    height, width, h, w = _sizes("resize", x, size)
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"x has dtype {x.dtype}; resize wants float32 or float64. Use x.astype(np.float32)."
        )
    rows, columns = (_weights(*n).astype(x.dtype) for n in ((height, h), (width, w)))
    return np.ascontiguousarray(rows @ x @ columns.T)


def _weights(old: int, new: int) -> np.ndarray:
    """Return how much each new pixel takes of each old one, (new, old); rows sum to 1."""
    if new == old:
        return np.eye(old)
    pixels = np.arange(old)
    if new < old:
        start = np.arange(new)[:, None] * (old / new)
        stop = start + old / new
        covered = np.minimum(stop, pixels + 1) - np.maximum(start, pixels)
        shares: np.ndarray = np.maximum(covered, 0)
    else:
        centre = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)[:, None]
        shares = np.maximum(1 - np.abs(centre - pixels), 0)
    normed: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return normed


def _sizes(name: str, x: np.ndarray, size: Size) -> tuple[int, int, int, int]:
    """Return height and width of the images and of the result."""
    if x.ndim != 4 or not len(x):
        raise ValueError(
            f"x has shape {x.shape}; {name} wants (N, C, H, W), N at least 1. One image? "
            "Use x[None]."
        )
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    whole = len(pair) == 2 and all(isinstance(n, int | np.integer) and n >= 1 for n in pair)
    if not whole:
        raise ValueError(
            f"size is {size!r}; {name} wants a whole number from 1, or two (h, w). Use size=14."
        )
    return x.shape[2], x.shape[3], int(pair[0]), int(pair[1])
