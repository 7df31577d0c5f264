"""The figures of the chapter on one core: labelled, fit for a phone, right in their numbers."""

import pytest
from matplotlib.figure import Figure

from minicnn.cost.roofline import Roofline
from minicnn.viz.one_core import ladder, panels, register_block, shares
from minicnn.viz.roofline import roofline
from minicnn.viz.style import WIDTH

ROOF = Roofline(100.0, {"L1 cache": 200.0, "memory": 10.0}, "float32")
KERNELS = {"naive": (0.2, 1.0), "direct": (0.7, 70.0), "winograd": (9.0, 150.0)}
FIGURES = {
    "register_block": lambda: register_block(8, 3, 16),
    "register_block, one lane": lambda: register_block(4, 4, 1),
    "panels": lambda: panels(3, 8, 4),
    "ladder": lambda: ladder({"Python": 0.003, "compiled": 1.2, "fast": 95.0}, peak=118.0),
    "shares": lambda: shares({"a": {"x": 3.0, "y": 1.0}, "b": {"x": 0.1, "y": 2.0}}),
    "roofline": lambda: roofline(ROOF, KERNELS),
    "roofline, one level": lambda: roofline(ROOF, KERNELS, levels=("memory",)),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    texts = [text for ax in fig.axes for text in ax.texts if text.get_text()]
    assert any(ax.get_xlabel() or ax.get_title(loc="left") for ax in fig.axes) or texts
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_a_register_block_is_counted():
    fig = register_block(8, 3, 16)
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts.count("16 sums") == 24
    assert (texts.count("a"), texts.count("16 of b")) == (8, 3)
    assert "11 loads, 24 multiply-adds" in texts[-1]


def test_panels_hold_every_number_once():
    before, after = ([t.get_text() for t in ax.texts] for ax in panels(3, 8, 4).axes)
    assert before == [str(i) for i in range(24)]
    assert sorted(after, key=int) == before
    assert after[:6] == ["0", "1", "2", "3", "8", "9"]


def test_a_ladder_says_how_much_each_step_gains():
    fig = ladder({"a": 0.01, "b": 2.0, "c": 3.0}, peak=10.0)
    assert [t.get_text() for t in fig.axes[0].texts] == ["a", "", "b", "× 200", "c", "× 1.5"]


def test_roofs_bend_at_their_ridges():
    fig = roofline(ROOF, KERNELS, levels=("memory",))
    xs, ys = fig.axes[0].lines[0].get_data()
    assert max(ys) == ROOF.peak
    assert all(y == pytest.approx(min(100.0, 10.0 * x)) for x, y in zip(xs, ys, strict=True))
    assert [t.get_text() for t in fig.legends[0].texts] == list(KERNELS)


WRONG = {
    "rows": (lambda: register_block(40, 3, 16), "1 to 16 rows"),
    "columns": (lambda: panels(3, 7, 4), "whole panels"),
    "no speed": (lambda: ladder({"a": 0}, peak=1.0), "positive speeds"),
    "no rows": (lambda: shares({}), "one row or more"),
    "no kernel": (lambda: roofline(ROOF, {}), "1 to 12"),
    "zero": (lambda: roofline(ROOF, {"a": (1.0, 0.0)}), "not above 0"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
