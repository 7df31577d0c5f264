"""Tasks for the chapter "Fast on one core"."""

from minicnn.learn.tasks.one_core.challenge import best_blocking
from minicnn.learn.tasks.one_core.layout import looks, pack
from minicnn.learn.tasks.one_core.moving import attainable, numbers_moved

TASKS = (
    numbers_moved,
    pack,
    looks,
    attainable,
    best_blocking,
)
