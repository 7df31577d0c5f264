"""Layers made of layers: one after the other, and around the corner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, overload

import numpy as np

from minicnn import ops
from minicnn.nn import fusing
from minicnn.nn.layer import Layer, Shape, from_spec, register, to_spec


def _indented(name: str, layer: Layer) -> str:
    return f"  ({name}): " + repr(layer).replace("\n", "\n  ")


@register
class Sequential(Layer):
    """Layers one after the other; a model is one of these.

    ``model[0]`` is a layer, ``model["0"]`` the same, and ``model[:3]`` a Sequential that shares
    its layers with ``model``. Names of parameters are ``"0.weight"``, ``"0.bias"``, ...
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers: list[Layer] = []
        for layer in layers:
            self.append(layer)

    def append(self, layer: Layer) -> Self:
        """Add a layer at the end."""
        if not isinstance(layer, Layer):
            raise TypeError(
                f"Sequential got {layer!r}; expected layers. "
                "Write nn.Sequential(first, second, ...), or unpack a list with a star."
            )
        self.layers.append(layer)
        return self

    def children(self) -> dict[str, Layer]:
        """Return the layers by their position, "0", "1", ..."""
        return {str(position): layer for position, layer in enumerate(self.layers)}

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Pass x through every layer."""
        for step in fusing.steps(self.layers):
            try:
                x = step.forward(x, training)
            except (TypeError, ValueError) as error:
                error.add_note(f"(in layer {step.position} of the Sequential, {step.layer!r})")
                raise
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Pass dy back through every layer."""
        for step in reversed(fusing.steps(self.layers)):
            dy = step.backward(dy)
        return dy

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Pass dy back as far as something learns, and not a layer further."""
        learning = [
            position
            for position, layer in enumerate(self.layers)
            if any(p.trainable for p in layer.parameters().values())
        ]
        if not learning:
            self.forget()
            return
        first = learning[0]
        for layer in self.layers[:first]:
            layer.forget()
        start, *later = fusing.steps(self.layers, first)
        for step in reversed(later):
            dy = step.backward(dy)
        start.backward_parameters(dy)

    def out_shape(self, in_shape: Shape) -> Shape:
        """Return the shape after the last layer, without the batch axis."""
        shape = tuple(in_shape)
        for position, layer in enumerate(self.layers):
            try:
                shape = layer.out_shape(shape)
            except ValueError as error:
                error.add_note(f"(in layer {position} of the Sequential, {layer!r})")
                raise
        return shape

    def macs(self, in_shape: Shape) -> int:
        """Sum over the layers."""
        total, shape = 0, tuple(in_shape)
        for layer in self.layers:
            total += layer.macs(shape)
            shape = layer.out_shape(shape)
        return total

    def config(self) -> dict[str, Any]:
        """Return ``{"layers": [spec, ...]}``."""
        return {"layers": [to_spec(layer) for layer in self.layers]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the layers that `config` describes."""
        return cls(*(from_spec(spec) for spec in config["layers"]))

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, key: int | str) -> Layer: ...
    @overload
    def __getitem__(self, key: slice) -> Sequential: ...
    def __getitem__(self, key: int | str | slice) -> Layer:
        if isinstance(key, slice):
            return Sequential(*self.layers[key])
        try:
            position = int(key)
            return self.layers[position]
        except (ValueError, IndexError) as error:
            raise IndexError(
                f"layer {key!r} is not there; expected a number below {len(self)}, the number of "
                "layers. Print the model to see them."
            ) from error

    def __repr__(self) -> str:
        if not self.layers:
            return "Sequential()"
        lines = [_indented(name, layer) for name, layer in self.children().items()]
        return "\n".join(["Sequential(", *lines, ")"])


@register
class Residual(Layer):
    """y = body(x) + shortcut(x); a shortcut of None is the identity (He et al. 2016, eq. 1-2).

    The activation after the sum is a layer of its own.
    """

    def __init__(self, body: Sequential, shortcut: Sequential | None = None) -> None:
        for name, branch in (("body", body), ("shortcut", shortcut)):
            if not isinstance(branch, Sequential) and not (branch is None and name == "shortcut"):
                raise TypeError(
                    f"{name} is {branch!r}; expected an nn.Sequential. "
                    "Wrap the layers in nn.Sequential(...)."
                )
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: np.ndarray, training: bool = False, *, relu: bool = False) -> np.ndarray:
        """Add the two branches; with ``relu`` cut off what is negative on the way."""
        through = self.body.forward(x, training=training)
        around = x if self.shortcut is None else self.shortcut.forward(x, training=training)
        self._compare(through.shape[1:], around.shape[1:])
        return ops.add(through, around, relu=relu, out=self._free(through, -1))

    def backward(self, dy: np.ndarray, *, relu_y: np.ndarray | None = None) -> np.ndarray:
        """Add the gradients of the two branches.

        ``relu_y`` is the output, if it was computed with ``relu``.
        """
        if relu_y is not None:
            dy = ops.relu_backward(dy, relu_y)
        dx = self.body.backward(dy)
        around = dy if self.shortcut is None else self.shortcut.backward(dy)
        return ops.add(dx, around, out=self._free(dx, 0))

    def _free(self, array: np.ndarray, end: int) -> np.ndarray | None:
        """Return what came out of that end of the body, if nobody else holds it."""
        fresh = len(self.body) > 0 and type(self.body.layers[end]) in fusing.FRESH
        return array if fresh and array.flags.c_contiguous else None

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Go down each branch as far as something learns."""
        self.body.backward_parameters(dy)
        if self.shortcut is not None:
            self.shortcut.backward_parameters(dy)

    def out_shape(self, in_shape: Shape) -> Shape:
        """Return the shape that both branches give."""
        through = self.body.out_shape(in_shape)
        around = tuple(in_shape) if self.shortcut is None else self.shortcut.out_shape(in_shape)
        self._compare(through, around)
        return through

    def macs(self, in_shape: Shape) -> int:
        """Sum over both branches; the addition itself multiplies nothing."""
        around = 0 if self.shortcut is None else self.shortcut.macs(in_shape)
        return self.body.macs(in_shape) + around

    @staticmethod
    def _compare(through: Shape, around: Shape) -> None:
        if through != around:
            raise ValueError(
                f"the body gives {through} and the shortcut {around}; their sum needs one shape. "
                "Use a shortcut with a strided 1x1 convolution that changes channels and size."
            )

    def config(self) -> dict[str, Any]:
        """Return the two branches' specs."""
        shortcut = None if self.shortcut is None else to_spec(self.shortcut)
        return {"body": to_spec(self.body), "shortcut": shortcut}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the branches that `config` describes."""
        body, shortcut = from_spec(config["body"]), config["shortcut"]
        return cls(body, None if shortcut is None else from_spec(shortcut))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        lines = [_indented(name, layer) for name, layer in self.children().items()]
        return "\n".join(["Residual(", *lines, ")"])


fusing.FRESH.add(Residual)
fusing.TAKES_RELU.add(Residual)
