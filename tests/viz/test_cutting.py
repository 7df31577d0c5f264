"""The figures of the chapter on cutting: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest

from minicnn.viz.cutting import (
    Line,
    cost_curves,
    effect_dots,
    exit_diagram,
    exit_shares,
    image_rows,
)
from minicnn.viz.style import WIDTH

RNG = np.random.default_rng(0)
EFFECTS = RNG.random((3, 6))
LINES = {
    "exits": Line([3, 1, 2], RNG.random((3, 3))),
    "from scratch": Line([1, 2], RNG.random((3, 2)), joined=False),
}
FIGURES = {
    "exit_diagram": lambda: exit_diagram(["a", "b", "c"], ["head 1", "head 2"]),
    "effect_dots": lambda: effect_dots(EFFECTS, label="rise of the loss"),
    "cost_curves": lambda: cost_curves(LINES, xlabel="multiply-adds"),
    "exit_shares": lambda: exit_shares([0.5, 0.9], np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])),
    "image_rows": lambda: image_rows(
        {"easy": RNG.random((4, 8, 8)), "hard": RNG.random((2, 8, 8))}
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_labelled_and_fits_a_phone(name):
    fig = FIGURES[name]()
    fig.canvas.draw()
    if name not in ("exit_diagram", "image_rows"):
        assert all(ax.get_xlabel() and ax.get_ylabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts if text.get_text()]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_dots_are_the_numbers():
    lines = effect_dots(EFFECTS, label="y").axes[0].lines
    np.testing.assert_allclose(lines[0].get_ydata(), EFFECTS.mean(axis=0))
    np.testing.assert_allclose([line.get_ydata() for line in lines[1:]], EFFECTS)


def test_curves_are_sorted_means_in_per_cent():
    line = cost_curves(LINES, xlabel="x").axes[0].lines[0]
    assert list(line.get_xdata()) == [1, 2, 3]
    means = 100 * LINES["exits"].accuracies.mean(axis=0)
    np.testing.assert_allclose(line.get_ydata(), means[[1, 2, 0]])


def test_shares_fill_the_bar():
    ax = FIGURES["exit_shares"]().axes[0]
    ends = [p.get_x() + p.get_width() for p in ax.patches]
    assert max(ends) == pytest.approx(100)
    assert len(ax.patches) == 6


WRONG = {
    "heads": (lambda: exit_diagram(["a", "b"], ["c", "d"]), "a head for each"),
    "effects": (lambda: effect_dots(EFFECTS[0], label="y"), "seeds, positions"),
    "no lines": (lambda: cost_curves({}, xlabel="x"), "one or more"),
    "lines": (lambda: cost_curves({"a": Line([1, 2], EFFECTS)}, xlabel="x"), "Transpose"),
    "shares": (lambda: exit_shares([0.5], np.ones((2, 2))), "one row for each"),
    "images": (lambda: image_rows({"a": EFFECTS}), "one image or more"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
