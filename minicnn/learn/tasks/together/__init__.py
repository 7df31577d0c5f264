"""Tasks for the chapter "All together"."""

from minicnn.learn.tasks.together.choosing import on_the_front
from minicnn.learn.tasks.together.orders import best_order
from minicnn.learn.tasks.together.rules import both_orders, shared_gradient
from minicnn.learn.tasks.together.sizes import file_bits

TASKS = (file_bits, both_orders, shared_gradient, on_the_front, best_order)
