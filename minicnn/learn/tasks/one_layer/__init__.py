"""Tasks for the chapter "One layer, seven loops"."""

from minicnn.learn.tasks.one_layer.challenge import cheapest_stack
from minicnn.learn.tasks.one_layer.forward import conv2d, conv2d_single, output_size
from minicnn.learn.tasks.one_layer.gradients import grad_bias, grad_input, grad_weight

TASKS = (
    output_size,
    conv2d_single,
    conv2d,
    grad_bias,
    grad_weight,
    grad_input,
    cheapest_stack,
)
