"""Keep the memory of one training step for the next."""

from __future__ import annotations

import numpy as np

BLOCK_BYTES = 31 * 2**20  # glibc adapts to freed blocks of up to 32 MiB


def keep_warm() -> None:
    """Teach glibc's malloc to hold on to freed blocks of this size.

    By default it returns large blocks to the system at once, so every new activation is paid for
    in page faults, often dearer than the arithmetic. Having seen one block freed, malloc keeps
    all up to that size (M_MMAP_THRESHOLD in ``man mallopt``). This one is never touched and costs
    no memory; other allocators do not care.
    """
    np.empty(BLOCK_BYTES, np.uint8)
