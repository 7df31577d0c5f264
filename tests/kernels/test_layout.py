import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import conv_cases, in_layout, normal
from test_kernels import normalised

from minicnn.kernels import layout, naive

SIZES = st.tuples(*[st.integers(1, 5)] * 4)


@given(shape=SIZES, block=st.integers(1, 6), memory=st.sampled_from(["plain", "every other"]))
def test_there_and_back(shape, block, memory):
    x = in_layout(normal(0, *shape), memory)
    N, C, H, W = shape
    nhwc = layout.nchw_to_nhwc(x)
    assert nhwc.shape == (N, H, W, C)
    np.testing.assert_array_equal(layout.nhwc_to_nchw(nhwc), x)
    blocked = layout.nchw_to_blocked(x, block)
    assert blocked.shape == (N, -(-C // block), H, W, block)
    back = layout.blocked_to_nchw(blocked, C)
    np.testing.assert_array_equal(back, x)
    for array in (nhwc, blocked, back):
        assert array.flags.c_contiguous
        assert not np.shares_memory(array, x)


def test_where_a_channel_goes():
    x = np.arange(2 * 5 * 2 * 3.0).reshape(2, 5, 2, 3)
    blocked = layout.nchw_to_blocked(x, 2)
    assert blocked[1, 2, 0, 1, 0] == x[1, 4, 0, 1]
    assert (blocked[:, 2, :, :, 1] == 0).all()  # there is no sixth channel
    assert layout.nchw_to_nhwc(x)[1, 0, 1, 4] == x[1, 4, 0, 1]


@pytest.mark.parametrize("block", [1, 2, 4])
@settings(max_examples=25)
@given(case=conv_cases())
def test_the_same_convolution_in_every_layout(case, block):
    assume(case["window"]["groups"] == 1)
    window = normalised(case)
    x, w = normal(case["seed"], *case["x_shape"]), normal(1, *case["w_shape"])
    expected = naive.forward(x, w, **window)
    del window["groups"]
    nhwc = layout.conv_nhwc(layout.nchw_to_nhwc(x), layout.filters_to_nhwc(w), **window)
    np.testing.assert_allclose(layout.nhwc_to_nchw(nhwc), expected, atol=1e-12)
    blocked = layout.conv_blocked(
        layout.nchw_to_blocked(x, block), layout.filters_to_blocked(w, block), **window
    )
    np.testing.assert_allclose(layout.blocked_to_nchw(blocked, w.shape[0]), expected, atol=1e-12)


def test_single_precision_stays_single():
    x, w = normal(0, 1, 3, 5, 5, dtype=np.float32), normal(1, 4, 3, 3, 3, dtype=np.float32)
    assert layout.conv_nhwc(layout.nchw_to_nhwc(x), layout.filters_to_nhwc(w)).dtype == np.float32
    y = layout.conv_blocked(layout.nchw_to_blocked(x), layout.filters_to_blocked(w))
    assert y.dtype == np.float32
    assert y.shape == (1, 1, 3, 3, layout.BLOCK)
