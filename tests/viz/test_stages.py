"""The picture of the opening page."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from minicnn.viz.stages import stages
from minicnn.viz.style import VERMILION

MAPS = {"image": np.eye(4)[None], "maps": np.arange(32.0).reshape(8, 2, 2)}


def test_every_map_is_drawn_and_the_answer_is_marked():
    figure = stages(MAPS, [0.1, 0.7, 0.2], label="digit")
    figure.canvas.draw()
    *pictures, bars = figure.axes
    assert [len(axis.images) for axis in pictures] == [1] * 9
    np.testing.assert_array_equal(pictures[3].images[0].get_array(), MAPS["maps"][2])
    assert (bars.get_xlabel(), bars.get_ylabel()) == ("probability", "digit")
    assert [bar.get_width() for bar in bars.patches] == [0.1, 0.7, 0.2]
    marked = [to_rgb(bar.get_facecolor()) == to_rgb(VERMILION) for bar in bars.patches]
    assert marked == [False, True, False]


@pytest.mark.parametrize(
    ("maps", "probabilities", "says"),
    [
        ({"image": np.eye(3)}, [1.0], r"\(3, 3\).*expected \(C, H, W\)"),
        ({"maps": np.ones((3, 2, 2))}, [1.0], "C = 1 or even"),
        ({}, [1.0], "0 stages"),
        (MAPS, [[1.0]], r"\(1, 1\).*Take one image"),
    ],
)
def test_refuses_what_it_cannot_draw(maps, probabilities, says):
    with pytest.raises(ValueError, match=says):
        stages(maps, probabilities)
