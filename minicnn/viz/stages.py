"""One image on its way through a network: the maps after each stage, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from minicnn.viz.style import BLUE, VERMILION, WIDTH


def stages(maps: Mapping[str, Any], probabilities: Any, *, label: str = "class") -> Figure:
    """Draw the maps of each stage as a block of pictures, and the probabilities as bars.

    Parameters
    ----------
    maps : mapping of str to array (C, H, W)
        Title and maps of each stage, in order; C is 1 or even.
    probabilities : array (classes,)
        The network's answer; the largest is marked.
    label : str
        What the classes are, e.g. "digit".
    """
    arrays = {title: np.asarray(values) for title, values in maps.items()}
    for title, values in arrays.items():
        if values.ndim != 3 or (len(values) != 1 and len(values) % 2):
            raise ValueError(
                f"the stage {title!r} has shape {values.shape}; expected (C, H, W) with C = 1 or "
                "even. Draw an even number of its maps: values[:8]."
            )
    answer = np.asarray(probabilities, float)
    if not arrays or answer.ndim != 1 or not len(answer):
        raise ValueError(
            f"got {len(arrays)} stages and probabilities of shape {answer.shape}; expected at "
            "least one stage and a vector (classes,). Take one image: softmax(model(x))[0]."
        )
    figure = plt.figure(figsize=(WIDTH, 0.45 * WIDTH), layout="constrained", facecolor="white")
    widths = [2.0 if len(values) == 1 else 1.5 for values in arrays.values()]
    panels = figure.subfigures(1, len(arrays) + 1, width_ratios=[*widths, 2.0], squeeze=False)
    *blocks, last = panels[0]
    for block, (title, values) in zip(blocks, arrays.items(), strict=True):
        across = min(2, len(values))
        axes = np.atleast_1d(block.subplots(len(values) // across, across)).ravel()
        for axis, picture in zip(axes, values, strict=True):
            axis.imshow(picture, cmap="cividis")
            axis.set_axis_off()
        block.suptitle(title)
    axis = last.subplots()
    colors = [VERMILION if k == answer.argmax() else BLUE for k in range(len(answer))]
    axis.barh(range(len(answer)), answer, color=colors)
    axis.set_yticks(range(len(answer)))
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("probability")
    axis.set_ylabel(label)
    return figure
