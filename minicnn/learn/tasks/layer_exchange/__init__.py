"""Tasks for the chapter "Layer exchange"."""

from minicnn.learn.tasks.layer_exchange.challenge import group_convolutions
from minicnn.learn.tasks.layer_exchange.folding import border_value, fold_after, fold_before
from minicnn.learn.tasks.layer_exchange.merging import compose, merge_avgpool, pool_first_macs

TASKS = (
    pool_first_macs,
    fold_after,
    fold_before,
    border_value,
    merge_avgpool,
    compose,
    group_convolutions,
)
