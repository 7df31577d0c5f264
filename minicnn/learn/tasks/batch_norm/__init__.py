"""Tasks for the chapter "Batch normalisation"."""

from minicnn.learn.tasks.batch_norm.challenge import fold_before
from minicnn.learn.tasks.batch_norm.forward import inference, normalise
from minicnn.learn.tasks.batch_norm.gradient import grad_input
from minicnn.learn.tasks.batch_norm.running import update_running

TASKS = (normalise, update_running, inference, grad_input, fold_before)
