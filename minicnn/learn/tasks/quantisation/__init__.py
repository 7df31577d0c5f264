"""Tasks for the chapter "Quantisation"."""

from minicnn.learn.tasks.quantisation.challenge import assign_bits
from minicnn.learn.tasks.quantisation.grid import choose_zero, to_grid
from minicnn.learn.tasks.quantisation.integers import integer_sums, requantise
from minicnn.learn.tasks.quantisation.learning import step_gradient

TASKS = (to_grid, choose_zero, integer_sums, requantise, step_gradient, assign_bits)
