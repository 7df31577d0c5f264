"""Tasks for the chapter "Clipping and cropping"."""

from minicnn.learn.tasks.clipping.bounds import alpha_gradient, crop, shorten
from minicnn.learn.tasks.clipping.challenge import best_limit
from minicnn.learn.tasks.clipping.weights import grid_error

TASKS = (crop, grid_error, alpha_gradient, shorten, best_limit)
