"""Random changes to a batch that leave its labels true. Each works as the `augment` of `fit`."""

from __future__ import annotations

import numpy as np


def random_shift(x: np.ndarray, rng: np.random.Generator, *, max_shift: int = 2) -> np.ndarray:
    """Move every image by up to `max_shift` whole pixels along each axis; zeros come in.

    `x` is (N, C, H, W); the result is a new array of the same shape and dtype.
    """
    return random_crop(x, rng, padding=max_shift)


def random_crop(
    x: np.ndarray,
    rng: np.random.Generator,
    *,
    padding: int = 4,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Frame every image with `padding` zeros and cut a window at a random place out of it.

    `x` is (N, C, H, W); the window has `size` (h, w), by default that of the image. Returns a new
    array (N, C, h, w). With padding 4 on 32x32 images, the usual augmentation of CIFAR-10
    (He et al. 2016, section 4.2).
    """
    n, channels, height, width = _image_shape(x)
    h, w = (height, width) if size is None else size
    if padding < 0:
        raise ValueError(f"padding is {padding}; expected 0 or more pixels.")
    if not (1 <= h <= height + 2 * padding and 1 <= w <= width + 2 * padding):
        raise ValueError(
            f"size is {(h, w)}; expected at least (1, 1) and at most the framed image, "
            f"{(height + 2 * padding, width + 2 * padding)}. Take a smaller size or more padding."
        )
    framed = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    top = rng.integers(0, height + 2 * padding - h + 1, size=n)
    left = rng.integers(0, width + 2 * padding - w + 1, size=n)
    out = np.empty((n, channels, h, w), x.dtype)
    for i in range(n):
        out[i] = framed[i, :, top[i] : top[i] + h, left[i] : left[i] + w]
    return out


def random_flip(x: np.ndarray, rng: np.random.Generator, *, p: float = 0.5) -> np.ndarray:
    """Mirror every image left to right with probability `p`. Not for characters: a `b` becomes `d`.

    `x` is (N, C, H, W); the result is a new array of the same shape and dtype.
    """
    _image_shape(x)
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}; expected a probability, 0 to 1.")
    mirrored = rng.random(len(x)) < p
    return np.where(mirrored[:, None, None, None], x[..., ::-1], x)


def _image_shape(x: np.ndarray) -> tuple[int, ...]:
    if x.ndim != 4:
        raise ValueError(
            f"x has shape {x.shape}; expected 4 axes (N, C, H, W). One image? Use x[None]."
        )
    return x.shape
