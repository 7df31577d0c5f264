"""Training in less memory: forget most activations, compute them again when needed.

The backward pass walks through the layers in reverse and needs what each kept on the way forward,
so training keeps the activations of all L layers at once. `Recompute` cuts the model into segments
of k layers and keeps only the input of each. When the backward pass reaches a segment, its forward
pass is done once more. Memory falls from L to about L/k + k activations, least for k near √L; the
price is up to one more forward pass, about a third more time (Chen et al. 2016, "Training deep
nets with sublinear memory cost").

The gradients are the same to the last bit. That takes care in two places: dropout must draw the
same mask again, and batch normalisation must not count the batch into its running statistics twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from minicnn.nn import Layer, Sequential, to_spec
from minicnn.training.inputs import check_count


class _Start(NamedTuple):
    """Where a segment started: all that it takes to run it again."""

    x: np.ndarray
    rngs: list[Mapping[str, Any]]


class Recompute(Layer):
    """A model that trains in less memory: same layers, same parameters, same names, same gradients.

    ::

        model = models.vgg_small()
        frugal = training.Recompute(model, every=4)
        logits = frugal.forward(x, training=True)   # keeps every 4th activation
        frugal.backward(dlogits)                    # gradients are in model.parameters()

    Parameters
    ----------
    model
        A `Sequential`; its layers are used, not copied. A `Residual` in it counts as one layer.
    every
        How many layers make a segment.

    Recomputing restores buffers (running statistics) and generators in an attribute ``rng``. A
    layer of your own that changes other state in forward would change it twice.
    """

    def __init__(self, model: Layer, *, every: int) -> None:
        if not isinstance(model, Sequential):
            raise TypeError(
                f"model is a {type(model).__name__}; Recompute cuts an nn.Sequential into "
                "segments. Wrap the layers in nn.Sequential(...)."
            )
        self.model = model
        self.every = check_count("every", every)

    def children(self) -> dict[str, Layer]:
        """Return the model's layers: parameters keep the names that they have in the model."""
        return self.model.children()

    @property
    def segments(self) -> list[Sequential]:
        """The model in pieces of `every` layers."""
        starts = range(0, max(len(self.model), 1), self.every)
        return [self.model[start : start + self.every] for start in starts]

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Compute the output; in training keep the input of every segment, and the last whole."""
        if not training:
            return self.model.forward(x)
        *early, last = self.segments
        starts = []
        for segment in early:
            starts.append(_Start(x, [rng.bit_generator.state for rng in _rngs(segment)]))
            for layer in segment:
                x = layer.forward(x, training=True)
                layer.forget()
        y = last.forward(x, training=True)  # its backward comes next, so nothing would be saved
        self._saved = starts
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return dx, segment by segment."""
        for _, segment in self._recomputed(down_to=0):
            dy = segment.backward(dy)
        return dy

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Go back as far as something learns; what lies before is not computed again either."""
        learns = [any(p.trainable for p in s.parameters().values()) for s in self.segments]
        if not any(learns):
            self.forget()
            return
        first = learns.index(True)
        for position, segment in self._recomputed(down_to=first):
            if position > first:
                dy = segment.backward(dy)
            else:
                segment.backward_parameters(dy)

    def _recomputed(self, down_to: int) -> Iterator[tuple[int, Sequential]]:
        """Yield the segments from the last one down, each ready for its backward pass."""
        starts, segments = self._spend(), self.segments
        for position in range(len(segments) - 1, down_to - 1, -1):
            if position < len(segments) - 1:
                _run_again(segments[position], starts.pop())
            yield position, segments[position]

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"model": to_spec(self.model), "every": self.every}

    def out_shape(self, in_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the model's."""
        return self.model.out_shape(in_shape)

    def macs(self, in_shape: tuple[int, ...]) -> int:
        """Return the model's: inference computes nothing twice."""
        return self.model.macs(in_shape)


def _run_again(segment: Sequential, start: _Start) -> None:
    """Repeat a segment's forward pass in training, and leave no other trace than what it keeps."""
    rngs = _rngs(segment)
    now = [rng.bit_generator.state for rng in rngs]
    buffers = {name: buffer.copy() for name, buffer in segment.buffers().items()}
    for rng, state in zip(rngs, start.rngs, strict=True):
        rng.bit_generator.state = state
    segment.forward(start.x, training=True)
    for rng, state in zip(rngs, now, strict=True):
        rng.bit_generator.state = state
    for name, buffer in segment.buffers().items():
        buffer[...] = buffers[name]


def _rngs(segment: Sequential) -> list[np.random.Generator]:
    """The generators of a segment's layers, each once even where layers share one."""
    found = [getattr(layer, "rng", None) for _, layer in segment.named_layers()]
    return list({id(rng): rng for rng in found if isinstance(rng, np.random.Generator)}.values())
