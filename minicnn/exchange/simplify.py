"""Take out what computes nothing in inference."""

from __future__ import annotations

from collections.abc import Sequence

from minicnn import nn
from minicnn.exchange.affine import NO_BORDER
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rewrite, run
from minicnn.nn.layer import Shape


def simplify(
    model: nn.Sequential, *, in_shape: Sequence[int] | None = None
) -> tuple[nn.Sequential, Report]:
    """Take out layers that do nothing in inference, and open sequences inside sequences.

    The new model is for inference: it has no `Dropout` to train with.
    """
    return run(
        "simplify",
        model,
        [open_sequence, drop_idle],
        in_shape,
        nothing="every layer computes something, and no Sequential holds another",
    )


def open_sequence(
    layers: list[nn.Layer],
    position: int,
    in_shape: Shape | None,  # noqa: ARG001
) -> Rewrite | str | None:
    """A Sequential in a Sequential is its layers, one after the other."""
    match layers[position]:
        case nn.Sequential() as inner:
            return Rewrite(1, list(inner), "a Sequential opened")
    return None


def drop_idle(
    layers: list[nn.Layer],
    position: int,
    in_shape: Shape | None,  # noqa: ARG001
) -> Rewrite | str | None:
    """Identity, dropout in inference, poolings of one pixel, the same ReLU twice."""
    layer = layers[position]
    match layers[position : position + 2]:
        case [nn.ReLU() | nn.ReLU6() as first, nn.ReLU() | nn.ReLU6() as second] if type(
            second
        ) in (nn.ReLU, type(first)):
            return Rewrite(2, [first], f"{type(second).__name__} after {type(first).__name__}")
    if isinstance(layer, nn.Identity | nn.Dropout) or _pools_one_pixel(layer):
        return Rewrite(1, [], f"{type(layer).__name__} does nothing in inference")
    return None


def _pools_one_pixel(layer: nn.Layer) -> bool:
    if not isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        return False
    unpadded = layer.padding in (0, (0, 0), NO_BORDER, "valid", "same")
    return layer.kernel_size == layer.stride == (1, 1) and unpadded
