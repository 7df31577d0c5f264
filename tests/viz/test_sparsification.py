"""The figures of the chapter on sparsification: labelled, fit for a phone, right."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from minicnn.viz.sparsification import (
    corner,
    gate_histogram,
    patterns,
    shrinkages,
    sparsity_lines,
)
from minicnn.viz.style import WIDTH

KEEP = np.eye(8, 16, dtype=bool)
LINES = {"a": ([0.5, 0.9], [2.0, 0.5]), "b": ([0.5, 0.9], [1.0, 0.2])}
FIGURES = {
    "corner": lambda: corner((1.0, 0.7)),
    "shrinkages": lambda: shrinkages(),
    "gate_histogram": lambda: gate_histogram({"a": np.array([0, 0.5, 1]), "b": np.ones(3)}),
    "patterns": lambda: patterns({"any": KEEP, "2:4": KEEP}, group=4),
    "patterns, three": lambda: patterns(dict.fromkeys("abc", KEEP)),
    "sparsity_lines": lambda: sparsity_lines(LINES, ylabel="time", level=1, spread={"a": [1, 0.1]}),
    "sparsity_lines, log": lambda: sparsity_lines(
        LINES, ylabel="bytes", log=True, points={"2:4": (0.5, 2.25)}
    ),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    shown = [ax for ax in fig.axes if ax.get_visible()]
    assert all(ax.get_xlabel() or ax.get_title(loc="left") for ax in shown)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts if text.get_text()]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_the_l1_ball_is_touched_at_its_corner_and_the_l2_ball_is_not():
    left, right = corner((1.9, 0.3)).axes
    touch = [ax.lines[-1].get_xydata()[0] for ax in (left, right)]
    np.testing.assert_allclose(touch[0], [1, 0], atol=1e-3)
    assert abs(touch[1][1]) > 0.05


def test_single_gates_are_counted_apart():
    ax = gate_histogram({"a": np.array([0, 0, 0.5, 1])}).axes[0]
    assert [bar.get_height() for bar in ax.patches][-2:] == [50, 25]


def test_sparsities_are_per_cents():
    ax = sparsity_lines(LINES, ylabel="time").axes[0]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [50, 90])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: corner((0.2, 0.2)),
        lambda: shrinkages(t=0),
        lambda: gate_histogram({"a": np.array([2.0])}),
        lambda: patterns({}),
        lambda: sparsity_lines({"a": ([1, 2], [1, 2])}, ylabel="y"),
    ],
)
def test_bad_input_is_refused(draw):
    with pytest.raises(ValueError, match="wants"):
        draw()
