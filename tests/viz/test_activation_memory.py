"""The figures of the activation memory chapter: labelled, fit for a phone, numbers right."""

import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn import cost, models, nn
from minicnn.viz.activation_memory import (
    arena_timeline,
    growth,
    lifetimes,
    live_curves,
    piles,
    tradeoff,
)
from minicnn.viz.style import WIDTH

CONV = nn.Conv2d(2, 4, 3, padding=1, seed=0)
PLAN = cost.memory_plan(nn.Sequential(CONV, nn.ReLU(), nn.Flatten()), (2, 8, 8))
LONG = cost.memory_plan(models.resnet_cifar(), (3, 32, 32))
TIMES, PEAKS = {"all": 2.0, "k = 2": 2.5}, {"all": 8, "k = 2": 4}
FIGURES = {
    "lifetimes": lambda: lifetimes(PLAN),
    "arena_timeline": lambda: arena_timeline(PLAN),
    "many steps": lambda: arena_timeline(LONG, unit="MiB"),
    "piles": lambda: piles({"one": [("A", 0, 2, 0, 1), ("B", 2, 1, 1, 2)]}, bound=3),
    "live_curves": lambda: live_curves({"all": [1, 2, 2], "some": [1, 1]}),
    "growth": lambda: growth({"a": {1: 2.0, 8: 3.0}}, xlabel="k", ylabel="B", log=True),
    "tradeoff": lambda: tradeoff(TIMES, PEAKS, baseline="all", limit=1.3),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_fits_a_phone_and_is_labelled(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)
    assert all(ax.get_xlabel() for ax in fig.axes)


def test_lifetimes_leave_views_out():
    [ax] = lifetimes(PLAN).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["0 input", "1 Conv2d", "2 ReLU"]
    assert [bar.get_width() for bar in ax.patches[::2]] == [2, 2, 2]


def test_arena_timeline_draws_every_bar_to_scale():
    [ax] = arena_timeline(PLAN, unit="B").axes
    drawn = [(p.get_x() + 0.5, p.get_width(), p.get_y(), p.get_height()) for p in ax.patches]
    bars = [(b.start, b.stop - b.start, b.low, b.high - b.low) for b in PLAN.timeline()]
    assert_allclose(drawn, bars)
    assert [bool(patch.get_hatch()) for patch in ax.patches] == [False, False, True]
    assert ax.lines[0].get_ydata()[0] == PLAN.lower_bound
    assert len(arena_timeline(LONG).axes[0].get_xticklabels()) < 20


def test_piles_share_one_scale():
    plans = {"low": [("A", 0, 1, 0, 0)], "high": [("A", 3, 1, 0, 0)]}
    left, right = piles(plans, bound=1).axes
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[1] >= 4
    assert left.lines[0].get_ydata()[0] == 1


def test_curves_say_their_peaks():
    fig = live_curves({"all": [1, 2, 2], "some": [1, 1]})
    assert [t.get_text() for t in fig.legends[0].get_texts()] == [
        "all: at most 2",
        "some: at most 1",
    ]


def test_tradeoff_is_relative_to_the_baseline():
    [ax] = tradeoff(TIMES, PEAKS, baseline="all", limit=1.3).axes
    points = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert_allclose(points, [(1, 1), (1.25, 0.5)])


WRONG = {
    "unit": (lambda: arena_timeline(PLAN, unit="kB"), "Try unit='KiB'"),
    "piles": (lambda: piles({}, bound=1), "one plan or more"),
    "curves": (lambda: live_curves({"a": []}), "one number or more"),
    "growth": (lambda: growth({}, xlabel="", ylabel=""), "one line or more"),
    "names": (lambda: tradeoff({"a": 1}, {"b": 1}, baseline="a", limit=1), "must be the same"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
