"""The figures of the chapter on fewer multiplications: labelled, fit for a phone, right."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from minicnn.viz.fewer_multiplications import (
    error_dots,
    method_lines,
    overlapping_tiles,
    part_bars,
    product_at_points,
)
from minicnn.viz.style import WIDTH

LINES = {"plain": ([3, 5, 7], [9, 25, 49]), "other": ([3, 5], [4, 5])}
AXES = {"xlabel": "taps", "ylabel": "multiplications"}
FIGURES = {
    "product_at_points": lambda: product_at_points([1, 2, 1], [2, -1], [0, 1, -1, 2]),
    "overlapping_tiles": lambda: overlapping_tiles(4, 3),
    "one tile": lambda: overlapping_tiles(2, 1, down=1, across=1),
    "method_lines": lambda: method_lines(LINES, **AXES, level=10),
    "method_lines, wide": lambda: method_lines({"a": ([4, 64], [1e-7, 1])}, **AXES, log_x=True),
    "error_dots": lambda: error_dots(
        {"a": {"x": 1e-7, "y": 1e-6}, "b": {"x": 2e-7}}, label="error"
    ),
    "part_bars": lambda: part_bars({"few": {"a": 1, "b": 3}, "many": {"a": 2, "b": 2}}),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert all(ax.get_xlabel() or ax.get_title(loc="left") for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts if text.get_text()]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


def test_product_at_points_marks_products():
    ax = product_at_points([1, 2], [3, -1], [0, 1, -1]).axes[0]
    dots = [line.get_ydata() for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots[0] * dots[1], dots[2], atol=0.05)


def test_overlapping_tiles_have_the_sizes_of_the_title():
    fig = overlapping_tiles(4, 3, down=1, across=2)
    for ax, side in zip(fig.axes, (6, 4), strict=True):
        assert f"{side}×{side}" in ax.get_title(loc="left")
        assert len(ax.patches) == 2
        assert ax.images[0].get_array().shape[:2] == (side, 4 + side)


def test_part_bars_are_per_cents():
    ax = part_bars({"few": {"a": 1, "b": 3}}).axes[0]
    assert [patch.get_width() for patch in ax.patches] == [25, 75]


WRONG = {
    "points": (lambda: product_at_points([1], [1], [2]), "two or more"),
    "tiles": (lambda: overlapping_tiles(0, 3), "1 or more"),
    "no line": (lambda: method_lines({}, **AXES), "one line or more"),
    "line": (lambda: method_lines({"a": ([1, 2], [1])}, **AXES), r"\(2,\)"),
    "zero": (lambda: error_dots({"a": {"x": 0}}, label="e"), "positive"),
    "parts": (lambda: part_bars({"a": {"x": 1}, "b": {"y": 1}}), "same one to 4"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
