"""The figures of the trimming chapter: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn import nn
from minicnn.viz.style import WIDTH, tint
from minicnn.viz.trimming import ROLES, relative_dots, sorted_factors, who_leaves

CHAIN = nn.Sequential(
    nn.Conv2d(2, 4, 3, padding=1, seed=0),
    nn.BatchNorm2d(4),
    nn.Conv2d(4, 4, 3, padding=1, groups=4, seed=1),
    nn.ConvTranspose2d(4, 3, 1, seed=2),
    nn.Flatten(),
    nn.Linear(12, 5, seed=3),
)
RATIOS = {"FLOPs": {"a": 0.25, "b": 0.5}, "time": {"b": 0.6, "a": 1.2}}
FIGURES = {
    "who_leaves": lambda: who_leaves(CHAIN, "0", [2]),
    "sorted_factors": lambda: sorted_factors({"plain": [[1, -2], [3, 1]], "slim": [[0, 1]]}),
    "relative_dots": lambda: relative_dots(RATIOS),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in (*ax.texts, ax.title, ax.xaxis.label)]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)
    assert len(fig.legends) == 1


def colors(ax):
    mesh = ax.collections[0]
    rows, columns = mesh._coordinates.shape[0] - 1, mesh._coordinates.shape[1] - 1
    return np.asarray(mesh.get_array(), float).reshape(rows, columns, 3)


def test_who_leaves_colours_rows_that_make_and_columns_that_read():
    made, norm, depthwise, read, linear = [
        colors(ax) for ax in who_leaves(CHAIN, "0", [2]).axes[:5]
    ]
    for picture, role in ((made, "makes"), (norm, "between"), (depthwise, "between")):
        assert_allclose(picture[2], np.tile(to_rgb(ROLES[role]), (picture.shape[1], 1)))
        assert_allclose(picture[0, 0], tint(ROLES[role], 0.25))
    assert norm.shape == (4, 4, 3)
    assert depthwise.shape == (4, 1, 3)
    assert_allclose(read[:, 2], np.tile(to_rgb(ROLES["reads"]), (3, 1)))
    assert_allclose(read[:, 1], np.tile(tint(ROLES["reads"], 0.25), (3, 1)))
    assert len(np.unique(linear.reshape(-1, 3), axis=0)) == 1


def test_a_flattened_channel_is_many_columns():
    linear = colors(who_leaves(CHAIN, "3", [1]).axes[4])
    strong = np.isclose(linear, to_rgb(ROLES["reads"])).all(axis=2)
    assert strong.all(axis=0).tolist() == [False] * 4 + [True] * 4 + [False] * 4


def test_factors_are_sorted_by_size():
    [ax] = sorted_factors({"plain": [[1, -3, 2, 0]]}).axes
    assert_allclose(ax.lines[0].get_ydata(), [0, 1, 2, 3])
    assert "%" in ax.get_xlabel()


def test_dots_are_in_the_order_of_the_first_group():
    [ax] = relative_dots(RATIOS).axes
    lines = {line.get_label(): line.get_xdata() for line in ax.lines}
    assert_allclose(lines["FLOPs"], [0.25, 0.5])
    assert_allclose(lines["time"], [1.2, 0.6])
    assert "ratio" in ax.get_xlabel()


WRONG = {
    "group": (lambda: who_leaves(CHAIN, "9"), "Use one of these"),
    "channel": (lambda: who_leaves(CHAIN, "0", [4]), "the group has 4"),
    "no curves": (lambda: sorted_factors({}), "an array for each seed"),
    "no groups": (lambda: relative_dots({}), "groups is empty"),
    "rows": (lambda: relative_dots({"a": {"x": 1}, "b": {"y": 1}}), "the same rows"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
