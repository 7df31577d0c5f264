"""What every layer can do, and how a model is written down."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np

from minicnn.nn._check import float_dtype
from minicnn.nn.parameter import Parameter

Shape = tuple[int, ...]

LAYERS: dict[str, type[Layer]] = {}
"""Every layer by name: what a saved model may be built from."""

L = TypeVar("L", bound="type[Layer]")


def register(layer: L) -> L:
    """Class decorator: make a layer known to `from_spec`, and so to saved files."""
    LAYERS[layer.__name__] = layer
    return layer


class Layer(ABC):
    """A function with parameters that can be differentiated.

    ``forward(x, training=True)`` keeps what ``backward`` will need; ``forward(x)`` keeps nothing.
    ``backward`` spends what was kept, adds to the ``grad`` of each trainable parameter, and
    returns the gradient of the input.

    A new layer writes `forward`, `backward`, `out_shape`, and, where it has any, `config` and
    `macs`. Attributes that are a `Parameter` or a `Layer` are found by themselves, in the order
    in which they were set.
    """

    buffer_names: tuple[str, ...] = ()
    """Attributes that are saved but not learned, such as running statistics."""

    _saved: Any = None

    @abstractmethod
    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Compute the output."""

    @abstractmethod
    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx from dy, and add to the gradients of the parameters."""

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Like `backward` where nobody needs dx: the first layer of a network in training."""
        self.backward(dy)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Inference: the same as ``forward(x, training=False)``."""
        return self.forward(x, training=False)

    def _spend(self) -> Any:
        """Return what the training forward kept, and forget it."""
        saved, self._saved = self._saved, None
        if saved is None:
            raise RuntimeError(
                f"backward of {type(self).__name__} found nothing to work with; each backward "
                "needs its own forward in training. Call forward(x, training=True) first."
            )
        return saved

    def forget(self) -> None:
        """Free what forward in training kept, here and in every layer inside."""
        self._saved = None
        for child in self.children().values():
            child.forget()

    # Shapes and costs, without computing anything.

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON (weights are stored elsewhere)."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the layer that `config` describes."""
        return cls(**config)

    def out_shape(self, in_shape: Shape) -> Shape:
        """Return the output's shape for an input shape, both without the batch axis."""
        return tuple(in_shape)

    def macs(self, in_shape: Shape) -> int:  # noqa: ARG002 (layers that multiply use it)
        """Return the multiply-adds of inference on one sample; additions alone count nothing."""
        return 0

    def cost(self, in_shape: Shape) -> dict[str, int]:
        """Return ``{"macs": multiply-adds per sample, "params": numbers learned}``."""
        return {"macs": self.macs(in_shape), "params": self.num_parameters}

    # What is inside.

    def children(self) -> dict[str, Layer]:
        """Return the layers directly inside this one."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Layer)}

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield every layer inside, depth first, with its dotted name."""
        for name, child in self.children().items():
            yield prefix + name, child
            yield from child.named_layers(f"{prefix}{name}.")

    def parameters(self) -> dict[str, Parameter]:
        """Return every parameter by dotted name, always in the same order."""
        found = {name: value for name, value in vars(self).items() if isinstance(value, Parameter)}
        for child_name, child in self.children().items():
            found |= {f"{child_name}.{name}": p for name, p in child.parameters().items()}
        return found

    def buffers(self) -> dict[str, np.ndarray]:
        """Return every buffer by dotted name: the live arrays, write into them to change them."""
        found = {name: getattr(self, name) for name in self.buffer_names}
        for child_name, child in self.children().items():
            found |= {f"{child_name}.{name}": b for name, b in child.buffers().items()}
        return found

    @property
    def num_parameters(self) -> int:
        """How many numbers are learned, frozen ones included."""
        return sum(p.size for p in self.parameters().values())

    @property
    def dtype(self) -> np.dtype | None:
        """The type of the parameters, None for a layer without any."""
        return next((p.dtype for p in self.parameters().values()), None)

    def zero_grad(self) -> None:
        """Forget every gradient."""
        for parameter in self.parameters().values():
            parameter.zero_grad()

    def freeze(self, *prefixes: str) -> None:
        """Stop parameters from learning: those under the dotted names given, or all."""
        self._set_trainable(prefixes, False)

    def unfreeze(self, *prefixes: str) -> None:
        """Let parameters learn again: those under the dotted names given, or all."""
        self._set_trainable(prefixes, True)

    def _set_trainable(self, prefixes: tuple[str, ...], trainable: bool) -> None:
        parameters = self.parameters()
        for prefix in prefixes or ("",):
            chosen = [
                p
                for name, p in parameters.items()
                if prefix in ("", name) or name.startswith(prefix + ".")
            ]
            if not chosen and prefix:
                raise ValueError(
                    f"no parameter lies under {prefix!r}; expected a dotted name such as "
                    f"{next(iter(parameters), '0.weight')!r} or the start of one. "
                    "Look at model.parameters()."
                )
            for parameter in chosen:
                parameter.trainable = trainable
                parameter.zero_grad()

    # Copies and state.

    def copy(self) -> Self:
        """Return an independent copy: values, flags, generators; no gradients."""
        twin = copy.deepcopy(self)
        twin.zero_grad()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        # What a forward in training kept belongs to this layer, not to its copies.
        return {name: value for name, value in vars(self).items() if name != "_saved"}

    def astype(self, dtype: Any) -> Self:
        """Return a copy that computes in float32 or float64."""
        dtype = float_dtype(dtype)
        twin = self.copy()
        for parameter in twin.parameters().values():
            parameter.data = parameter.data.astype(dtype)
        layers: list[Layer] = [twin, *(layer for _, layer in twin.named_layers())]
        for layer in layers:
            for name in layer.buffer_names:
                buffer = getattr(layer, name)
                if buffer.dtype.kind == "f":  # whole numbers stay what they are
                    setattr(layer, name, buffer.astype(dtype))
        return twin

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of every parameter and buffer by dotted name."""
        arrays = {name: p.data.copy() for name, p in self.parameters().items()}
        return arrays | {name: b.copy() for name, b in self.buffers().items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over the values of a `state_dict` in place.

        Raises
        ------
        ValueError
            A name is missing or unknown, or a shape or dtype differs; nothing is changed then.
        """
        own = {name: p.data for name, p in self.parameters().items()} | self.buffers()
        if missing := sorted(own.keys() - state.keys()):
            raise ValueError(_mismatch(f"no {missing[0]!r}", len(missing)))
        if unknown := sorted(state.keys() - own.keys()):
            raise ValueError(_mismatch(f"a {unknown[0]!r} that the model has not", len(unknown)))
        for name, array in own.items():
            given = state[name]
            if given.shape != array.shape or given.dtype != array.dtype:
                what = f"{given.dtype} {given.shape} for {name!r}, not {array.dtype} {array.shape}"
                raise ValueError(_mismatch(what, 1))
        for name, array in own.items():
            array[...] = state[name]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _mismatch(what: str, count: int) -> str:
    more = f" (and {count - 1} more such)" if count > 1 else ""
    return (
        f"the state has {what}{more}; expected exactly the arrays of model.state_dict(). "
        "Build the model with the same architecture and dtype."
    )


def to_spec(layer: Layer) -> dict[str, Any]:
    """Return a layer's architecture as JSON-able data: ``{"type": ..., "config": ...}``."""
    return {"type": type(layer).__name__, "config": layer.config()}


def from_spec(spec: Mapping[str, Any]) -> Layer:
    """Build a layer from `to_spec`'s data; the weights are new ones, load them afterwards.

    Raises
    ------
    ValueError
        The data is not a layer's description or names a layer that is not registered.
    """
    kind, config = spec.get("type"), spec.get("config")
    if kind not in LAYERS or not isinstance(config, Mapping):
        raise ValueError(
            f"the description names a layer {kind!r}; known are {', '.join(sorted(LAYERS))}. "
            "Import the module that registers it, or mend the file."
        )
    return LAYERS[kind].from_config(config)
