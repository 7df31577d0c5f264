"""The figures of the layer exchange chapter: labelled, fit for a phone, right in their numbers."""

import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn import nn
from minicnn.viz.layer_exchange import layer_chains, predicted_measured
from minicnn.viz.style import WIDTH

CONV, NORM, POOL = nn.Conv2d(2, 3, 3, padding=1, seed=0), nn.BatchNorm2d(3), nn.AvgPool2d(2)
CHAINS = {"before": [CONV, NORM, POOL, nn.ReLU()], "after": [nn.Pad2d(2, 1), CONV]}
FIGURES = {
    "layer_chains": lambda: layer_chains(CHAINS),
    "with counts": lambda: layer_chains(CHAINS, (2, 8, 8)),
    "predicted_measured": lambda: predicted_measured({"a": 0.5, "b": 1}, {"b": 1.2, "a": 0.6}),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_layer_chains_names_each_layer_and_counts_its_work():
    [ax] = layer_chains({"all": [CONV, NORM, POOL]}, (2, 8, 8)).axes
    texts = [text.get_text() for text in ax.texts if text.get_text()]
    assert texts[0] == "all"
    assert texts[1] == "Conv2d\n3×3, pad 1\n3,456 ×+"
    assert texts[2].startswith("BatchNorm2d\n")
    assert "2×2, stride 2" in texts[3]
    assert len(ax.patches) >= 3


def test_predicted_measured_draws_both_in_one_order():
    fig = predicted_measured({"a": 0.5, "b": 1}, {"b": 1.2, "a": 0.6})
    lines = {line.get_label(): line.get_xdata() for line in fig.axes[0].lines}
    assert_allclose(lines["predicted"], [0.5, 1])
    assert_allclose(lines["measured"], [0.6, 1.2])
    assert "ratio" in fig.axes[0].get_xlabel()
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["predicted", "measured"]


WRONG = {
    "no rows": (lambda: layer_chains({}), "one row or more"),
    "long": (lambda: layer_chains({"a": [NORM] * 5}), "Split longer chains"),
    "names": (lambda: predicted_measured({"a": 1}, {"b": 1}), "the same names"),
    "empty": (lambda: predicted_measured({}, {}), "predicted is empty"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
