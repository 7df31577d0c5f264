"""The figures of the quantisation chapter: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from minicnn.viz.quantisation import bytes_used, error_by_bits, grids_on_weights, stairs
from minicnn.viz.style import WIDTH

WEIGHTS = np.random.default_rng(0).normal(size=200)
RESULTS = {"after training": {8: [0.01, 0.02], 2: [0.3, 0.5]}, "trained": {2: [0.02, 0.03]}}
FIGURES = {
    "stairs": lambda: stairs(3, 0.5, 2),
    "grids_on_weights": lambda: grids_on_weights(WEIGHTS, {"wide": 1.0, "narrow": 0.5}, bits=3),
    "bytes_used": lambda: bytes_used({"a": np.arange(0, 200, 2), "b": np.zeros(4)}),
    "error_by_bits": lambda: error_by_bits(RESULTS, reference=[0.01, 0.012]),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert any(ax.get_xlabel() for ax in fig.axes)
    assert all(ax.get_ylabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5


def test_stairs_are_those_of_the_grid():
    top, below = stairs(3, 0.5, 2).axes
    y = top.lines[1].get_ydata()
    np.testing.assert_array_equal(np.unique(y), 0.5 * (np.arange(8) - 2))
    x, error = below.lines[0].get_data()
    inside = (x >= -1) & (x <= 2.5)
    assert np.abs(error[inside]).max() <= 0.25 + 1e-12


def test_a_line_for_each_value_and_the_error_in_the_title():
    wide, narrow = grids_on_weights(WEIGHTS, {"wide": 1.0, "narrow": 0.5}, bits=3).axes
    assert [line.get_xdata()[0] for line in narrow.lines] == [-1.5, -1, -0.5, 0, 0.5, 1, 1.5]
    off = np.sqrt(np.mean((np.rint(WEIGHTS) - WEIGHTS) ** 2) / np.mean(WEIGHTS**2))
    assert f"wide: {100 * off:.0f} % off" in wide.get_title(loc="left")


def test_bytes_are_counted():
    first, second = bytes_used({"a": np.arange(0, 200, 2), "b": np.zeros(4)}).axes
    assert "100 of 256" in first.get_title(loc="left")
    assert "1 of 256" in second.get_title(loc="left")


def test_means_and_spans_of_the_errors():
    (ax,) = error_by_bits(RESULTS, reference=[0.01, 0.012]).axes
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [1.5, 40])
    assert ax.xaxis_inverted()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: grids_on_weights(WEIGHTS, {}, bits=3),
        lambda: grids_on_weights(WEIGHTS, {"none": 0.0}, bits=3),
        lambda: bytes_used({}),
        lambda: error_by_bits({}, reference=[0.1]),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(ValueError, match="wants"):
        wrong()
