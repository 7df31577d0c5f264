"""Tasks for the chapter "Sparsification"."""

from minicnn.learn.tasks.sparsification.challenge import permute_channels
from minicnn.learn.tasks.sparsification.formats import row_pointers, sparse_correlate
from minicnn.learn.tasks.sparsification.zeros import nm_mask, soft_threshold

TASKS = (
    soft_threshold,
    nm_mask,
    row_pointers,
    sparse_correlate,
    permute_channels,
)
