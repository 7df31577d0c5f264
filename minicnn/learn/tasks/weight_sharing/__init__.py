"""Tasks for the chapter "Weight sharing"."""

from minicnn.learn.tasks.weight_sharing.challenge import cheapest_network
from minicnn.learn.tasks.weight_sharing.counting import parameters
from minicnn.learn.tasks.weight_sharing.maps import conv_matrix, local2d
from minicnn.learn.tasks.weight_sharing.sharing import shared_gradient, shift_error

TASKS = (parameters, conv_matrix, local2d, shared_gradient, shift_error, cheapest_network)
