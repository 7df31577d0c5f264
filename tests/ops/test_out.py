"""Operations that write into memory they are given: same bits, same array, and clear refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import conv_cases, normal

from minicnn import ops, plan

X = normal(0, 3, 4, 6, 5, dtype=np.float32)
FEATURES = normal(1, 3, 7, dtype=np.float32)
CHANNEL = np.linspace(0.5, 1.5, 4, dtype=np.float32)
WEIGHT = normal(2, 2, 4, 3, 3, dtype=np.float32)

OPERATIONS = {
    "conv2d": lambda **k: ops.conv2d(X, WEIGHT, CHANNEL[:2], padding=1, **k),
    "linear": lambda **k: ops.linear(FEATURES, normal(3, 5, 7, dtype=np.float32), **k),
    "max_pool2d": lambda **k: ops.max_pool2d(X, 3, stride=2, padding=1, **k),
    "avg_pool2d": lambda **k: ops.avg_pool2d(X, 3, stride=2, padding=1, **k),
    "global_avg_pool2d": lambda **k: ops.global_avg_pool2d(X, **k),
    "batch_norm2d_inference": lambda **k: ops.batch_norm2d_inference(
        X, CHANNEL, CHANNEL, -CHANNEL, CHANNEL, **k
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_same_bits_in_the_array_given(name):
    run = OPERATIONS[name]
    expected = run()
    memory = np.full(expected.size + 5, np.nan, np.float32)
    out = memory[3:-2].reshape(expected.shape)
    assert run(out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert np.isnan(memory[:3]).all()
    assert np.isnan(memory[-2:]).all()


@pytest.mark.parametrize("name", OPERATIONS)
def test_arrays_that_do_not_fit(name):
    run = OPERATIONS[name]
    shape = run().shape
    for out, error, message in (
        ([1.0], TypeError, "out is a list"),
        (np.empty(shape, np.float64), TypeError, "wants one dtype"),
        (np.empty((*shape, 1), np.float32), ValueError, "the shape of the result"),
        (np.empty(shape[::-1], np.float32).T, ValueError, "not a C-contiguous array"),
    ):
        with pytest.raises(error, match=message):
            run(out=out)
    frozen = np.empty(shape, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="may be written"):
        run(out=frozen)


def test_out_and_x_apart_where_x_is_read_again():
    x = np.ones((1, 1, 4, 4), np.float32)
    w = np.ones((1, 1, 1, 1), np.float32)
    for run in (
        lambda: ops.conv2d(x, w, out=x),
        lambda: ops.max_pool2d(x, 1, out=x),
        lambda: ops.avg_pool2d(x, 1, out=x),
        lambda: ops.linear(x[0, 0], w[0, 0].repeat(4, 0).repeat(4, 1), out=x[0, 0]),
    ):
        with pytest.raises(ValueError, match="Use another array for out"):
            run()
    assert (x == 1).all()


def test_batch_norm_may_write_over_its_input():
    expected = OPERATIONS["batch_norm2d_inference"]()
    x = X.copy()
    y = ops.batch_norm2d_inference(x, CHANNEL, CHANNEL, -CHANNEL, CHANNEL, out=x)
    assert y is x
    np.testing.assert_array_equal(x, expected)


def fitting(algorithm, case):
    """The case as it is, or as a 3x3 or depthwise one for an algorithm made for those."""
    x_shape, K = case["x_shape"], case["w_shape"][0]
    C = x_shape[1]
    one = {"stride": (1, 1), "padding": ((2, 2), (2, 2)), "dilation": (1, 1)}
    special = [((K, C, 3, 3), {**one, "groups": 1}), ((C, 1, 3, 3), {**one, "groups": C})]
    supports = getattr(plan.get(algorithm), "supports", None)
    if supports is None:
        return case["w_shape"], case["window"]
    return next(each for each in special if supports(x_shape, each[0], **each[1]))


@pytest.mark.parametrize("algorithm", plan.ALGORITHMS)
@settings(max_examples=20)
@given(case=conv_cases())
def test_every_algorithm_writes_where_it_is_told(algorithm, case):
    w_shape, window = fitting(algorithm, case)
    x, w = normal(case["seed"], *case["x_shape"]), normal(1, *w_shape)
    how = {**window, "algorithm": algorithm}
    expected = ops.conv2d(x, w, **how)
    out = np.full(expected.shape, np.nan)
    assert ops.conv2d(x, w, **how, out=out) is out
    np.testing.assert_array_equal(out, expected)
    workspace = ops.conv2d_workspace(x.shape, w_shape, itemsize=8, **how)
    assert workspace is not None
    assert workspace >= 0
