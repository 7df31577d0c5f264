"""The figures of the pruning chapter: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn.viz.pruning import error_curves, layer_shares, magnitudes, mask_pictures
from minicnn.viz.style import WIDTH

WEIGHTS = {"first": np.linspace(-1, 1, 101), "second": np.linspace(-2, 2, 100)}
LIMITS = {"first": 0.5, "second": 1.0}
MASK = np.eye(4, 6)
CURVES = {"a net": {"global": {2.0: [1.0, 3.0], 10.0: [4.0, 6.0]}, "layer": {2.0: [2.0]}}}
FIGURES = {
    "magnitudes": lambda: magnitudes(WEIGHTS, LIMITS),
    "mask_pictures": lambda: mask_pictures({"one": MASK, "other": MASK.T}),
    "layer_shares": lambda: layer_shares(
        {"global": {"1": 0.1, "2": 0.5}, "layer": {"1": 1, "2": 0}}
    ),
    "error_curves": lambda: error_curves(
        CURVES, marks={"a net": {"somebody": (12, 1.5)}}, levels={"a net": 1.6}
    ),
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


def test_magnitudes_counts_what_is_below_the_line():
    first, second = magnitudes(WEIGHTS, LIMITS).axes
    assert first.get_title(loc="left") == "first: 50 % below the line"
    assert second.get_title(loc="left") == "second: 50 % below the line"
    assert [line.get_xdata()[0] for ax in (first, second) for line in ax.lines] == [0.5, 1.0]
    assert sum(patch.get_height() for patch in second.patches) == 100


def test_mask_pictures_are_dark_where_a_weight_is_left():
    [ax] = mask_pictures({"one": MASK}).axes
    assert_allclose(np.asarray(ax.images[0].get_array()), MASK)
    assert ax.get_title(loc="left") == "one: 17 % left"


def test_layer_shares_draws_per_cents_side_by_side():
    [ax] = layer_shares({"global": {"1": 0.1, "2": 0.5}, "layer": {"1": 0.2, "2": 0.2}}).axes
    assert_allclose([bar.get_width() for bar in ax.patches], [10, 50, 20, 20])
    assert [text.get_text() for text in ax.texts] == [" 10 %", " 50 %", " 20 %", " 20 %"]


def test_error_curves_draws_every_seed_and_the_means():
    fig = FIGURES["error_curves"]()
    [ax] = fig.axes
    assert_allclose(ax.lines[0].get_ydata(), [1, 3])
    means = [line for line in ax.lines if list(line.get_xdata()) == [2, 10]]
    assert_allclose(means[0].get_ydata(), [2, 5])
    names = [text.get_text() for text in fig.legends[0].get_texts()]
    assert names == ["global", "layer", "somebody", "all weights"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


WRONG = {
    "names": (lambda: magnitudes(WEIGHTS, {}), "one threshold"),
    "no masks": (lambda: mask_pictures({}), "masks is empty"),
    "one axis": (lambda: mask_pictures({"a": np.ones(3)}), "2 axes"),
    "layers": (lambda: layer_shares({"a": {"1": 1}, "b": {"2": 1}}), "the same layers"),
    "no lines": (lambda: error_curves({"a": {}}), "lacks lines"),
    "no seeds": (lambda: error_curves({"a": {"b": {2: []}}}), "for each seed"),
    "zero": (lambda: error_curves({"a": {"b": {2: [0.0]}}}), "no 0"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
