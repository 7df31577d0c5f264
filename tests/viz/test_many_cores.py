"""The figures of the chapter on many cores: labelled, fit for a phone, numbers right."""

import pytest
from matplotlib.figure import Figure

from minicnn.parallel import simulate
from minicnn.viz.many_cores import (
    cache_lines,
    interleavings,
    predictions,
    schedules,
    speedup_curve,
)
from minicnn.viz.style import WIDTH

TWO = {"static": simulate([3, 1, 1], 2, schedule="static"), "dynamic": simulate([3, 1, 1], 2)}
RACE = {"lost": [(0, "load 0", 0), (1, "load 0", 0), (0, "store 1", 1), (1, "store 1", 1)]}
FIGURES = {
    "schedules": lambda: schedules(TWO, mark=[0]),
    "interleavings": lambda: interleavings(RACE),
    "cache_lines": lambda: cache_lines({"packed": [0, 1], "apart": [0] + [-1] * 8 + [1]}),
    "speedup_curve": lambda: speedup_curve({1: 1.0, 2: 1.8}, {"law": {1: 1, 64: 9}}, cores=2),
    "predictions": lambda: predictions({"static": (2, 1.9)}, label="speed-up"),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figures_are_labelled_and_fit(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    assert fig.get_figwidth() <= WIDTH
    assert fig.axes[-1].get_xlabel()
    fig.canvas.draw()


def test_schedules_are_drawn_to_one_scale():
    axes = schedules(TWO).axes
    assert len({ax.get_xlim() for ax in axes}) == 1
    assert [ax.get_title(loc="left") for ax in axes] == ["static: done at 4", "dynamic: done at 3"]
    assert [bar.get_width() for bar in axes[0].patches] == [3, 1, 1]


def test_interleavings_show_the_counter_below():
    [ax] = interleavings(RACE).axes
    texts = [text.get_text() for text in ax.texts]
    assert texts[1::2] == ["0", "0", "1", "1"]
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "counter"


def test_cache_lines_box_every_line():
    packed, apart = cache_lines({"packed": [0, 1], "apart": [0] + [-1] * 8 + [1]}).axes
    boxes = [[p for p in ax.patches if not p.get_fill()] for ax in (packed, apart)]
    assert [len(found) for found in boxes] == [1, 2]


def test_measured_points_and_model_lines_are_told_apart():
    [ax] = FIGURES["speedup_curve"]().axes
    styles = {line.get_label(): line.get_linestyle() for line in ax.lines}
    assert styles["measured here"] == "None"
    assert styles["model: law"] == "--"


WRONG = {
    "schedules": (lambda: schedules({"none": []}), "one block or more"),
    "interleavings": (lambda: interleavings({}), "one story or more"),
    "cache_lines": (lambda: cache_lines({"none": []}), "one number or more"),
    "speedup_curve": (lambda: speedup_curve({}, {}, cores=1), "one entry or more"),
    "predictions": (lambda: predictions({}, label=""), "one or more"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
