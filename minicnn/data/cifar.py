"""CIFAR-10 (Krizhevsky 2009): 32x32 colour photographs, read from its binary archive."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np

from minicnn.data.download import EMBEDDED, fetch
from minicnn.data.errors import DataError
from minicnn.data.registry import CIFAR10, RemoteFile

_FOLDER = "cifar-10-batches-bin/"
_TRAIN = tuple(f"{_FOLDER}data_batch_{i}.bin" for i in range(1, 6))
_TEST = (f"{_FOLDER}test_batch.bin",)
_IMAGE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes


def load_cifar10(
    file: RemoteFile = CIFAR10, *, cache: Path | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test part: images (N, 3, 32, 32) uint8, labels (N,) int64.

    The members are read from within the archive; nothing is unpacked to disk.
    """
    path = fetch("cifar10", file, cache=cache)
    try:
        with tarfile.open(path, "r:gz") as archive:
            train = np.concatenate([_records(archive, name) for name in _TRAIN])
            test = np.concatenate([_records(archive, name) for name in _TEST])
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"cifar10: {path} cannot be read as a .tar.gz archive ({error}). "
            f"Delete it and load again. {EMBEDDED}"
        ) from error
    return *_split(train), *_split(test)


def _records(archive: tarfile.TarFile, name: str) -> np.ndarray:
    try:
        stream = archive.extractfile(name)
    except KeyError:
        stream = None
    raw = stream.read() if stream else b""
    if not raw or len(raw) % _RECORD:
        raise DataError(
            f"cifar10: {name} in {archive.name!s} holds {len(raw)} bytes; expected a multiple of "
            f"{_RECORD}. The archive is not the published one: delete it and load again. {EMBEDDED}"
        )
    return np.frombuffer(raw, np.uint8).reshape(-1, _RECORD)


def _split(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return records[:, 1:].reshape(-1, *_IMAGE), records[:, 0].astype(np.int64)
