import itertools
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import conv_cases, normal
from scipy.stats import spearmanr
from test_kernels import normalised

from minicnn.kernels import loopnest, naive, shapes

ORDERS = ["".join(letters) for letters in itertools.permutations(loopnest.LOOPS)]
PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


def interpreted(order, **how):
    """The generated text as plain Python: no compiler between the text and the test."""
    namespace = {}
    exec(loopnest.source(order, **how), namespace)
    return namespace["convolve"]


def whole_numbers(seed, *shape):
    """Floats whose sums are exact in every order."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float64)


def test_every_order_is_the_same_convolution():
    assert len(ORDERS) == 5040
    x, w = whole_numbers(0, 2, 2, 3, 4), whole_numbers(1, 2, 2, 2, 3)
    expected = naive.forward(x, w, **PLAIN)
    for order in ORDERS:
        out = np.zeros_like(expected)
        interpreted(order)(x, w, out)
        assert (out == expected).all(), order


@st.composite
def tiled_orders(draw):
    order = draw(st.permutations(loopnest.LOOPS))
    tile = {}
    for letter in draw(st.lists(st.sampled_from(loopnest.LOOPS), unique=True, max_size=3)):
        order.insert(draw(st.integers(0, order.index(letter))), letter.upper())
        tile[letter.upper()] = draw(st.integers(1, 5))
    return "".join(order), tile


@settings(max_examples=25)
@given(case=conv_cases(), order_and_tile=tiled_orders())
def test_tiles_and_all_arguments_and_both_gradients(case, order_and_tile):
    (order, tile), window = order_and_tile, normalised(case)
    x, w = whole_numbers(case["seed"], *case["x_shape"]), whole_numbers(1, *case["w_shape"])
    y = naive.forward(x, w, **window)
    dy = whole_numbers(2, *y.shape)
    padding = window.pop("padding")
    arrays = {"image": shapes.pad(x, padding), "filters": w, "out": dy}
    expected = {
        "out": y,
        "image": naive.backward_input(dy, w, x.shape, padding=padding, **window),
        "filters": naive.backward_weight(dy, x, w.shape, padding=padding, **window),
    }
    for update, answer in expected.items():
        target = np.zeros_like(arrays[update])
        given_arrays = {**arrays, update: target}
        interpreted(order, tile=tile, update=update, **window)(*given_arrays.values())
        if update == "image":
            target = shapes.crop(target, padding)
        np.testing.assert_array_equal(target, answer)


@pytest.mark.parametrize("order", ["nkyxcrs", "srckxyn", "nYkcXrsyx"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled(order, dtype):
    x, w = normal(0, 2, 4, 9, 7, dtype=dtype), normal(1, 6, 2, 3, 2, dtype=dtype)
    tile = {letter: 3 for letter in order if letter.isupper()}
    window = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2), "groups": 2}
    convolve = loopnest.make(order, tile=tile)
    y = convolve(x, w, **window)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, naive.forward(x, w, **window), atol=100 * np.finfo(dtype).eps)
    assert loopnest.compiled(order, tile=tile) is loopnest.compiled(order, tile=tile)


def test_the_module_is_a_kernel_like_the_others():
    window = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 1), "groups": 2}
    x, w = normal(0, 2, 4, 7, 6), normal(1, 6, 2, 3, 2)
    y = naive.forward(x, w, **window)
    dy = normal(2, *y.shape)
    np.testing.assert_allclose(loopnest.forward(x, w, **window), y, atol=1e-12)
    for name, arguments in (
        ("backward_input", (dy, w, x.shape)),
        ("backward_weight", (dy, x, w.shape)),
    ):
        ours = getattr(loopnest, name)(*arguments, **window)
        np.testing.assert_allclose(ours, getattr(naive, name)(*arguments, **window), atol=1e-12)
        assert ours.flags.c_contiguous


def test_the_source_is_there_to_be_read():
    assert loopnest.source("nkyxcrs") == (
        "def convolve(image, filters, out):\n"
        "    N, K, Y, X = out.shape\n"
        "    K, C, R, S = filters.shape\n"
        "    for n in range(N):\n"
        "        for k in range(K):\n"
        "            for y in range(Y):\n"
        "                for x in range(X):\n"
        "                    for c in range(C):\n"
        "                        for r in range(R):\n"
        "                            for s in range(S):\n"
        "                                out[n, k, y, x] += "
        "image[n, c, y + r, x + s] * filters[k, c, r, s]\n"
    )
    text = loopnest.source("nXkcrsyx", tile={"X": 16}, stride=(2, 1), dilation=(1, 3), groups=4)
    assert "for x_tile in range(0, X, 16):" in text
    assert "for x in range(x_tile, min(x_tile + 16, X)):" in text
    assert "image[n, k // (K // 4) * C + c, 2 * y + r, uintp(x + 3 * s)]" in text
    assert "out[n, k, y, uintp(x)] +=" in text


@pytest.mark.parametrize(
    ("order", "tile", "message"),
    [
        ("nkyxcr", None, "each of the letters 'nkyxcrs' once"),
        ("nkyxcrss", None, "each of the letters"),
        ("nkpqcrs", None, "each of the letters"),
        ("nXkyxcrs", None, "each capital letter wants one size"),
        ("nkyxcrs", {"X": 4}, "each capital letter wants one size"),
        ("nkyxXcrs", {"X": 4}, "Move the capital letter to the left"),
        ("QnkyxcrsQ", {"Q": 4}, "each capital"),
        ("Qnkyxcrs", {"Q": 4}, "outside a loop 'q'"),
        ("Xnkyxcrs", {"X": 0}, "1 step or more"),
    ],
)
def test_what_is_no_order(order, tile, message):
    for function in (loopnest.source, loopnest.make):
        with pytest.raises(ValueError, match=message):
            function(order, tile=tile)
    with pytest.raises(ValueError, match=message):
        loopnest.predict(order, (1, 1, 5, 5), (1, 1, 3, 3), tile=tile)


def test_update_names_one_of_three_arrays():
    with pytest.raises(ValueError, match="'out', 'image', 'filters'"):
        loopnest.source(update="y")


# The prediction ----------------------------------------------------------------------------------


def test_predict_by_hand():
    x_shape, w_shape = (1, 2, 6, 18), (4, 2, 3, 3)  # out (1, 4, 4, 16): one line a row
    macs = 4 * 4 * 16 * 2 * 9
    p = loopnest.predict("nkcrsyx", x_shape, w_shape)
    assert p.vector
    starts = 1 + 1 + 4 + 4 * 2 + 4 * 2 * 3 + 4 * 2 * 9 + 4 * 2 * 9 * 4
    assert p.starts == pytest.approx(starts / macs)
    assert p.lines == pytest.approx(2 * 4 / 64)  # image and out move on by a float, filters stay
    # 32 KiB hold all: out 16 lines, image 2·6·18 floats in 14 lines, filters 72 floats in 5.
    assert p.misses == pytest.approx((16 + 14 + 5) / macs)

    p = loopnest.predict("xnkyrsc", x_shape, w_shape)  # c innermost: image by 108, filters by 9
    assert not p.vector
    assert p.lines == pytest.approx(1 + 36 / 64)
    assert p.pages == pytest.approx((4 * 108 + 36) / 4096)
    assert not loopnest.predict("nkcrsyx", x_shape, w_shape, stride=(1, 2)).vector


def test_a_tile_that_fits_saves_misses():
    x_shape, w_shape = (1, 8, 130, 130), (8, 8, 3, 3)
    plain = loopnest.predict("nkcrsyx", x_shape, w_shape)
    tiled = loopnest.predict("nYkcrsyx", x_shape, w_shape, tile={"Y": 4})
    assert tiled.misses < plain.misses / 4


@given(order=st.permutations(loopnest.LOOPS), cache=st.sampled_from([1024, 8192, 2**20]))
def test_what_is_touched_comes_in_at_least_once(order, cache):
    x_shape, w_shape = (2, 3, 9, 20), (5, 3, 3, 2)
    macs = 2 * 5 * 7 * 19 * 3 * 6
    p = loopnest.predict("".join(order), x_shape, w_shape, cache_bytes=cache)
    everything = sum(-(-4 * n // 64) for n in (2 * 5 * 7 * 19, 2 * 3 * 9 * 20, 5 * 3 * 6))
    assert p.misses * macs >= everything - 0.5
    bigger = loopnest.predict("".join(order), x_shape, w_shape, cache_bytes=4 * cache)
    assert bigger.misses <= p.misses + 1e-12
    assert 0 < p.starts <= 8
    assert p.score > 0


def simulated_misses(order, x_shape, w_shape, cache_bytes):
    """Run the loops' addresses through a cache that throws out what was used longest ago."""
    (N, C, H, W), (K, _, R, S) = x_shape, w_shape
    Y, X = H - R + 1, W - S + 1
    sizes = {"n": N, "k": K, "y": Y, "x": X, "c": C, "r": R, "s": S}
    grid = np.indices([sizes[letter] for letter in order]).reshape(7, -1)
    at = dict(zip(order, grid, strict=True))
    out = np.ravel_multi_index([at[a] for a in "nkyx"], (N, K, Y, X))
    image = np.ravel_multi_index(
        [at["n"], at["c"], at["y"] + at["r"], at["x"] + at["s"]], (N, C, H, W)
    )
    filters = np.ravel_multi_index([at[a] for a in "kcrs"], (K, C, R, S))
    lines = np.stack([array // 16 * 3 + i for i, array in enumerate((out, image, filters))], 1)
    misses, cache = 0, OrderedDict()
    for line in lines.ravel().tolist():
        if line in cache:
            cache.move_to_end(line)
        else:
            misses += 1
            cache[line] = None
            if len(cache) > cache_bytes // 64:
                cache.popitem(last=False)
    return misses


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "cache_bytes"),
    [((1, 6, 14, 22), (6, 6, 3, 3), 2048), ((1, 8, 10, 10), (8, 8, 3, 3), 1024)],
)
def test_predicted_misses_rank_orders_as_a_simulated_cache_does(x_shape, w_shape, cache_bytes):
    orders = np.random.default_rng(0).choice(ORDERS, 24, replace=False)
    macs = w_shape[0] * (x_shape[2] - 2) * (x_shape[3] - 2) * w_shape[1] * 9
    predicted = [
        loopnest.predict(order, x_shape, w_shape, cache_bytes=cache_bytes).misses * macs
        for order in orders
    ]
    simulated = [simulated_misses(order, x_shape, w_shape, cache_bytes) for order in orders]
    assert spearmanr(predicted, simulated).statistic > 0.9
    assert np.median(np.abs(np.log2(np.divide(predicted, simulated)))) < 0.25
