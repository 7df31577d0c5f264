"""Rules that a parameter keeps while it learns: zeros that stay zero, weights that stay equal.

A constraint sits on a `Parameter`. It changes each gradient on its way in, and sets the values
right after each step of an optimiser; so whatever trains the model, the rule holds. It is saved
with the model and copied with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

if TYPE_CHECKING:
    from minicnn.nn.layer import Layer

CONSTRAINTS: dict[str, type[Constraint]] = {}
"""Every constraint by name: what a saved model may be bound by."""

T = TypeVar("T", bound="type[Constraint]")


def register_constraint(constraint: T) -> T:
    """Class decorator: make a constraint known to saved files."""
    CONSTRAINTS[constraint.__name__] = constraint
    return constraint


class Constraint(ABC):
    """A rule for the values of one parameter; it holds numbers (`config`) and `arrays`."""

    def gradient(self, grad: np.ndarray) -> np.ndarray:
        """Return what of a gradient the rule lets through; linear in the gradient."""
        return grad

    def project(self, data: np.ndarray) -> None:  # noqa: B027 (most do nothing here)
        """Change the values in place to the nearest that keep the rule."""

    @abstractmethod
    def check(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError if the rule is not for values of that shape."""

    def under(self, other: Constraint) -> Constraint:  # noqa: ARG002 (some need it)
        """Return the rule as it is beside another one; a new one if that takes values from it."""
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save."""
        return {}

    def config(self) -> dict[str, Any]:
        """Return the numbers to save, ready for JSON."""
        return {}

    @classmethod
    def build(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Make the constraint again from `config` and `arrays`."""
        return cls(**config, **arrays)

    def take(self, indices: np.ndarray, axis: int) -> Constraint:  # noqa: ARG002 (some need them)
        """Return the rule for the part of the values that ``data.take(indices, axis)`` keeps."""
        return self


@register_constraint
class Mask(Constraint):
    """Values where ``keep`` is False are zero and stay so (Han et al. 2015)."""

    def __init__(self, keep: np.ndarray) -> None:
        keep = np.asarray(keep)
        if keep.dtype != np.bool_:
            raise TypeError(
                f"keep has dtype {keep.dtype}; a Mask wants bool, True where a weight stays. "
                "Use keep=(w != 0)."
            )
        self.keep = keep

    def gradient(self, grad: np.ndarray) -> np.ndarray:
        """Zero where the values are."""
        return grad * self.keep

    def project(self, data: np.ndarray) -> None:
        """Set the others to zero; NaN too."""
        data[~self.keep] = 0

    def check(self, shape: tuple[int, ...]) -> None:
        """Compare the shapes."""
        _same_shape("Mask", self.keep, shape)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the mask."""
        return {"keep": self.keep}

    def take(self, indices: np.ndarray, axis: int) -> Mask:
        """Return a part of the mask."""
        return Mask(self.keep.take(indices, axis))


@register_constraint
class Tied(Constraint):
    """Values with the same number in ``group`` are one value; those with -1 are free.

    Each gets the sum of their gradients (Han et al. 2016, section 3), which is the gradient of the
    one value; equal gradients keep equal values equal under any optimiser that works number by
    number.
    """

    def __init__(self, group: np.ndarray) -> None:
        group = np.asarray(group)
        if group.dtype.kind not in "iu" or (group.size and group.min() < -1):
            raise ValueError(
                f"group is of {group.dtype} with values from {group.min() if group.size else 0}; "
                "Tied wants whole numbers from 0 for groups and -1 for values on their own."
            )
        self.group = group.astype(np.int32)

    def _sums(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        tied = self.group >= 0
        members = self.group[tied]
        return tied, members, np.bincount(members, weights=values[tied])

    def gradient(self, grad: np.ndarray) -> np.ndarray:
        """Give every member its group's sum."""
        tied, members, sums = self._sums(grad)
        shared = grad.copy()
        shared[tied] = sums[members]
        return shared

    def project(self, data: np.ndarray) -> None:
        """Set every member to its group's mean, unless they are equal already."""
        tied, members, sums = self._sums(data)
        if not members.size:
            return
        first = np.zeros(len(sums), data.dtype)
        values = data[tied]
        first[members] = values
        if not np.array_equal(first[members], values):
            counts = np.bincount(members)
            data[tied] = (sums / np.maximum(counts, 1))[members]

    def under(self, other: Constraint) -> Tied:
        """Let go of values that a mask sets to zero: their zeros are not part of any mean."""
        if not isinstance(other, Mask):
            return self
        return Tied(np.where(other.keep, self.group, -1))

    def check(self, shape: tuple[int, ...]) -> None:
        """Compare the shapes."""
        _same_shape("Tied", self.group, shape)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the group of every value."""
        return {"group": self.group}

    def take(self, indices: np.ndarray, axis: int) -> Tied:
        """Return the groups of a part."""
        return Tied(self.group.take(indices, axis))


@register_constraint
class Range(Constraint):
    """Values stay between ``low`` and ``high``."""

    def __init__(self, low: float, high: float) -> None:
        if not low < high:
            raise ValueError(f"low is {low} and high is {high}; Range wants low < high. Swap them?")
        self.low, self.high = float(low), float(high)

    def project(self, data: np.ndarray) -> None:
        """Clip."""
        np.clip(data, self.low, self.high, out=data)

    def check(self, shape: tuple[int, ...]) -> None:
        """Fit any shape."""

    def config(self) -> dict[str, Any]:
        """Return both ends."""
        return {"low": self.low, "high": self.high}


def pack_constraints(model: Layer) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return all constraints of a model for a file: JSON-able by parameter name, and arrays."""
    about: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, parameter in model.parameters().items():
        for rule in parameter.constraints:
            kind = type(rule).__name__
            if CONSTRAINTS.get(kind) is not type(rule):
                raise TypeError(
                    f"{name} is under a {kind}, which is not a registered constraint, so no file "
                    "could be loaded again. Put @nn.constraint.register_constraint above its class."
                )
            held = {f"{name}/{kind}/{key}": array for key, array in rule.arrays().items()}
            arrays |= held
            entry = {"type": kind, "config": rule.config(), "arrays": list(held)}
            about.setdefault(name, []).append(entry)
    return about, arrays


def unpack_constraints(
    model: Layer, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Put the constraints of `pack_constraints` on a model, in place of any it has."""
    parameters = model.parameters()
    found: dict[str, list[Constraint]] = {name: [] for name in parameters}
    for name, entries in about.items():
        for entry in entries:
            held = {key.rpartition("/")[2]: arrays[key] for key in entry["arrays"]}
            rule = CONSTRAINTS[entry["type"]].build(entry["config"], held)
            rule.check(parameters[name].shape)
            found[name].append(rule)
    for name, rules in found.items():
        parameters[name].constraints = rules


def _same_shape(kind: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(
            f"the {kind} has shape {array.shape} and the parameter {shape}; they want to be the "
            f"same. Make the {kind} from parameter.data."
        )
