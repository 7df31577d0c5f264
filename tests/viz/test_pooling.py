"""The figures of the pooling chapter: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn.viz.pooling import pooled_maps, seed_dots, shift_curves
from minicnn.viz.style import WIDTH

X = np.arange(64.0).reshape(8, 8)
FIGURES = {
    "pooled_maps": lambda: pooled_maps(X, (2, 4)),
    "seed_dots": lambda: seed_dots({"max": [0.9, 0.95, 0.94], "none": [0.9]}, mark=["none"]),
    "shift_curves": lambda: shift_curves({"max": [[1.0, 0.9], [1.0, 0.8]], "none": [1.0, 0.5]}),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert any(ax.get_xlabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_pooled_maps_draws_max_mean_and_first_of_each_window():
    fig = pooled_maps(X, (4,))
    drawn = [np.asarray(ax.images[0].get_array()) for ax in fig.axes]
    blocks = X.reshape(2, 4, 2, 4)
    for row, wanted in enumerate((blocks.max((1, 3)), blocks.mean((1, 3)), X[::4, ::4])):
        assert_allclose(drawn[2 * row], X)
        assert_allclose(drawn[2 * row + 1], wanted)
    assert {ax.images[0].get_clim() for ax in fig.axes} == {(0.0, 63.0)}


def test_seed_dots_draws_every_seed_in_per_cent_and_writes_the_mean():
    fig = seed_dots({"max": [0.9, 0.94]})
    assert_allclose(fig.axes[0].lines[1].get_xdata(), [90, 94])
    assert [text.get_text() for text in fig.axes[0].texts] == ["max", "mean 92.0 %"]


def test_shift_curves_draws_means_from_the_first_shift_on():
    fig = shift_curves({"max": [[1.0, 0.9], [1.0, 0.8]]}, start=3)
    [line] = fig.axes[0].lines
    assert_allclose(line.get_xdata(), [3, 4])
    assert_allclose(line.get_ydata(), [100, 85])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["max"]


WRONG = {
    "sizes": (lambda: pooled_maps(X, (9,)), "from 1 to 8"),
    "no sizes": (lambda: pooled_maps(X, ()), r"sizes is \(\)"),
    "no axes": (lambda: pooled_maps(X[0]), "2 axes"),
    "no rows": (lambda: seed_dots({}), "one row or more"),
    "mark": (lambda: seed_dots({"a": [1]}, mark=["b"]), r"mark is \['b'\]"),
    "no seeds": (lambda: seed_dots({"a": []}), r"results\['a'\] has shape \(0,\)"),
    "nan": (lambda: shift_curves({"a": [np.nan]}), "finite"),
    "no curves": (lambda: shift_curves({}), "curves is empty"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
