"""Which channels of a network belong together: those that can only be removed at once.

A channel is made by one layer's filter and read by a slice of the next layer's weights; whatever
stands between (normalisation, a depthwise filter) has a number or a filter of its own for it. A
sum of two branches makes their channels the same channels. So we walk through a model once, put
every axis of every array that runs along the same channels into one `Group`, and join groups where
branches meet. Groups that end in the outside world, or in a layer we know nothing about, stay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from minicnn import nn
from minicnn.nn.layer import Layer

KEEPS_ZERO = (
    nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Tanh, nn.MaxPool2d, nn.AvgPool2d, nn.GlobalAvgPool2d,
    nn.Flatten, nn.Dropout, nn.Identity,
)  # fmt: skip
"""Layers that make zeros of a channel of zeros."""


class Slot(NamedTuple):
    """An axis of an array of a layer; ``role`` is "makes", "reads" or "between"."""

    name: str
    layer: Layer
    array: str
    axis: int
    role: str


@dataclass(eq=False)
class Group:
    """Channels that are the same channels: ``size`` of them, and every slot that has them."""

    size: int
    slots: list[Slot] = field(default_factory=list)
    pinned: str = ""
    keeps_zero: bool = True
    _joined: Group | None = None

    def root(self) -> Group:
        """Return the group that this one has become part of."""
        return self if self._joined is None else self._joined.root()

    def join(self, other: Group) -> Group:
        """Make two groups one."""
        a, b = self.root(), other.root()
        if a is not b:
            b._joined = a
            a.slots += b.slots
            a.pinned = a.pinned or b.pinned
            if 0 < min(a.size, b.size) < max(a.size, b.size):  # flattened: one has pixels too
                a.pinned = a.pinned or f"{b.size} channels are added to {a.size} features"
            a.size = max(a.size, b.size)
            a.keeps_zero &= b.keeps_zero
        return a

    def of(self, role: str) -> list[Slot]:
        """Return the slots of one role."""
        return [slot for slot in self.slots if slot.role == role]

    @property
    def name(self) -> str:
        """Name it by the layers that make it."""
        return " + ".join(dict.fromkeys(slot.name for slot in self.of("makes"))) or "input"


def groups_of(model: nn.Sequential) -> list[Group]:
    """Return the groups of a model in the order in which they are made."""
    found: list[Group] = []
    first = Group(0, pinned="it is the input")
    last = _Walk(found).through(model, first, "")
    last.root().pinned = last.root().pinned or "it is the output"
    return [group for group in found if group.root() is group]


class _Walk:
    def __init__(self, found: list[Group]) -> None:
        self.found = found

    def through(self, layer: Layer, group: Group, name: str) -> Group:
        """Let channels into a layer, and return those that come out."""
        group = group.root()
        if isinstance(layer, nn.Sequential):
            for child_name, child in layer.children().items():
                group = self.through(child, group, f"{name}.{child_name}".lstrip("."))
            return group
        if type(layer) is nn.Residual:
            body = self.through(layer.body, group, f"{name}.body")
            around = group
            if layer.shortcut is not None:
                around = self.through(layer.shortcut, group, f"{name}.shortcut")
            return body.join(around)
        if type(layer) is nn.EarlyExits:
            for number, stage in enumerate(layer.stages):
                group = self.through(stage, group, f"{name}.stages.{number}")
                for head in layer.heads[number : number + 1]:
                    said = self.through(head, group, f"{name}.heads.{number}").root()
                    said.pinned = said.pinned or "it is an output"
            return group
        if type(layer) in (nn.Conv2d, nn.QuantConv2d):
            return self.convolution(layer, group, name, makes=0, reads=1)
        if type(layer) is nn.ConvTranspose2d:
            return self.convolution(layer, group, name, makes=1, reads=0)
        if type(layer) is nn.Linear or type(layer) is nn.QuantLinear:
            group.slots.append(Slot(name, layer, "weight", 1, "reads"))
            return self.made(layer, name, layer.out_features, 0)
        if type(layer) is nn.FakeQuantize:
            return group  # one grid for all channels
        if type(layer) is nn.BatchNorm2d:
            for array in ("weight", "bias", "running_mean", "running_var"):
                group.slots.append(Slot(name, layer, array, 0, "between"))
            group.keeps_zero = False
        elif type(layer) is nn.Pad2d:
            group.slots.append(Slot(name, layer, "value", 0, "between"))
            group.keeps_zero = False
        elif layer.parameters() or layer.buffers() or layer.children():
            group.pinned = f"{type(layer).__name__} reads it, which trim does not know"
            unknown = Group(0, pinned=f"{type(layer).__name__} makes it, which trim does not know")
            self.found.append(unknown)
            return unknown
        elif not isinstance(layer, KEEPS_ZERO):
            group.keeps_zero = False
        return group

    def convolution(self, layer: Any, group: Group, name: str, *, makes: int, reads: int) -> Group:
        """A plain one ends a group and begins another; a depthwise one is between."""
        if layer.groups == 1:
            group.slots.append(Slot(name, layer, "weight", reads, "reads"))
            return self.made(layer, name, layer.out_channels, makes)
        if layer.groups == layer.in_channels == layer.out_channels:
            arrays = {"weight": True, "bias": layer.bias is not None, "log_step": _stepped(layer)}
            for array in (array for array, there in arrays.items() if there):
                group.slots.append(Slot(name, layer, array, 0, "between"))
            group.keeps_zero &= layer.bias is None
            return group
        group.pinned = f"{name} reads it in {layer.groups} groups of channels"
        new = self.made(layer, name, layer.out_channels, makes)
        new.pinned = f"{name} makes it in {layer.groups} groups of channels"
        return new

    def made(self, layer: Any, name: str, size: int, axis: int) -> Group:
        """Begin a group with the layer that makes it."""
        new = Group(size, [Slot(name, layer, "weight", axis, "makes")])
        if layer.bias is not None:
            new.slots.append(Slot(name, layer, "bias", 0, "makes"))
        if _stepped(layer):
            new.slots.append(Slot(name, layer, "log_step", 0, "between"))
        self.found.append(new)
        return new


def _stepped(layer: Layer) -> bool:
    """Whether each filter of a layer has a step of its own (`nn.quantized`)."""
    return isinstance(layer, nn.QuantConv2d | nn.QuantLinear)


def values(slot: Slot, size: int) -> np.ndarray:
    """Return a slot's array as (channels, everything else); a view is not promised."""
    held = getattr(slot.layer, slot.array)
    array = held.data if isinstance(held, nn.Parameter) else held
    moved = np.moveaxis(array, slot.axis, 0)  # after Flatten a channel is many columns
    return moved.reshape(size, -1)


