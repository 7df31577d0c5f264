"""The figures of the chapter on exchange: labelled, fit for a phone, right in their numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

from minicnn.viz.kernel_exchange import (
    address_trace,
    heat_map,
    memory_order,
    overlap_ladder,
    wires,
)
from minicnn.viz.style import WIDTH

CHW = np.stack(np.indices((3, 2, 2)), axis=-1).reshape(-1, 3)
LADDER = {"size": 3, "kernel": 3, "stride": 2}
HEAT = {"rows": ["x", "y"], "columns": ["a", "b", "c"], "axes_names": ("loop", "order")}
FIGURES = {
    "wires": lambda: wires(7, 3, stride=2),
    "wires, padded": lambda: wires(5, 3, padding=1),
    "overlap_ladder": lambda: overlap_ladder({"a": LADDER, "b": {**LADDER, "kernel": 4}}),
    "memory_order": lambda: memory_order({"NCHW": CHW, "padded": [*CHW, (-1, 0, 0)]}),
    "address_trace": lambda: address_trace({"ab": {"out": range(40), "image": [0] * 40}}),
    "heat_map": lambda: heat_map([[1, 2, 3], [4, 50, 6]], label="time (s)", **HEAT),
    "heat_map, all equal": lambda: heat_map(np.ones((2, 3)), label="time (s)", **HEAT),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert any(ax.get_xlabel() or ax.get_title(loc="left") for ax in fig.axes)
    assert fig.get_tightbbox().width <= WIDTH + 0.5
    texts = [text for ax in fig.axes for text in ax.texts if text.get_text()]
    assert all(text.get_fontsize() * 360 / (72 * WIDTH) >= 7 for text in texts)


@pytest.mark.parametrize(("padding", "joined"), [(0, 9), (1, 13)])
def test_wires_draws_each_wire_once_in_each_direction(padding, joined):
    fig = wires(5, 3, padding=padding)
    for ax in fig.axes:
        arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
        assert len(arrows) == joined
    forward, backward = (
        sorted(
            (round(a.xy[0], 3), round(a.xyann[0], 3))[:: 1 if panel else -1]
            for a in ax.texts
            if getattr(a, "arrow_patch", None)
        )
        for panel, ax in enumerate(fig.axes)
    )
    assert forward == backward


def test_overlap_ladder_counts_what_is_painted():
    fig = overlap_ladder({"a": LADDER})
    assert [text.get_text() for text in fig.axes[0].texts] == list("1121211")


def test_memory_order_writes_places_like_text():
    fig = memory_order({"a": [*CHW, (-1, 0, 0)]}, per_row=12)
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts[:5] == ["000", "001", "010", "011", "100"]
    assert texts[-1] == "–"
    assert fig.axes[0].images[0].get_array().shape == (2, 12, 3)


def test_address_trace_draws_cache_lines():
    fig = address_trace({"ab": {"out": [0, 15, 16, 40]}})
    assert_array_equal(fig.axes[0].lines[0].get_ydata(), [0, 0, 1, 2])


def test_heat_map_writes_every_number():
    fig = heat_map([[1, 2, 3], [4, 50, 6]], label="time (s)", **HEAT)
    assert [t.get_text() for t in fig.axes[0].texts] == ["1.0", "2.0", "3.0", "4.0", "50.0", "6.0"]


WRONG = {
    "taps": (lambda: wires(9, 5), "at most 4 taps"),
    "no ladder": (lambda: overlap_ladder({}), "one case or more"),
    "no layout": (lambda: memory_order({}), "one array or more"),
    "layout": (lambda: memory_order({"a": [(0, 1)]}), r"\(1, 2\)"),
    "no walk": (lambda: address_trace({}), "one order or more"),
    "no arrays": (lambda: address_trace({"a": {}}), "one order or more"),
    "shape": (lambda: heat_map([[1, 2]], label="s", **HEAT), "2 rows and 3 columns"),
    "zero": (lambda: heat_map(np.zeros((2, 3)), label="s", **HEAT), "positive number"),
}


@pytest.mark.parametrize(("draw", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
