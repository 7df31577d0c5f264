"""The figures of the chapter on combinations: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from minicnn.viz.style import WIDTH
from minicnn.viz.together import order_matrix, two_orders

NAMES = ["trim", "prune", "cluster"]
TABLE = np.array([[1.5, 2.0, 12.34], [2.1, 3.0, 4.0], [5.0, 6.0, 7.0]])
PAIRS = {("trim", "prune"): ((2.0, 5.0), (2.1, 6.0)), ("prune", "cluster"): ((8, 9), (8, 30))}
FIGURES = {
    "order_matrix": lambda: order_matrix(NAMES, {"times smaller": TABLE, "error (%)": TABLE.T}),
    "two_orders": lambda: two_orders(PAIRS, name=[("prune", "cluster")]),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert any(ax.get_xlabel() for ax in fig.axes)
    assert all(ax.get_ylabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_the_first_pass_is_a_row():
    upper, lower = order_matrix(NAMES, {"a": TABLE, "b": TABLE.T}).axes
    written = {text.get_position(): text.get_text() for text in upper.texts}
    assert written[2, 0] == "12.3"  # column 2, row 0
    assert [label.get_text() for label in upper.get_yticklabels()] == NAMES
    assert {text.get_position(): text.get_text() for text in lower.texts}[0, 2] == "12.3"
    bold = {text.get_position() for text in upper.texts if text.get_fontweight() == "bold"}
    assert bold == {(0, 0), (1, 1), (2, 2)}


def test_named_pairs_have_a_full_and_an_empty_end():
    fig = two_orders(PAIRS, name=[("prune", "cluster")])
    [ax] = fig.axes
    assert ax.get_xscale() == "log"
    labels = [text.get_text() for text in fig.legends[0].get_texts()]
    assert labels == ["prune first, then cluster", "the other order"]
    full, empty = (line for line in ax.lines if line.get_markersize() == 8)
    assert (full.get_ydata()[0], empty.get_ydata()[0]) == (9, 30)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="each with a row"):
        order_matrix(NAMES, {"a": TABLE[:2]})
    with pytest.raises(ValueError, match="two finite points"):
        two_orders({("a", "b"): ((1.0, np.nan), (1.0, 2.0))})
    with pytest.raises(ValueError, match="names among the pairs"):
        two_orders(PAIRS, name=[("trim", "cluster")])
