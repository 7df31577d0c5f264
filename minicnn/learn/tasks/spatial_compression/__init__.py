"""Tasks for the chapter "Spatial compression"."""

from minicnn.learn.tasks.spatial_compression.average import avg_pool, subsample
from minicnn.learn.tasks.spatial_compression.challenge import choose_strides
from minicnn.learn.tasks.spatial_compression.counting import (
    head_parameters,
    peak_activation_bytes,
)
from minicnn.learn.tasks.spatial_compression.maximum import max_pool, max_pool_grad

TASKS = (
    subsample,
    max_pool,
    max_pool_grad,
    avg_pool,
    head_parameters,
    peak_activation_bytes,
    choose_strides,
)
