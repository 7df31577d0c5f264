"""Tasks for the chapter "Kernel exchange"."""

from minicnn.learn.tasks.kernel_exchange.challenge import best_order
from minicnn.learn.tasks.kernel_exchange.memory import address, cache_misses, nchw_to_blocked
from minicnn.learn.tasks.kernel_exchange.swapping import conv_transpose2d, swap_kernel

TASKS = (
    swap_kernel,
    conv_transpose2d,
    address,
    nchw_to_blocked,
    cache_misses,
    best_order,
)
