"""A strided picture sorted into pictures without a stride, so that neighbours stay neighbours.

With a stride of 1, output pixels that are neighbours see neighbours in the image, for each tap of
the filter. With a stride of 2 a tap sees every second pixel. If the image is sorted into its even
and its odd columns, *phases*, each tap again sees neighbours, in one of the two. The same goes for
rows, and for any stride. Dilation only changes which pixel a tap begins with.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


class Axis(NamedTuple):
    """The rows, or the columns, that some outputs in a row see.

    first
        What the first output sees first; below 0 it is in the border.
    phases
        Which of them, modulo the stride and from `first` on, are seen at all.
    phase, step
        For each tap: the number of its phase, and where in it the first output looks.
    size
        Rows or columns of a phase that all outputs see.
    """

    first: int
    phases: Indices
    phase: Indices
    step: Indices
    size: int


def axis(taps: Indices, stride: int, outputs: int) -> Axis:
    """Sort what `outputs` pixels see through `taps`, counted from output pixel times stride."""
    first = int(taps.min())
    phases, phase = np.unique((taps - first) % stride, return_inverse=True)
    step = (taps - first) // stride
    return Axis(first, phases, phase, step, outputs + int(step.max()))


def distances(channels: int, rows: Axis, columns: Axis) -> Indices:
    """Where each tap finds the first output's pixel, (channels · taps,).

    In memory a band is (channels, phases of rows, phases of columns, rows, columns).
    """
    picture = np.arange(channels)[:, None, None] * len(rows.phases) + rows.phase[:, None]
    picture = picture * len(columns.phases) + columns.phase
    distance = (picture * rows.size + rows.step[:, None]) * columns.size + columns.step
    return distance.ravel().astype(np.intp)
