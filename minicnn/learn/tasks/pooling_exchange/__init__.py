"""Tasks for the chapter "Pooling exchange"."""

from minicnn.learn.tasks.pooling_exchange.average import pool_before_pointwise
from minicnn.learn.tasks.pooling_exchange.challenge import exchange_pools
from minicnn.learn.tasks.pooling_exchange.maximum import (
    counterexample,
    min_pool,
    norm_after_pool,
)
from minicnn.learn.tasks.pooling_exchange.unpooling import max_unpool

TASKS = (
    min_pool,
    counterexample,
    norm_after_pool,
    pool_before_pointwise,
    max_unpool,
    exchange_pools,
)
