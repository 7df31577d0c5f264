"""Data sets as four arrays, batches of them, and augmentation.

Embedded, no network needed: ``"digits"`` and ``"glyphs"``. Downloaded once, every byte checked:
``"mnist"``, ``"fashion_mnist"`` and ``"cifar10"``; the environment variable ``MINICNN_DATA`` names
a folder that already has their files.
"""

from __future__ import annotations

import numpy as np

from minicnn.data.augment import random_crop, random_flip, random_shift
from minicnn.data.batching import batches
from minicnn.data.digits import LEVELS, load_digits
from minicnn.data.errors import DataError
from minicnn.data.glyphs import TASKS, glyph_faces, glyphs
from minicnn.data.resize import center_crop, resize

__all__ = [
    "NAMES",
    "DataError",
    "batches",
    "center_crop",
    "class_names",
    "glyph_faces",
    "glyphs",
    "load",
    "random_crop",
    "random_flip",
    "random_shift",
    "resize",
    "where",
]

NAMES = ("digits", "glyphs", "mnist", "fashion_mnist", "cifar10")

_FASHION = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
_CIFAR = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def load(
    name: str,
    *,
    dtype: type = np.float32,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    task: str | None = None,
) -> Arrays:
    """Load a data set: ``x_train, y_train, x_test, y_test``.

    Parameters
    ----------
    name : one of `NAMES`.
    dtype : np.float32 or np.float64, of the images.
    size : how many examples, ``n_train`` or ``(n_train, n_test)``; the whole set by default.
        Glyphs are made in that number (6000 and 1000 by default, 1000 if only ``n_train`` is
        given). Of another set, that many examples are drawn by `seed`, without repetition: those
        of a small size are among those of a larger one.
    seed : of the glyphs, or of that draw. A whole set comes always in the same order.
    task : of the glyphs: ``"digits"`` (default), ``"letters"``, ``"lowercase"``, ``"all"``.

    Returns
    -------
    x_train, x_test : (N, C, H, W) in [0, 1].
    y_train, y_test : (N,) int64.

    Raises
    ------
    DataError
        A file is missing, damaged, or cannot be downloaded. Nothing is returned then.
    """
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}; expected one of {', '.join(map(repr, NAMES))}.")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype is {dtype!r}; expected np.float32 or np.float64.")
    if task is not None and name != "glyphs":
        raise ValueError(f"task is {task!r}, but {name!r} has no tasks; they are for 'glyphs'.")
    if name == "glyphs":
        return _load_glyphs(_sizes(size, 6000, 1000), task or "digits", seed, dtype)

    arrays, top = _read(name)
    x_train, y_train, x_test, y_test = arrays
    n_train, n_test = _sizes(size, len(x_train), len(x_test))
    for n, images, part in ((n_train, x_train, "training"), (n_test, x_test, "test")):
        if n > len(images):
            raise ValueError(f"size asks for {n} {part} images; {name!r} has {len(images)}.")
    return *_draw(x_train, y_train, n_train, top, seed, dtype), *_draw(
        x_test, y_test, n_test, top, seed, dtype
    )


def class_names(name: str, *, task: str | None = None) -> tuple[str, ...]:
    """Return the names of the classes, in the order of their labels; `task` as for `load`."""
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}; expected one of {', '.join(map(repr, NAMES))}.")
    if name == "glyphs":
        if (task or "digits") not in TASKS:
            raise ValueError(f"task is {task!r}; expected one of {', '.join(map(repr, TASKS))}.")
        return tuple(TASKS[task or "digits"])
    if name in ("fashion_mnist", "cifar10"):
        return tuple((_FASHION if name == "fashion_mnist" else _CIFAR).split(","))
    return tuple(TASKS["digits"])


def where(name: str) -> str:
    """Say in a few words whether a set is here: embedded, in which folder, or to be downloaded."""
    from minicnn.data.download import find
    from minicnn.data.registry import files

    if name not in NAMES:
        raise ValueError(f"no data set {name!r}; expected one of {', '.join(map(repr, NAMES))}.")
    if not files(name):
        return "embedded"
    try:
        places = [find(name, file) for file in files(name)]
    except DataError as error:
        return f"not usable: {error}"
    folders = {str(place.parent) for place in places if place}
    if None in places:
        return "not here, or in part: downloaded when first loaded"
    return f"here, in {', '.join(sorted(folders))}"


def _load_glyphs(sizes: tuple[int, int], task: str, seed: int, dtype: type) -> Arrays:
    train, test = np.random.SeedSequence(seed).spawn(2)
    return (
        *glyphs(sizes[0], task=task, seed=train, dtype=dtype),
        *glyphs(sizes[1], task=task, seed=test, dtype=dtype),
    )


def _read(name: str) -> tuple[Arrays, int]:
    """Whole set as unsigned bytes, and the value that stands for 1."""
    if name == "digits":
        return load_digits(), LEVELS
    if name == "cifar10":
        from minicnn.data.cifar import load_cifar10

        return load_cifar10(), 255
    from minicnn.data.idx import load_idx_set

    return load_idx_set(name), 255


def _sizes(size: int | tuple[int, int] | None, n_train: int, n_test: int) -> tuple[int, int]:
    """Number of training and of test examples that `size` asks for."""
    if size is None:
        return n_train, n_test
    sizes = size if isinstance(size, (tuple, list)) else (size, n_test)
    if len(sizes) != 2 or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in sizes):
        raise ValueError(
            f"size is {size!r}; expected n_train or (n_train, n_test), whole numbers from 1. "
            f"Leave it out for the whole set."
        )
    return int(sizes[0]), int(sizes[1])


def _draw(
    x: np.ndarray, y: np.ndarray, n: int, top: int, seed: int, dtype: type
) -> tuple[np.ndarray, np.ndarray]:
    if n < len(x):
        chosen = np.random.default_rng(seed).permutation(len(x))[:n]
        x, y = x[chosen], y[chosen]
    return np.divide(x, top, dtype=dtype), y
