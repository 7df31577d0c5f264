"""Handwritten digits, 1797 scans of 8x8 pixels, embedded (UCI optical digits, Alpaydin 1998)."""

from __future__ import annotations

from importlib import resources

import numpy as np

N_TRAIN = 1437  # the other 360, a fifth of every class, are the test part
LEVELS = 16  # a pixel counts the inked points, 0 to 16, in a 4x4 block of the scan


def load_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test part: images (N, 1, 8, 8) uint8 from 0 to 16, labels (N,) int64.

    The split is fixed: it is the order in which the images are stored.
    """
    with (
        resources.files("minicnn.data").joinpath("digits.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as stored,
    ):
        x, y = stored["images"][:, None], stored["labels"].astype(np.int64)
    return x[:N_TRAIN], y[:N_TRAIN], x[N_TRAIN:], y[N_TRAIN:]
