"""Write minicnn/data/digits.npz from scikit-learn's copy of the UCI optical digits.

Run once, by a developer: python scripts/make_digits.py
The split is made here and stored as the order of the images, so it can never change underneath a
reader: a fifth of every class (rounded by largest remainder to 360 in all) is the test part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

N_TEST = 360
TARGET = Path(__file__).parent.parent / "minicnn" / "data" / "digits.npz"


def split_order(labels: np.ndarray) -> np.ndarray:
    """Indices with the training images first and the last N_TEST the test images, both mixed."""
    rng = np.random.default_rng(0)
    share = np.bincount(labels) * N_TEST / len(labels)
    take = np.floor(share).astype(int)
    take[np.argsort(take - share, kind="stable")[: N_TEST - take.sum()]] += 1
    test = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == c))[: take[c]] for c in range(10)]
    )
    train = np.setdiff1d(np.arange(len(labels)), test)
    return np.concatenate([rng.permutation(train), rng.permutation(test)])


def main() -> None:
    digits = load_digits()
    order = split_order(digits.target)
    np.savez_compressed(
        TARGET,
        images=digits.images[order].astype(np.uint8),
        labels=digits.target[order].astype(np.uint8),
        index=order.astype(np.uint16),  # where each image is in scikit-learn's copy
    )
    print(f"{TARGET.name}: {len(order)} images, {TARGET.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
