"""Sizes of a small layer, drawn so that every window has a place."""

from __future__ import annotations

from typing import Any

from minicnn.learn.strategies import DrawFn, whole
from minicnn.learn.tasks import _reference as ref


def layer_sizes(draw: DrawFn) -> dict[str, Any]:
    """Draw the shapes of x, w and y, the stride and the padding."""
    n, c, k = whole(draw, 1, 2), whole(draw, 1, 2), whole(draw, 1, 2)
    stride, padding = whole(draw, 1, 2), whole(draw, 0, 1)
    r, s, room = whole(draw, 1, 3), whole(draw, 1, 3), (whole(draw, 0, 3), whole(draw, 0, 3))
    h, w = max(1, r - 2 * padding + room[0]), max(1, s - 2 * padding + room[1])
    p = ref.windows_that_fit(h, r, stride, padding, 1)
    q = ref.windows_that_fit(w, s, stride, padding, 1)
    shapes = {"x": (n, c, h, w), "w": (k, c, r, s), "y": (n, k, p, q)}
    return {**shapes, "stride": stride, "padding": padding}
