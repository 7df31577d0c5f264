"""The figures of the benchmark page: labelled, fit for a phone, right in their numbers."""

import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn.viz.benchmarks import ratio_dots, scaling
from minicnn.viz.style import WIDTH

PANELS = {
    "N": {1: {"minicnn": 1e-3, "torch NCHW": 2e-3}, 4: {"minicnn": 3e-3, "torch NCHW": 9e-3}},
    "threads": {1: {"minicnn": 2e-3, "another": 1e-3}},
}
FIGURES = {
    "scaling": lambda: scaling(PANELS),
    "ratio_dots": lambda: ratio_dots({"a": {"x": 0.5, "y": 2}, "b": {"y": 1}}, label="time"),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert all(ax.get_xlabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5


def test_scaling_draws_each_library_in_milliseconds():
    fig = scaling(PANELS)
    assert [ax.get_xlabel() for ax in fig.axes] == ["N", "threads"]
    assert_allclose(fig.axes[0].lines[1].get_ydata(), [2, 9])
    names = [text.get_text() for text in fig.legends[0].get_texts()]
    assert names == ["minicnn", "torch NCHW", "another"]


def test_ratio_dots_puts_each_ratio_in_its_row():
    ax = ratio_dots({"a": {"x": 0.5, "y": 2}, "b": {"y": 1}}, label="time").axes[0]
    dots = {line.get_label(): line for line in ax.lines if line.get_label() in "ab"}
    assert_allclose(dots["a"].get_xydata(), [[0.5, 0], [2, 1]])
    assert_allclose(dots["b"].get_xydata(), [[1, 1]])


WRONG = {
    "no rows": (lambda: ratio_dots({}, label="time"), "holds no row"),
    "no panels": (lambda: scaling({}), "lacks points"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
