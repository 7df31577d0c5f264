"""MNIST and Fashion-MNIST: the IDX format (LeCun et al. 1998, http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from minicnn.data.download import EMBEDDED, contents, fetch
from minicnn.data.errors import DataError
from minicnn.data.registry import IDX_SETS, Split

_UNSIGNED_BYTE = 0x08


def parse_idx(raw: bytes, source: str) -> np.ndarray:
    """Array held in an IDX file of unsigned bytes.

    The format: two zero bytes, a type code (0x08: unsigned byte), the number of axes, their sizes
    as big-endian 32-bit integers, and the values in row-major order.

    Parameters
    ----------
    raw : the whole (decompressed) file.
    source : its name, for messages.

    Returns
    -------
    uint8 array of the shape the header gives, read-only.
    """
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UNSIGNED_BYTE:
        raise DataError(
            f"{source} is not an IDX file of unsigned bytes: it begins with 0x{raw[:4].hex()}, "
            f"expected 0x000008 and the number of axes. Replace it with the published file."
        )
    begin = 4 + 4 * raw[3]
    shape = tuple(
        int.from_bytes(raw[at : at + 4], "big") for at in range(4, min(begin, len(raw)), 4)
    )
    expected = begin + math.prod(shape)
    if len(raw) != expected:
        raise DataError(
            f"{source} holds {len(raw)} bytes; its header (shape {shape}) asks for {expected}. "
            f"It was cut short or damaged: delete it and load again. {EMBEDDED}"
        )
    return np.frombuffer(raw, np.uint8, offset=begin).reshape(shape)


def load_split(
    dataset: str, split: Split, *, cache: Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 1, H, W) uint8 and labels (N,) int64 of one part, checked against each other."""
    arrays = []
    for file in split:
        path = fetch(dataset, file, cache=cache)
        arrays.append(parse_idx(contents(dataset, path), f"{dataset}: {path}"))
    images, labels = arrays
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{dataset}: {split.images.name} has shape {images.shape} and {split.labels.name} "
            f"{labels.shape}; expected (N, H, W) images and N labels. They are not of one set: "
            f"replace both. {EMBEDDED}"
        )
    return images[:, None], labels.astype(np.int64)


def load_idx_set(dataset: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test part of ``"mnist"`` or ``"fashion_mnist"``, images as uint8."""
    train, test = IDX_SETS[dataset]
    return *load_split(dataset, train), *load_split(dataset, test)
