"""Cut a data set into batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def batches(
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    *,
    rng: np.random.Generator | None = None,
    drop_last: bool = False,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go once through the examples, `batch_size` at a time.

    Parameters
    ----------
    x, y : arrays of equal length N along the first axis.
    rng : draws the order; without it the examples come as they lie.
    drop_last : leave out the last batch where it is smaller than the others.

    Yields
    ------
    x and y of one batch; new arrays when shuffled, views otherwise.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"x holds {len(x)} examples and y {len(y)}; expected equal numbers, at least 1. "
            f"Pass one label (or target) for each image."
        )
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected at least 1, 64 is a good start.")
    if drop_last and batch_size > len(x):
        raise ValueError(
            f"batch_size {batch_size} with drop_last leaves nothing of {len(x)} examples. "
            f"Take a smaller batch_size, or drop_last=False."
        )
    return _batches(x, y, batch_size, rng, drop_last)


def _batches(
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    rng: np.random.Generator | None,
    drop_last: bool,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    order = None if rng is None else rng.permutation(len(x))
    end = len(x) - len(x) % batch_size if drop_last else len(x)
    for start in range(0, end, batch_size):
        stop = min(start + batch_size, end)
        take = slice(start, stop) if order is None else order[start:stop]
        yield x[take], y[take]
