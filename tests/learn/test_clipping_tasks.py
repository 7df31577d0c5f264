"""The tasks on clipping against the engine and against a fine search."""

import numpy as np
import pytest

from minicnn import data, nn, optim
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.clipping import bounds, challenge, weights


def cases(name, count=40):
    return draw_cases(get_task(f"clipping.{name}").cases, count, 3)


def test_crops_are_those_of_the_package():
    for case in cases("crop"):
        expected = data.center_crop(case["x"], (case["h"], case["w"]))
        assert np.array_equal(bounds._crop(**case), expected)


def test_the_gradient_of_the_lid_is_that_of_pact():
    for case in cases("alpha_gradient"):
        layer = nn.PACT(case["alpha"], dtype=np.float64)
        layer.forward(case["x"], training=True)
        layer.backward(case["dy"])
        np.testing.assert_allclose(bounds._alpha_gradient(**case), layer.alpha.grad[0])


def test_gradients_are_shortened_as_by_the_optimisers():
    for case in cases("shorten"):
        rows = {str(i): nn.Parameter(row.copy()) for i, row in enumerate(case["grads"])}
        for parameter in rows.values():
            parameter.grad = parameter.data.copy()
        optim.clip_grad_norm(rows, case["max_norm"])
        expected = np.stack([p.grad for p in rows.values()])
        np.testing.assert_allclose(bounds._shorten(**case), expected)


def test_no_limit_of_a_fine_search_is_better():
    for case in cases("best_limit", 15):
        w, bits = case["w"], case["bits"]
        least = challenge._error(w, challenge._best(w, bits), bits)
        assert least == pytest.approx(weights._error(w, challenge._best(w, bits), bits))
        tried = np.linspace(0.01, 1.5, 600) * np.abs(w).max()
        assert least <= min(challenge._error(w, t, bits) for t in tried if t > 0) + 1e-12


@pytest.mark.parametrize(
    ("answer", "message"),
    [([1.0], "one number"), (True, "one number"), (-1.0, "above 0"), (100.0, "is possible")],
)
def test_the_judge_says_what_is_wrong(answer, message):
    assert message in challenge._judge(answer, **challenge.BOARD[0]).message
