"""Pictures of the learner's own functions."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from minicnn.learn import show
from minicnn.learn.show import PICTURES
from minicnn.learn.tasks import get_task


@pytest.fixture
def shown(monkeypatch):
    """Count the figures that are shown, and close them."""
    figures = []

    def note():
        figures.extend(plt.get_fignums())
        plt.close("all")

    monkeypatch.setattr(plt, "show", note)
    return figures


def blank(*_):
    raise NotImplementedError


ANSWERS = {
    "one_layer.cheapest_stack": lambda size: [(size, 1)],
    "spatial_compression.choose_strides": lambda size, widths, budget: [2] * (len(widths) - 1),
    "activation_memory.place": lambda sizes, births, deaths: [0] * len(sizes),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_waits_for_a_function_that_works(name, shown):
    assert "once it is written" in repr(show(name, blank))
    assert "ZeroDivisionError" in repr(show(name, lambda *_: 1 // 0))
    assert "<div" in show(name, blank)._repr_html_()
    assert show(name, ANSWERS.get(name, get_task(name).oracle)) is None
    assert len(shown) == 1


def test_a_nonsense_answer_is_no_accident(shown):
    for name in PICTURES:
        for nonsense in (lambda *_: None, lambda *_: np.ones((3, 0)), lambda *_: "abc"):
            assert "cannot be shown" in repr(show(name, nonsense))
    assert not shown


def test_not_every_task_has_a_picture():
    assert "There is no picture" in repr(show("one_layer.grad_bias", blank))
