"""Clustering: few values, the means of their members, tied for good."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import compress
from minicnn.compress.cluster import kmeans

rows = st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=60).map(
    lambda v: np.array(v, np.float32)
)


@given(rows, st.integers(1, 9))
def test_each_value_has_its_nearest_mean(values, count):
    means, which = kmeans(values, count)
    assert len(means) <= count
    assert sorted(set(which)) == list(range(len(means)))
    off = np.abs(values[:, None] - means.astype(np.float64))
    assert (off[np.arange(len(values)), which] <= off.min(axis=1) + 1e-6).all()


@given(rows, st.integers(1, 9))
def test_means_are_means_when_it_has_come_to_rest(values, count):
    means, which = kmeans(values, count)
    if len(np.unique(values)) > count:
        for i, mean in enumerate(means):
            assert values[which == i].astype(np.float64).mean() == pytest.approx(mean, abs=1e-4)
    else:
        assert np.array_equal(means[which], values)


def test_against_scikit_learn():
    cluster = pytest.importorskip("sklearn.cluster")
    values = np.random.default_rng(0).standard_normal(2000)
    means, which = kmeans(values, 8)
    start = np.linspace(values.min(), values.max(), 8)[:, None]
    oracle = cluster.KMeans(8, init=start, n_init=1, tol=0, max_iter=100).fit(values[:, None])
    np.testing.assert_allclose(means, np.sort(oracle.cluster_centers_[:, 0]), atol=1e-6)
    assert ((means[which] - values) ** 2).sum() == pytest.approx(oracle.inertia_)


@pytest.mark.parametrize("bits", [1, 3, {"5": 2, "0": 4}])
def test_counts_and_zeros(bits):
    pruned, _ = compress.prune(mc.models.lenet5(seed=0), sparsity=0.7)
    small, told = compress.cluster(pruned, bits=bits)
    for name, parameter in small.parameters().items():
        old = pruned.parameters()[name].data
        width = bits if isinstance(bits, int) else bits.get(name.split(".")[0])
        if parameter.data.ndim > 1 and width:
            assert len(np.unique(parameter.data[parameter.data != 0])) <= 2**width
            assert np.array_equal(parameter.data == 0, old == 0)
        else:
            assert np.array_equal(parameter.data, old)
    assert told.ratio > 2


def test_values_learn_and_stay_shared():
    x, y, x_test, y_test = mc.data.load("digits")
    model = mc.models.small_cnn(seed=0)
    mc.fit(model, (x, y), epochs=3, seed=0, progress=False)
    small, told = compress.cluster(model, bits=2, biases=True, data=(x_test, y_test))
    before = np.unique(small[6].weight.data)
    mc.fit(small, (x, y), epochs=3, seed=1, progress=False)
    for parameter in small.parameters().values():
        assert len(np.unique(parameter.data)) <= 4
    assert not np.array_equal(np.unique(small[6].weight.data), before)
    assert mc.evaluate(small, (x_test, y_test)).error <= told.errors[1] + 0.01


@pytest.mark.parametrize(
    ("bits", "error"), [(0, ValueError), (13, ValueError), (2.5, TypeError), ({"8": 2}, ValueError)]
)
def test_bad_input_is_refused(bits, error):
    with pytest.raises(error, match=r"expected|weights are"):
        compress.cluster(mc.models.small_cnn(seed=0), bits=bits)


def test_kmeans_refuses_what_has_no_mean():
    for values in (np.zeros(0), np.zeros((2, 2)), np.array([np.nan])):
        with pytest.raises(ValueError, match="wants a row"):
            kmeans(values, 2)
