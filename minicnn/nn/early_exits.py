"""A network that stops as soon as it is sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn.container import Sequential, _indented
from minicnn.nn.layer import Layer, Shape, from_spec, register, to_spec


@register
class EarlyExits(Layer):
    """Stages one after the other, and a small head behind each but the last.

    In inference a sample leaves at the first head whose largest softmax probability is at least
    ``threshold``, with that head's logits; only the others go through the next stage
    (Teerapittayanon et al. 2016, "BranchyNet"). The last stage answers for all that are left.

    In training every sample goes through all stages, and the output is that of the last. The heads
    learn beside it to say what the end says (Phuong and Lampert 2019, distillation without
    labels), so that they follow a trunk that changes; nothing of that flows into the stages.

    Parameters
    ----------
    stages
        Two or more `Sequential`; the last gives logits (classes,).
    heads
        One `Sequential` fewer: head i reads what stage i gives, and answers with logits, too.
    threshold
        0 or more. Above 1, nobody leaves early.
    """

    def __init__(
        self, stages: Iterable[Layer], heads: Iterable[Layer], threshold: float = 0.9
    ) -> None:
        self.stages, self.heads = Sequential(*stages), Sequential(*heads)
        self.threshold = _check.real("threshold", threshold, low=0.0)
        parts = [*self.stages, *self.heads]
        if len(self.stages) < 2 or len(self.heads) != len(self.stages) - 1:
            raise ValueError(
                f"there are {len(self.stages)} stages and {len(self.heads)} heads; EarlyExits "
                "wants two stages or more and a head behind each but the last. Leave one out."
            )
        if not all(isinstance(part, Sequential) for part in parts):
            raise TypeError(
                "a stage or a head is not an nn.Sequential; EarlyExits wants nothing else. "
                "Wrap the layers in nn.Sequential(...)."
            )

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the logits: in inference those of the first head that is sure."""
        if not training:
            return self.route(x)[0]
        said = []
        for stage, head in zip(self.stages, self.heads, strict=False):
            x = stage.forward(x, training=True)
            said.append(head.forward(x, training=True))
        y = self.stages[-1].forward(x, training=True)
        ends = ops.softmax(y)
        self._saved = [(ops.softmax(logits) - ends) / np.array(len(y), y.dtype) for logits in said]
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Pass dy back through the stages, and teach the heads."""
        self._teach()
        return self.trunk.backward(dy)

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Pass dy back as far as something learns, and teach the heads."""
        self._teach()
        self.trunk.backward_parameters(dy)

    def _teach(self) -> None:
        for head, gradient in zip(self.heads, self._spend(), strict=True):
            head.backward_parameters(gradient)

    @property
    def trunk(self) -> Sequential:
        """The stages as one `Sequential`: the network without its exits, the same layers."""
        return Sequential(*self.stages)

    def route(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logits (N, classes), and at which exit each sample left (N,), from 0."""
        left = np.arange(len(x))
        where = np.full(len(x), len(self.heads))
        logits: np.ndarray | None = None
        for number, (stage, head) in enumerate(zip(self.stages, self.heads, strict=False)):
            x = stage.forward(x)
            said = head.forward(x)
            if logits is None:
                logits = np.empty((len(where), *said.shape[1:]), said.dtype)
            sure = ops.softmax(said).max(axis=1) >= self.threshold
            logits[left[sure]], where[left[sure]] = said[sure], number
            x, left = x[~sure], left[~sure]
            if not len(left):
                return logits, where
        assert logits is not None
        logits[left] = self.stages[-1].forward(x)
        return logits, where

    def exit_macs(self, in_shape: Shape) -> tuple[int, ...]:
        """Return the multiply-adds of a sample that leaves at each exit, the end included."""
        total, found, shape = 0, [], tuple(in_shape)
        for stage, head in zip(self.stages, self.heads, strict=False):
            total += stage.macs(shape)
            shape = stage.out_shape(shape)
            total += head.macs(shape)
            found.append(total)
        return (*found, total + self.stages[-1].macs(shape))

    def macs(self, in_shape: Shape) -> int:
        """Count a sample that leaves at the end: the most there can be."""
        return self.exit_macs(in_shape)[-1]

    def out_shape(self, in_shape: Shape) -> Shape:
        """Return the shape of the logits, which all exits share."""
        shape, ends = tuple(in_shape), self.trunk.out_shape(in_shape)
        for stage, head in zip(self.stages, self.heads, strict=False):
            shape = stage.out_shape(shape)
            if head.out_shape(shape) != ends or len(ends) != 1:
                raise ValueError(
                    f"a head gives {head.out_shape(shape)} and the last stage {ends}; EarlyExits "
                    "wants logits (classes,) of all. Give each head a Linear with as many outputs."
                )
        return ends

    def config(self) -> dict[str, Any]:
        """Return the specs of stages and heads, and the threshold."""
        stages, heads = map(to_spec, self.stages), map(to_spec, self.heads)
        return {"stages": [*stages], "heads": [*heads], "threshold": self.threshold}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the parts that `config` describes."""
        stages, heads = ([from_spec(spec) for spec in config[key]] for key in ("stages", "heads"))
        return cls(stages, heads, config["threshold"])

    def __repr__(self) -> str:
        lines = [_indented(name, layer) for name, layer in self.children().items()]
        return "\n".join([f"EarlyExits(threshold={self.threshold:g},", *lines, ")"])
