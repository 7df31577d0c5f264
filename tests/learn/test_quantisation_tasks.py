"""What the tasks on quantisation call right is what the package does, and the best is the best."""

from itertools import product

import numpy as np
import pytest

from minicnn import nn
from minicnn.kernels import int8
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.quantisation import challenge


def cases(name, count=20):
    task = get_task(f"quantisation.{name}")
    return task, draw_cases(task.cases, count, 3)


def test_the_grid_is_that_of_the_layer():
    task, drawn = cases("to_grid")
    for case in drawn:
        layer = nn.FakeQuantize(case["step"], case["zero"], bits=case["bits"], dtype=np.float64)
        np.testing.assert_array_equal(task.oracle(**case), layer.to_bytes(case["x"]))


def test_sums_are_those_of_the_kernel():
    window = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    task, drawn = cases("integer_sums")
    for case in drawn:
        x, w = case["x"][:, :, None, None], case["w"][:, :, None, None]
        y = int8.forward(x, w, **window, x_zero_point=case["zero"], bias=case["bias"])
        np.testing.assert_array_equal(task.oracle(**case), y[:, :, 0, 0])


def test_the_gradient_of_a_step_is_that_of_the_layer():
    task, drawn = cases("step_gradient")
    for case in drawn:
        high, x = case["high"], case["x"]
        bits = {1: 2, 3: 3}[high]
        layer = nn.QuantLinear(len(x), 1, bits=bits, bias=False, seed=0, dtype=np.float64)
        layer.weight.data[...] = x
        layer.log_step.data[...] = np.log2(case["step"])
        layer._weight_gradient(case["dy"][None])
        want = task.oracle(**case) * case["step"] * np.log(2)
        np.testing.assert_allclose(layer.log_step.grad, want, atol=1e-12)


@pytest.mark.parametrize("room", [0.1, 0.5, 0.9])
def test_no_choice_of_bits_is_better_than_the_best(room):
    for number in range(3):
        case = challenge._case(4, room, number)
        totals = [
            sum(loss[b] for loss, b in zip(case["losses"], bits, strict=True))
            for bits in product(challenge.CHOICES, repeat=4)
            if sum(s * b for s, b in zip(case["sizes"], bits, strict=True)) <= case["budget"]
        ]
        assert challenge._best(**case) == pytest.approx(min(totals))
