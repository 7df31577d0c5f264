"""Count parameters, multiply-adds and activation bytes, layer by layer, without computing any."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minicnn.nn import Dropout, Flatten, Identity, Layer, Residual, Sequential

_PASS_ON = (Dropout, Flatten, Identity)  # in inference their output is their input: no new memory

_TITLES = ("name", "layer", "output shape", "parameters", "multiply-adds", "activation bytes")


class Row(NamedTuple):
    """One layer of a `Summary`. Numbers are for one image, and the layer's own.

    A container has none of its own; a `Residual` has the bytes of its sum.
    """

    name: str
    layer: str
    out_shape: tuple[int, ...]
    params: int
    macs: int
    activation_bytes: int
    depth: int


@dataclass(frozen=True)
class Summary:
    """Table of a model's layers and what each costs; ``print`` it, or read its attributes.

    Attributes
    ----------
    rows : one `Row` a layer, in the order of computation; what is inside another follows it.
    in_shape : of one image, (C, H, W).
    """

    rows: tuple[Row, ...]
    in_shape: tuple[int, ...]

    @property
    def params(self) -> int:
        """How many numbers are learned."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-adds of one inference on one image."""
        return sum(row.macs for row in self.rows)

    @property
    def flops(self) -> int:
        """Floating-point operations: a multiply-add is two."""
        return 2 * self.macs

    @property
    def activation_bytes(self) -> int:
        """Bytes of all outputs together for one image, as training keeps them.

        Inference needs less at a time. Outputs that are only another view of the input
        (`Flatten`, `Identity`, and `Dropout` in inference) count nothing.
        """
        return sum(row.activation_bytes for row in self.rows)

    def __str__(self) -> str:
        cells = [_TITLES, *self._cells(), self._total()]
        widths = [max(len(line[column]) for line in cells) for column in range(len(_TITLES))]
        lines = [
            "  ".join(
                text.ljust(width) if column < 3 else text.rjust(width)
                for column, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            return "<tr>{}</tr>".format(
                "".join(
                    f'<{tag} style="text-align: {"left" if column < 3 else "right"}">'
                    f"{html.escape(text).replace('  ', '&emsp;')}</{tag}>"
                    for column, text in enumerate(cells)
                )
            )

        body = "".join(line(cells, "td") for cells in self._cells())
        return (
            f"<table><thead>{line(_TITLES, 'th')}</thead><tbody>{body}</tbody>"
            f"<tfoot>{line(self._total(), 'th')}</tfoot></table>"
        )

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                "  " * row.depth + row.name,
                row.layer,
                str(row.out_shape),
                *(f"{n:,}" if n else "" for n in (row.params, row.macs, row.activation_bytes)),
            )
            for row in self.rows
        ]

    def _total(self) -> tuple[str, ...]:
        totals = (self.params, self.macs, self.activation_bytes)
        return ("total", "", f"for {self.in_shape}", *(f"{n:,}" for n in totals))


def summary(model: Layer, in_shape: Sequence[int]) -> Summary:
    """Count what `model` costs on one input of `in_shape` (C, H, W) or (features,).

    Raises
    ------
    ValueError
        A layer cannot take the shape that the one before it gives.
    """
    shape = tuple(int(n) for n in in_shape)
    if not shape or min(shape) < 1:
        raise ValueError(
            f"in_shape is {tuple(in_shape)}; expected one sample's shape without the batch axis, "
            f"all sizes above 0, such as (1, 28, 28)."
        )
    itemsize = np.dtype(model.dtype or np.float32).itemsize
    rows: list[Row] = []
    if isinstance(model, Sequential):
        _walk(model, shape, "", 0, itemsize, rows)
    else:
        _add(model, shape, "model", 0, itemsize, rows)
    return Summary(tuple(rows), shape)


def _walk(
    model: Sequential,
    shape: tuple[int, ...],
    prefix: str,
    depth: int,
    itemsize: int,
    rows: list[Row],
) -> None:
    model.out_shape(shape)  # names the layer that does not fit, if one does not
    for position, layer in enumerate(model):
        shape = _add(layer, shape, f"{prefix}{position}", depth, itemsize, rows)


def _add(
    layer: Layer, shape: tuple[int, ...], name: str, depth: int, itemsize: int, rows: list[Row]
) -> tuple[int, ...]:
    """Append the rows of one layer and of all inside it; return its output shape."""
    out = layer.out_shape(shape)
    inside = isinstance(layer, (Sequential, Residual))
    cost = {"params": 0, "macs": 0} if inside else layer.cost(shape)
    new = not isinstance(layer, (*_PASS_ON, Sequential))
    size = math.prod(out) * itemsize if new else 0
    rows.append(Row(name, type(layer).__name__, out, cost["params"], cost["macs"], size, depth))
    if isinstance(layer, Sequential):
        _walk(layer, shape, f"{name}.", depth + 1, itemsize, rows)
    if isinstance(layer, Residual):
        for branch, part in (("body", layer.body), ("shortcut", layer.shortcut)):
            if part is not None:
                _walk(part, shape, f"{name}.{branch}.", depth + 1, itemsize, rows)
    return out
