"""The figures of the weight sharing chapter: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn.viz.style import GREY, WIDTH, tint
from minicnn.viz.weight_sharing import (
    SHARED,
    accuracy_by_size,
    connections,
    growth_curves,
    sharing_matrices,
    two_ways,
)

SHARING = np.array([[0, 1, -1], [-1, 0, 1]])
LOCAL = np.array([[0, 1, -1], [-1, 2, 3]])
LAYERS = {"local": LOCAL, "convolution": SHARING}
RESULTS = {"still": {"dense": {10: [0.5, 0.7], 100: [0.8, 0.9]}}, "moved": {"dense": {10: [0.2]}}}
FIGURES = {
    "connections": lambda: connections(LAYERS),
    "sharing_matrices": lambda: sharing_matrices(LAYERS),
    "growth_curves": lambda: growth_curves([8, 16], {"dense": [1e3, 1e6], "shared": [9, 9]}),
    "accuracy_by_size": lambda: accuracy_by_size(RESULTS),
    "two_ways": lambda: two_ways({"dense": [SHARING, LOCAL]}, ["one way", "the other"]),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert fig.get_supxlabel() or any(ax.get_xlabel() for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_connections_draws_a_line_for_each_weight_and_letters_for_shared_ones():
    local, shared = connections(LAYERS).axes
    assert len(local.lines) == len(shared.lines) == 4
    assert {to_rgb(line.get_color()) for line in local.lines} == {to_rgb(GREY)}
    assert [line.get_color() for line in shared.lines] == [SHARED[0], SHARED[1]] * 2
    assert [text.get_text() for text in shared.texts] == ["a", "b", "a", "b"]
    assert not local.texts


def test_sharing_matrices_colours_equal_numbers_alike_and_counts_them():
    local, shared = sharing_matrices(LAYERS).axes
    assert [ax.get_title(loc="left") for ax in (local, shared)] == [
        "local: 4 numbers",
        "convolution: 2 numbers",
    ]
    fills = np.asarray(shared.images[0].get_array())
    assert_allclose(fills[0, 0], tint(SHARED[0], 0.5))
    assert_allclose(fills[1, 2], tint(SHARED[1], 0.5))
    assert_allclose(fills[0, 2], fills[1, 0])
    assert [text.get_text() for text in shared.texts] == ["a", "a", "b", "b"]


def test_growth_curves_draws_the_counts_on_logarithmic_axes():
    [ax] = growth_curves([8, 16], {"dense": [1e3, 1e6]}).axes
    assert_allclose(ax.lines[0].get_ydata(), [1e3, 1e6])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["8", "16"]
    ax.figure.canvas.draw()
    assert "1 k" in [label.get_text() for label in ax.get_yticklabels()]


def test_accuracy_by_size_draws_the_means_in_per_cent():
    still, moved = accuracy_by_size(RESULTS).axes
    assert_allclose(still.lines[0].get_xdata(), [10, 100])
    assert_allclose(still.lines[0].get_ydata(), [60, 85])
    assert_allclose(moved.lines[0].get_ydata(), [20])
    assert still.get_title(loc="left") == "still"


def test_two_ways_draws_every_map_on_one_scale():
    fig = two_ways({"dense": [SHARING, LOCAL], "shared": [LOCAL, SHARING]}, ["one", "other"])
    pictures = [ax.images[0] for ax in fig.axes[:4]]
    assert_allclose(pictures[1].get_array(), LOCAL)
    assert_allclose(pictures[3].get_array(), SHARING)
    assert {picture.get_clim() for picture in pictures} == {(-3.0, 3.0)}
    assert [ax.get_ylabel() for ax in fig.axes[:4:2]] == ["dense", "shared"]
    assert [ax.get_title() for ax in fig.axes[:2]] == ["one", "other"]


WRONG = {
    "no layers": (lambda: connections({}), ValueError, "layers is empty"),
    "floats": (lambda: sharing_matrices({"a": SHARING / 2}), TypeError, "whole numbers"),
    "one axis": (lambda: connections({"a": SHARING[0]}), ValueError, "2 axes"),
    "too many": (
        lambda: sharing_matrices({"a": np.tile(np.arange(20), (2, 1))}),
        ValueError,
        "smaller kernel",
    ),
    "no counts": (lambda: growth_curves([1], {}), ValueError, "counts is empty"),
    "zero": (lambda: growth_curves([1], {"a": [0]}), ValueError, "positive"),
    "lengths": (lambda: growth_curves([1, 2], {"a": [1]}), ValueError, r"shape \(1,\)"),
    "no rows": (lambda: two_ways({}, ["a"]), ValueError, "rows is empty"),
    "columns": (lambda: two_ways({"a": [LOCAL]}, ["a", "b"]), ValueError, "one map for each"),
    "no panels": (lambda: accuracy_by_size({}), ValueError, "panels is empty"),
    "no seeds": (lambda: accuracy_by_size({"p": {"a": {10: []}}}), ValueError, "each seed"),
    "nan": (lambda: accuracy_by_size({"p": {"a": {10: [np.nan]}}}), ValueError, "each seed"),
}


@pytest.mark.parametrize(("draw", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
