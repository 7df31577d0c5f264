"""Tasks for the chapter "Choosing by itself"."""

from minicnn.learn.tasks.choosing.challenge import best_weight
from minicnn.learn.tasks.choosing.counting import product_steps, winograd_steps
from minicnn.learn.tasks.choosing.measuring import pick, regret

TASKS = (
    product_steps,
    winograd_steps,
    regret,
    pick,
    best_weight,
)
