"""The figures of the chapter on batch normalisation: labelled, fit for a phone, right."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn.viz.batch_norm import ARROWS, BOXES, normalisation_graph, seed_bands
from minicnn.viz.style import WIDTH

LABELS = {"x_label": "batch size (images)", "y_label": "accuracy (%)"}
CURVES = {"plain": [[50, 60, 70], [52, 66, 71]], "with": [80, 90, 95]}
FIGURES = {
    "graph": normalisation_graph,
    "bands": lambda: seed_bands(CURVES, [1, 2, 4], **LABELS),
    "log bands": lambda: seed_bands(CURVES, [1, 2, 4], **LABELS, log="xy"),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_graph_shows_every_step_and_leads_from_x_to_y():
    [ax] = normalisation_graph().axes
    texts = {text.get_text() for text in ax.texts}
    assert {text for _, _, text in BOXES.values()} <= texts
    assert {str(step) for *_, step in ARROWS} == set("123456") <= texts
    ends = [end for _, end, _ in ARROWS]
    assert set(BOXES) - set(ends) == {"x", "gamma"}
    assert {start for start, _, _ in ARROWS} == set(BOXES) - {"y"}


def test_a_step_backward_comes_after_all_that_it_needs():
    steps = {}
    for start, _, step in ARROWS:
        steps.setdefault(start, set()).add(step)
    for start, end, step in ARROWS:
        assert end == "y" or step > min(steps[end])
        assert len(steps[start]) == 1


def test_bands_draw_the_mean_and_the_extremes():
    fig = seed_bands(CURVES, [1, 2, 4], **LABELS, log="x", y_range=(0, 100))
    [ax] = fig.axes
    assert_allclose(ax.lines[0].get_ydata(), [51, 63, 70.5])
    assert_allclose(ax.lines[1].get_ydata(), [80, 90, 95])
    corners = ax.collections[0].get_paths()[0].vertices
    assert {50.0, 52.0, 60.0, 66.0, 70.0, 71.0} <= set(corners[:, 1])
    assert (ax.get_xlabel(), ax.get_ylabel()) == tuple(LABELS.values())
    assert ax.get_ylim() == (0, 100)
    assert_allclose(ax.get_xticks(), [1, 2, 4])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == list(CURVES)


WRONG = {
    "empty": (lambda: seed_bands({}, [1], **LABELS), "curves is empty"),
    "length": (lambda: seed_bands({"a": [1, 2]}, [1], **LABELS), r"curves\['a'\] has shape \(2,\)"),
    "nan": (lambda: seed_bands({"a": [np.nan]}, [1], **LABELS), "finite"),
    "log": (lambda: seed_bands({"a": [1]}, [1], **LABELS, log="z"), "log is 'z'"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
