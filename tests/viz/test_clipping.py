"""The figures of the chapter on clipping: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest

from minicnn.viz.clipping import norm_curves, weight_grids
from minicnn.viz.style import WIDTH

W = np.random.default_rng(0).standard_normal((8, 9))
FIGURES = {
    "weight_grids": lambda: weight_grids(W, {"all": 3.0, "clipped": 1.5}, 3),
    "norm_curves": lambda: norm_curves({"free": [[1, 10, 5], [2, 3]], "clipped": [[1, 1, 1]]}),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    fig.canvas.draw()
    assert fig.axes[-1].get_xlabel()
    assert all(ax.get_ylabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5


def test_the_grid_has_the_values_of_three_bits():
    for ax, limit in zip(FIGURES["weight_grids"]().axes, (3.0, 1.5), strict=True):
        values = [line.get_xdata()[0] for line in ax.lines]
        np.testing.assert_allclose(values, np.linspace(-limit, limit, 7), atol=1e-12)


def test_each_run_is_a_line_and_each_name_a_label():
    fig = FIGURES["norm_curves"]()
    assert [list(line.get_ydata()) for line in fig.axes[0].lines] == [[1, 10, 5], [2, 3], [1, 1, 1]]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["free", "clipped"]


WRONG = {
    "no limits": (lambda: weight_grids(W, {}, 3), "limits above 0"),
    "bits": (lambda: weight_grids(W, {"a": 1.0}, 1), "2 bits or more"),
    "no runs": (lambda: norm_curves({"a": []}), "one or more"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
