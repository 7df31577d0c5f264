"""Reference answers by the plainest road: no code is shared with `minicnn.ops` or the kernels.

Arrays are laid out as everywhere in the book: images (N, C, H, W), weights (K, C, R, S).
"""

from __future__ import annotations

import numpy as np


def windows_that_fit(n: int, k: int, stride: int, padding: int, dilation: int) -> int:
    """Count the places of a kernel by walking from the first one to the last."""
    reach = dilation * (k - 1)
    count, start = 0, -padding
    while start + reach <= n - 1 + padding:
        count, start = count + 1, start + stride
    return count


def pad(x: np.ndarray, padding: int, value: float = 0.0) -> np.ndarray:
    """Put a frame of `value` around the last two axes."""
    h, w = x.shape[-2:]
    wide = np.full((*x.shape[:-2], h + 2 * padding, w + 2 * padding), value, dtype=x.dtype)
    wide[..., padding : padding + h, padding : padding + w] = x
    return wide


def correlate(x: np.ndarray, w: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """Cross-correlate images with kernels: one strided picture for each tap of the kernel."""
    (n, _, height, width), (k, _, taps_down, taps_across) = x.shape, w.shape
    p = windows_that_fit(height, taps_down, stride, padding, 1)
    q = windows_that_fit(width, taps_across, stride, padding, 1)
    wide = pad(x, padding)
    y = np.zeros((n, k, p, q), dtype=x.dtype)
    for r in range(taps_down):
        for s in range(taps_across):
            seen = wide[:, :, r : r + stride * (p - 1) + 1 : stride]
            seen = seen[:, :, :, s : s + stride * (q - 1) + 1 : stride]
            y += np.einsum("ncpq,kc->nkpq", seen, w[:, :, r, s])
    return y


def weight_gradient(
    dy: np.ndarray, x: np.ndarray, w_shape: tuple[int, ...], stride: int, padding: int
) -> np.ndarray:
    """Nudge each weight by one and see what it does to sum(dy * y).

    The convolution is linear in its weights, so a difference of any size is the exact derivative.
    One filter for each weight of a single kernel does all the nudges at once.
    """
    k, *kernel = w_shape
    nudges = np.eye(int(np.prod(kernel)), dtype=x.dtype).reshape(-1, *kernel)
    moved = correlate(x, nudges, stride, padding)
    return np.einsum("nkpq,nipq->ki", dy, moved).reshape(k, *kernel)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, x_shape: tuple[int, ...], stride: int, padding: int
) -> np.ndarray:
    """Nudge each input pixel by one and see what it does to sum(dy * y); exact as above."""
    n, *image = x_shape
    nudges = np.eye(int(np.prod(image)), dtype=w.dtype).reshape(-1, *image)
    moved = correlate(nudges, w, stride, padding)
    return np.einsum("nkpq,ikpq->ni", dy, moved).reshape(n, *image)


def pool_windows(x: np.ndarray, k: int, stride: int) -> np.ndarray:
    """Return the windows of x, shape (N, C, P, Q, k, k), as a copy."""
    p = windows_that_fit(x.shape[2], k, stride, 0, 1)
    q = windows_that_fit(x.shape[3], k, stride, 0, 1)
    out = np.empty((*x.shape[:2], p, q, k, k), dtype=x.dtype)
    for i in range(p):
        for j in range(q):
            out[:, :, i, j] = x[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
    return out


def max_pool(x: np.ndarray, k: int, stride: int, padding: int = 0) -> np.ndarray:
    """Return the largest entry of every window; the frame never wins."""
    return pool_windows(pad(x, padding, -np.inf), k, stride).max(axis=(-2, -1))


def max_pool_gradient(dy: np.ndarray, x: np.ndarray, k: int, stride: int) -> np.ndarray:
    """Differentiate sum(dy * max_pool(x)) by central differences, ties going to the first.

    Ties are broken by lowering each pixel a little more than the one before it, which leaves all
    other comparisons between whole numbers as they are.
    """
    count = x[0, 0].size
    step = 1 / (4 * count)
    ranked = x - 2 * step * np.arange(count).reshape(x.shape[2:])
    n, c, h, w = x.shape
    dx = np.zeros((n, c, h * w), dtype=x.dtype)
    for i in range(h * w):
        nudge = np.zeros(h * w, dtype=x.dtype)
        nudge[i] = step / 2
        up = max_pool(ranked + nudge.reshape(h, w), k, stride)
        down = max_pool(ranked - nudge.reshape(h, w), k, stride)
        dx[:, :, i] = ((up - down) * dy).sum(axis=(2, 3)) / step
    return dx.reshape(x.shape)
