"""The tasks on cutting against the engine and against trying everything."""

import numpy as np
import pytest

from minicnn import nn
from minicnn.compress.cut import blocks
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.cutting import challenge, exits, removing


def cases(name, count=40):
    return draw_cases(get_task(f"cutting.{name}").cases, count, 3)


def test_single_blocks_that_can_go_are_those_of_the_package():
    model = nn.Sequential(*(nn.Conv2d(a, b, 1, seed=0) for a, b in ((2, 2), (2, 3), (3, 3))))
    shapes = [(2, 4, 4), (2, 4, 4), (3, 4, 4), (3, 4, 4)]
    assert removing._runs(shapes) == len(blocks(model, (2, 4, 4))) == 2


def test_effects_of_residual_blocks_of_the_engine():
    for case in cases("block_effects", 20):
        x, target = case["x"], case["target"]
        layers = []
        for w in case["weights"]:
            linear = nn.Linear(len(w), len(w), bias=False, seed=0, dtype=np.float64)
            linear.weight.data[...] = w
            layers.append(nn.Residual(nn.Sequential(linear, nn.ReLU())))

        def loss(kept, x=x, target=target):
            return np.mean((nn.Sequential(*kept)(x) - target) ** 2)

        expected = [
            loss([*layers[:i], *layers[i + 1 :]]) - loss(layers) for i in range(len(layers))
        ]
        np.testing.assert_allclose(removing._effects(**case), expected, atol=1e-12)


def test_samples_leave_as_in_the_engine():
    for case in cases("leave_at"):
        logits = case["logits"]
        count, n, classes = logits.shape
        if count == 1:
            continue
        # Each stage passes the number of the sample on; each end looks its logits up.
        heads = []
        for values in logits:
            linear = nn.Linear(n, classes, bias=False, seed=0, dtype=np.float64)
            linear.weight.data[...] = values.T
            heads.append(nn.Sequential(linear))
        stages = [*(nn.Sequential() for _ in heads[1:]), heads[-1]]
        layer = nn.EarlyExits(stages, heads[:-1], case["threshold"])
        assert np.array_equal(layer.route(np.eye(n))[1], exits._leave(**case))


def test_the_judge_accepts_what_no_pair_beats():
    for case in cases("best_thresholds", 10):
        grid = [*np.linspace(0, 1, 101), 2.0]
        results = [challenge._result(case, (a, b)) for a in grid[::4] for b in grid[::4]]
        kept = [right for right, cost in results if cost <= case["budget"]]
        assert challenge._most(case) >= max(kept)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (0.5, "two thresholds"),
        ((0.5, np.nan), "two thresholds"),
        ((2.0, 2.0), "the budget is"),
        ((0.0, 0.0), "are possible"),
    ],
)
def test_the_judge_says_what_is_wrong(answer, message):
    assert message in challenge._judge(answer, **challenge.BOARD[0]).message
