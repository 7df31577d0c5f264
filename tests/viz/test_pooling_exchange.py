"""The figures of the chapter on pooling exchange: labelled, fit for a phone, right."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn.viz.pooling_exchange import convex_gap, two_ways, winners
from minicnn.viz.style import MARK, WIDTH, tint

X = np.array([[1, -3, 2, 4], [-2, -4, 0, -2], [-4, -2, -6, 3], [-1, -5, 5, 2]])
FUNCTIONS = {"ReLU": lambda x: np.maximum(x, 0), "rounding": np.rint, "|x|": np.abs}
FIGURES = {
    "two ways": lambda: two_ways(X, np.abs, "|x|"),
    "average": lambda: two_ways(X, np.abs, "|x|", pooling="average"),
    "winners": lambda: winners(FUNCTIONS, (-2.2, 0.7, 1.6)),
    "gap": lambda: convex_gap((-1, 2)),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    for ax in fig.axes:
        assert ax.get_xlabel()
        assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in ax.texts)


def numbers(ax):
    return [float(text.get_text().replace("−", "-")) for text in ax.texts]


def marked(ax):
    return np.isclose(ax.images[0].get_array(), tint(MARK, 0.6)).all(axis=-1)


@pytest.mark.parametrize(
    ("name", "pooling", "first", "second"),
    [
        ("ReLU", "max", [1, 4, 0, 5], [1, 4, 0, 5]),
        ("|x|", "max", [4, 4, 5, 6], [1, 4, 1, 5]),
        ("ReLU", "average", [0.25, 1.5, 0, 2.5], [0, 1, 0, 1]),
    ],
)
def test_both_ways_are_computed_and_their_differences_marked(name, pooling, first, second):
    axes = two_ways(X, FUNCTIONS[name], name, pooling=pooling).axes
    assert_allclose(numbers(axes[2]), first)
    assert_allclose(numbers(axes[5]), second)
    for ax in (axes[2], axes[5]):
        assert (marked(ax).ravel() == (np.array(first) != second)).all()
    assert axes[2].get_position().x0 == axes[5].get_position().x0


def test_winners_are_the_largest_before_and_after():
    for ax, function in zip(
        winners(FUNCTIONS, (-2.2, 0.7, 1.6)).axes, FUNCTIONS.values(), strict=True
    ):
        lines = {line.get_label(): line for line in ax.lines}
        assert lines["largest x"].get_xdata() == [1.6]
        expected = -2.2 if function is np.abs else 1.6
        assert lines["largest f(x)"].get_xdata() == [expected]


def test_the_gap_joins_both_means():
    [bar] = [line for line in convex_gap((2, -1)).axes[0].lines if line.get_label() == "the gap"]
    assert_allclose(bar.get_xdata(), 0.5)
    assert_allclose(bar.get_ydata(), [0.5, 1.0])
    assert to_rgb(bar.get_color()) == to_rgb(MARK)


WRONG = {
    "pooling": (lambda: two_ways(X, np.abs, "|x|", pooling="min"), "pooling is 'min'"),
    "axes": (lambda: two_ways(X[0], np.abs, "|x|"), r"x has shape \(4,\)"),
    "functions": (lambda: winners({}, (1, 2)), "There are 0 functions"),
    "points": (lambda: winners(FUNCTIONS, [1]), r"points has shape \(1,\)"),
    "gap": (lambda: convex_gap([1]), "draws two numbers"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