def keep_only(group: Group, keep: np.ndarray) -> None:
    """Remove the other channels of a group from all its layers, in place."""
    for slot in group.slots:
        held = getattr(slot.layer, slot.array)
        if isinstance(held, nn.Parameter):
            columns = _columns(keep, held.shape[slot.axis], group.size)
            setattr(slot.layer, slot.array, held.take(columns, slot.axis))
        else:
            setattr(slot.layer, slot.array, held[keep])
    for layer in {id(slot.layer): slot.layer for slot in group.slots}.values():
        _recount(layer)


def _columns(keep: np.ndarray, length: int, size: int) -> np.ndarray:
    pixels = length // size
    return (keep[:, None] * pixels + np.arange(pixels)).ravel()


def _recount(layer: Any) -> None:
    """Set a layer's numbers of channels by its arrays."""
    if isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = layer.weight.shape
    elif isinstance(layer, nn.BatchNorm2d):
        layer.num_features = layer.weight.size
    elif isinstance(layer, nn.Pad2d):
        layer.channels = layer.value.size
    elif layer.groups > 1:
        layer.in_channels = layer.out_channels = layer.groups = layer.weight.shape[0]
    elif isinstance(layer, nn.ConvTranspose2d):
        layer.in_channels, layer.out_channels = layer.weight.shape[:2]
    else:
        layer.out_channels, layer.in_channels = layer.weight.shape[:2]
