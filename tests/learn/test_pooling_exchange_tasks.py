"""What the tasks on pooling exchange say is true: every exchange is exact, every oracle right."""

import numpy as np
import pytest

from minicnn import ops
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.pooling_exchange import challenge

C = 3
MAPS = {
    "relu": ops.relu,
    "tanh": np.tanh,
    "abs": np.abs,
    "gelu": lambda x: x * ops.sigmoid(1.702 * x),
    "negate": np.negative,
    "max": lambda x: ops.max_pool2d(x, 2),
    "min": lambda x: -ops.max_pool2d(-x, 2),
    "avg": lambda x: ops.avg_pool2d(x, 2),
}


def parameters(name, rng):
    scale, shift = rng.normal(size=(2, C, 1, 1))
    if name == "norm":
        scale[0], scale[1] = -np.abs(scale[0]), np.abs(scale[1])
        return scale, shift
    if name == "scale":
        return np.abs(scale), shift
    if name in challenge.CONVS:
        size = 1 if name == "pointwise" else 3
        return rng.normal(size=(C, C, size, size)), shift
    return ()


def run(layers, x):
    for name, values in layers:
        if name in MAPS:
            x = MAPS[name](x)
        elif name in challenge.CONVS:
            weight, bias = values
            x = ops.conv2d(x, weight, bias.ravel(), padding=weight.shape[2] // 2)
        else:
            x = values[0] * x + values[1]
    return x


def exchanged(layers, i):
    """Exchange layers i and i + 1 with their numbers, the signs going to the convolution."""
    names = [name for name, _ in layers]
    pair = challenge.exchange(names[i - 1] if i else "", *names[i : i + 2])
    if pair is None:
        return None
    new, values = list(layers), layers[i][1]
    if names[i] == "norm" and pair[1] == "scale":
        sign = np.sign(values[0])
        weight, bias = layers[i - 1][1]
        new[i - 1] = names[i - 1], (sign.reshape(-1, 1, 1, 1) * weight, sign * bias)
        values = sign * values[0], values[1]
    new[i : i + 2] = (pair[0], ()), (pair[1], values)
    return new


CASES = [tuple(case["layers"]) for case in draw_cases(challenge._layer_cases(), 60, 3)]
CASES += [tuple(line.split()) for line in challenge.BOARD]


def test_every_exchange_is_exact():
    rng = np.random.default_rng(0)
    done = set()
    for names in CASES:
        layers = [(name, parameters(name, rng)) for name in names]
        side = 3 * 2 ** sum(name in challenge.POOLS for name in names)
        x = rng.normal(size=(2, C, side, side))
        for i in range(len(layers) - 1):
            new = exchanged(layers, i)
            if new is not None:
                np.testing.assert_allclose(run(new, x), run(layers, x), rtol=1e-9, atol=1e-9)
                assert tuple(name for name, _ in new) in challenge.reachable(names)
                done.add((names[i], names[i + 1]))
    assert len(done) >= 11


@pytest.mark.parametrize("names", CASES, ids=" ".join)
def test_any_order_of_exchanges_leads_to_the_best(names):
    best = min(map(challenge.cost, challenge.reachable(names)))
    for layers in challenge.reachable(names):
        following = list(challenge.steps(layers))
        assert all(challenge.cost(new) < challenge.cost(layers) for new in following)
        assert following or challenge.cost(layers) == best


def test_the_judge_refuses_what_is_no_list_of_layers():
    judge = get_task("pooling_exchange.exchange_pools").judge
    assert "list of names" in judge(3, ["relu", "max"]).message
    assert "no layer 'sum'" in judge(["sum"], ["relu", "max"]).message
    assert "do not lead" in judge(["max"], ["relu", "max"]).message
    assert "saves 0 operations; 3 could be" in judge(["relu", "max"], ["relu", "max"]).message
    assert judge(("max", "relu"), ["relu", "max"]).ok


def test_the_judge_of_counterexamples():
    judge = get_task("pooling_exchange.counterexample").judge
    assert judge((), [1, 1, 2]).ok
    assert judge([], [1, 1, 2]).ok
    assert judge((np.int64(1), 0), [2, 1]).ok
    assert "There is a counterexample: for a = 0, b = 1" in judge((), [2, 1]).message
    assert "is no counterexample: max(f[0], f[1]) = 1" in judge((0, 1), [1, 1]).message
    assert "outside" in judge((0, 2), [2, 1]).message
    for answer in ("ab", (1,), (0.0, 1.0), True, {0: 1}):
        assert "The answer is a tuple" in judge(answer, [2, 1]).message


def test_the_oracles_agree_with_the_engine():
    rng = np.random.default_rng(1)
    x, w, b = rng.normal(size=(2, 3, 7, 6)), rng.normal(size=(4, 3)), rng.normal(size=4)
    scale, shift = rng.normal(size=(2, 3))
    window = {"stride": 2, "padding": 1}

    got = get_task("pooling_exchange.min_pool").oracle(x, 3, 2, 1)
    np.testing.assert_array_equal(got, -ops.max_pool2d(-x, 3, **window))

    highest, lowest = ops.max_pool2d(x, 2), -ops.max_pool2d(-x, 2)
    got = get_task("pooling_exchange.norm_after_pool").oracle(highest, lowest, scale, shift)
    wide = scale[:, None, None] * x + shift[:, None, None]
    np.testing.assert_allclose(got, ops.max_pool2d(wide, 2), rtol=1e-12)

    got = get_task("pooling_exchange.pool_before_pointwise").oracle(
        ops.avg_pool2d(x, 3, **window), w, b, (7, 6), 3, 2, 1
    )
    first = ops.avg_pool2d(ops.conv2d(x, w[:, :, None, None], b), 3, **window)
    np.testing.assert_allclose(got, first, rtol=1e-12, atol=1e-12)

    for case in draw_cases(get_task("pooling_exchange.max_unpool").cases, 30, 2):
        got = get_task("pooling_exchange.max_unpool").oracle(**case)
        hw = (case["height"], case["width"])
        np.testing.assert_array_equal(got, ops.max_unpool2d(case["y"], case["switches"], hw))
