"""The figures on low rank and codes: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from minicnn.viz.low_rank_and_codes import (
    before_after,
    code_tree,
    energy_curves,
    frontier,
    kmeans_rounds,
)
from minicnn.viz.style import WIDTH

TREE, COUNTS = (("a", "b"), ("c", ("d", "e"))), {"a": 5, "b": 4, "c": 6, "d": 1, "e": 2}
RUNS = {"0.9": [(40, 0.01), (41, 0.012)], "0.99": [(200, 0.03)]}
FIGURES = {
    "energy_curves": lambda: energy_curves({"a": [2, 1, 1], "b": [1, 1]}),
    "kmeans_rounds": lambda: kmeans_rounds([1, 2, 9, 10], [[1, 5], [1.5, 9.5]]),
    "code_tree": lambda: code_tree(TREE, COUNTS),
    "before_after": lambda: before_after(
        {"half": ([0.3, 0.4], [0.1, 0.12])}, line={"as it was": [0.02, 0.04]}
    ),
    "frontier": lambda: frontier({"net": RUNS, "other": RUNS}, published=PUBLISHED),
}
PUBLISHED = {"net": (40, 0.016), "other": (39, 0.008)}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert all(ax.get_xlabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts if text.get_text()]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_energy_ends_at_a_hundred_per_cent():
    first, second = FIGURES["energy_curves"]().axes[0].lines
    np.testing.assert_allclose(first.get_ydata(), [100 * 4 / 6, 100 * 5 / 6, 100])
    assert len(second.get_xdata()) == 2


def test_numbers_have_the_colour_of_the_nearest_mean():
    ax = FIGURES["kmeans_rounds"]().axes[0]
    dots = [line.get_xdata().tolist() for line in ax.lines if line.get_linestyle() == "None"]
    assert dots == [[1, 2], [9, 10], [1, 2], [9, 10]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["start", "1"]


def test_words_are_the_bits_on_the_way():
    texts = [text.get_text() for text in FIGURES["code_tree"]().axes[0].texts]
    assert "a: 5, word 00" in texts
    assert "e: 2, word 111" in texts
    assert "18" in texts


def test_the_frontier_goes_through_the_means():
    ax = FIGURES["frontier"]().axes[0]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [40.5, 200])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.1, 3])
    star = next(line for line in ax.lines if line.get_marker() == "*")
    np.testing.assert_allclose([star.get_xdata()[0], star.get_ydata()[0]], [40, 1.6])


WRONG = {
    "no spectrum": (lambda: energy_curves({"a": [0.0]}), "not all 0"),
    "no rounds": (lambda: kmeans_rounds([1.0], []), "one of each or more"),
    "no rows": (lambda: before_after({}), "one row or more"),
    "no runs": (lambda: frontier({"net": {}}, published=PUBLISHED), "a setting for each"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
