"""Tasks for the chapter "Activation memory"."""

from minicnn.learn.tasks.activation_memory.challenge import best_order
from minicnn.learn.tasks.activation_memory.lives import last_reads, overwrites, peak
from minicnn.learn.tasks.activation_memory.placing import place, segment_starts

TASKS = (last_reads, peak, overwrites, place, segment_starts, best_order)
