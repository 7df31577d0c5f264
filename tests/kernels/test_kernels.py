import numpy as np
import pytest
from hypothesis import given
from oracles import border, conv_cases, normal, two

from minicnn import ops, plan
from minicnn.kernels import im2col, naive


def normalised(case):
    window = dict(case["window"])
    stride, dilation = two(window["stride"]), two(window["dilation"])
    pads = border(window["padding"], case["x_shape"][2:], case["w_shape"][2:], stride, dilation)
    return {**window, "stride": stride, "dilation": dilation, "padding": tuple(map(tuple, pads))}


@pytest.mark.parametrize("name", [name for name in plan.ALGORITHMS if name != "naive"])
@given(case=conv_cases())
def test_every_algorithm_is_the_definition(name, case):
    kernel, window = plan.get(name), normalised(case)
    x, w = normal(case["seed"], *case["x_shape"]), normal(1, *case["w_shape"])
    if hasattr(kernel, "supports") and not kernel.supports(x.shape, w.shape, **window):
        with pytest.raises(ValueError, match=r"wants .* Use algorithm='auto'"):
            kernel.forward(x, w, **window)
        return
    y = naive.forward(x, w, **window)
    dy = normal(2, *y.shape)
    for ours, definition in (
        (kernel.forward(x, w, **window), y),
        (
            kernel.backward_input(dy, w, x.shape, **window),
            naive.backward_input(dy, w, x.shape, **window),
        ),
        (
            kernel.backward_weight(dy, x, w.shape, **window),
            naive.backward_weight(dy, x, w.shape, **window),
        ),
    ):
        np.testing.assert_allclose(ours, definition, atol=1e-11)
        assert ours.flags.c_contiguous


def test_the_definition_counts_by_hand():
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    w = np.array([[[[1.0, 0], [0, -1]]]])
    window = {"stride": (1, 1), "padding": ((1, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    np.testing.assert_array_equal(
        naive.forward(x, w, **window)[0, 0], [[-2, -3], [1 - 5, 2 - 6], [4 - 8, 5 - 9]]
    )


def test_columns_hold_one_patch_each():
    x = normal(0, 2, 3, 5, 6)
    columns = np.empty((3, 2, 3, 2, 2, 2))
    im2col.im2col(x, columns, (2, 3), (2, 1))
    np.testing.assert_array_equal(columns[:, :, :, 1, 1, 1], x[1, :, 2:5:2, 3:6])
    back = np.zeros_like(x)
    im2col.col2im(np.ones_like(columns), back, (2, 3), (2, 1))
    assert back.sum() == columns.size


@pytest.mark.parametrize("budget", [1, 2000, 10**9])
def test_columns_stay_within_their_budget(budget, monkeypatch):
    sizes = []
    kept = im2col.im2col
    monkeypatch.setattr(im2col, "COLUMN_BYTES", budget)
    monkeypatch.setattr(im2col, "im2col", lambda x, c, *a: (sizes.append(c.nbytes), kept(x, c, *a)))
    x, w = normal(0, 11, 3, 6, 6), normal(1, 4, 3, 3, 3)
    y = ops.conv2d(x, w, algorithm="im2col")
    np.testing.assert_allclose(y, ops.conv2d(x, w, algorithm="naive"), atol=1e-12)
    one_image = 3 * 9 * 16 * 8
    assert max(sizes) <= max(budget, one_image)
    for ours, definition in zip(
        ops.conv2d_backward(y, x, w, algorithm="im2col"),
        ops.conv2d_backward(y, x, w, algorithm="naive"),
        strict=True,
    ):
        np.testing.assert_allclose(ours, definition, atol=1e-9)


def test_pointwise_needs_no_columns_forward(monkeypatch):
    monkeypatch.setattr(im2col, "im2col", None)
    x, w = normal(0, 5, 4, 3, 3), normal(1, 6, 2, 1, 1)
    y = ops.conv2d(x, w, groups=2, algorithm="im2col")
    np.testing.assert_allclose(y, ops.conv2d(x, w, groups=2, algorithm="naive"), atol=1e-13)
    dx = ops.conv2d_backward_input(y, w, x.shape, groups=2, algorithm="im2col")
    np.testing.assert_allclose(
        dx, ops.conv2d_backward_input(y, w, x.shape, groups=2, algorithm="naive"), atol=1e-12
    )
