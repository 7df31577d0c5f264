"""The figures of the chapter on choosing: labelled, fit for a phone, right in their numbers."""

import pytest
from matplotlib.figure import Figure

from minicnn.viz.choosing import LOOKS, curves, times_side_by_side, winner_map
from minicnn.viz.style import WIDTH

MAP = {"rows": [7, 14], "columns": [16, 32, 64], "axes_names": ("size", "channels")}
CHOICES = [["winograd", "winograd2", "implicit"], ["im2col", "implicit", "mine"]]
SECONDS = {
    "3×3": {"implicit": 2.0, "winograd": 1.0, "naive": 40.0},
    "1×1": {"implicit": 1.0, "mine": 3.0},
}
FIGURES = {
    "winner_map": lambda: winner_map(CHOICES, **MAP),
    "times_side_by_side": lambda: times_side_by_side(SECONDS, {"3×3": "implicit"}),
    "curves": lambda: curves({"a": {1: 2, 2: 4}, "b": {1: 1}}, labels=("x", "y (s)")),
    "curves, log": lambda: curves({"a": {1: 2, 2: 90}}, labels=("x", "y"), log=(False, True)),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert all(ax.get_xlabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts if text.get_text()]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_every_algorithm_has_colour_and_marker_of_its_own():
    assert len(set(LOOKS.values())) == len({marker for _, marker in LOOKS.values()}) == len(LOOKS)


def test_winner_map_writes_letters_that_tell_names_apart():
    fig = winner_map(CHOICES, **MAP)
    letters = [text.get_text() for text in fig.axes[0].texts]
    assert letters == ["w", "w2", "im", "i", "im", "m"]
    names = [text.get_text() for text in fig.legends[0].get_texts()]
    assert "w2: winograd2" in names
    assert len(names) == 5


def test_times_are_relative_and_the_choice_has_a_ring():
    ax = times_side_by_side(SECONDS, {"3×3": "implicit", "1×1": "gone"}).axes[0]
    rings = [line for line in ax.lines if line.get_fillstyle() == "none"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings] == [(2.0, 0)]
    found = {(n.get_label(), float(n.get_ydata()[0])): float(n.get_xdata()[0]) for n in ax.lines}
    assert found["naive", 0.0] == 40
    assert found["mine", 1.0] == 3


WRONG = {
    "names": (lambda: winner_map([["a"]], **MAP), "one name for each pair"),
    "no time": (lambda: times_side_by_side({"a": {}}), "positive time"),
    "zero": (lambda: times_side_by_side({"a": {"b": 0.0}}), "positive time"),
    "no lines": (lambda: curves({}, labels=("x", "y")), "no points"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
