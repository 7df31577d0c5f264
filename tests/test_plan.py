import subprocess
import sys

import pytest

from minicnn import plan


@pytest.mark.parametrize("name", plan.ALGORITHMS)
def test_every_algorithm_has_the_three_functions(name):
    kernel = plan.get(name)
    for function in ("forward", "backward_input", "backward_weight"):
        assert callable(getattr(kernel, function))


def test_choice_is_a_known_algorithm():
    window = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    assert plan.choose((1, 1, 5, 5), (1, 1, 3, 3), **window) in plan.ALGORITHMS


def test_unknown_name():
    with pytest.raises(ValueError, match=r"'magic'; known are 'naive', 'im2col'.*Use 'auto'"):
        plan.get("magic")


def test_plan_itself_loads_no_kernel():
    code = "import sys, minicnn.plan; print('numba' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
