"""From a quantised model to the network in which bytes go from layer to layer.

The quantised layers each round their input and give floats. Here a layer gives at once the bytes
that the next one would have made of them: its sums are requantised, with integers only, to the
grid that comes next. What stands in between is taken into that step or done on bytes: a ReLU is a
bound of the result, a max-pool compares bytes, an average is a sum and a requantisation, any other
function of one number is a table of 256 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minicnn import nn
from minicnn.compress.pipeline import check_model
from minicnn.nn.fake_quantize import on_grid
from minicnn.nn.layer import Layer

FINE = 2**16
"""Branches are added in units of the step that follows, divided by this."""
NOTHING = (nn.Identity, nn.Dropout)
OF_ONE_NUMBER = (nn.ReLU, nn.ReLU6, nn.PACT, nn.LeakyReLU, nn.Sigmoid, nn.Tanh)


class Grid(NamedTuple):
    """Bytes that stand for ``step · (q - zero)``, from 0 to ``high``."""

    step: float
    zero: int
    high: int

    def byte(self, value: float) -> int:
        """Return the byte of a number."""
        q = on_grid(np.array([value], np.float32), self.step, self.zero, 0, self.high)
        return int(q[0])


class Sums(NamedTuple):
    """32-bit sums of which one stands for ``scale`` (K,)."""

    scale: np.ndarray


Form = Grid | Sums | None
"""In which form a tensor is there: bytes, sums, or floats."""


class Ahead(NamedTuple):
    """What comes after a layer: the grid wanted next, and what lies before it."""

    grid: Grid
    low: int
    high: int
    between: list[Layer]
    stop: int


def to_integer(model: nn.Sequential) -> nn.Sequential:
    """Return the integer network of a model that `quantize` made: float32 in, float32 out.

    Numbers differ from those of the quantised model by the rounding of requantisation: here and
    there a byte is one step off. Layers without an integer form (a batch normalisation that could
    not be folded, for one) stay in floats, between bytes. The network cannot be trained.

    Raises
    ------
    ValueError
        The model has no quantised layer.
    """
    check_model("to_integer", model)
    kinds = (nn.QuantConv2d, nn.QuantLinear)
    if not any(isinstance(layer, kinds) for _, layer in model.named_layers()):
        raise ValueError(
            "model has no quantised layer; to_integer wants what compress.quantize returned. "
            "Use quantize(model, images=x_train[:256]) first."
        )
    writer = _Writer()
    layers, form = writer.write(_flat(model), None)
    if isinstance(form, Grid):
        layers.append(writer.at_an_end(nn.FromBytes, form))
    return nn.Sequential(*layers).copy()


class _Writer:
    dtype = np.dtype(np.float32)

    def write(
        self, layers: list[Layer], form: Form, *, branch: bool = False
    ) -> tuple[list[Layer], Form]:
        """Return the layers for an input of a form, and the form in which the output is.

        Only the output of a branch may be sums.
        """
        out: list[Layer] = []
        at = 0
        while at < len(layers):
            layer, ahead = layers[at], _ahead(layers, at + 1)
            wanted = _wanted(layer)
            if wanted is not None and wanted != form:
                out.append(self.regrid(form, wanted))
                form = wanted
            stop = at + 1
            if isinstance(layer, nn.QuantConv2d | nn.QuantLinear):
                last = branch and at == len(layers) - 1
                out.append(self.weighted(layer, ahead, last))
                form = Sums(layer.scale) if last else None
            elif isinstance(layer, nn.FakeQuantize) or type(layer) in NOTHING:
                ahead = None
            elif not isinstance(form, Grid):
                ahead = None
                out.append(self.residual_of_floats(layer))
            elif isinstance(layer, nn.Residual):
                made, ahead = self.residual(layer, form, ahead)
                out += made
                form = None
            elif (pool := _averaged(layer)) is not None:
                out.append(self.average(pool, form, ahead))
                form = None
            elif (same := _on_bytes(layer)) is not None:
                ahead = None
                out.append(same)
            elif type(layer) in OF_ONE_NUMBER and (ahead or type(layer) is nn.ReLU):
                grid = ahead.grid if ahead else form
                out.append(self.table(form, grid, layer))
                form, ahead = grid, None
            else:
                out += [self.at_an_end(nn.FromBytes, form), layer]
                form, ahead = None, None
            if ahead is not None:
                out += ahead.between
                form, stop = ahead.grid, ahead.stop
            at = stop
        return out, form

    def at_an_end(self, kind: type[nn.ToBytes], grid: Grid) -> Layer:
        """Return what makes bytes of floats, or floats of bytes."""
        layer = kind(grid.zero, high=grid.high, dtype=self.dtype)
        layer.step[...] = grid.step
        return layer

    def regrid(self, form: Form, wanted: Grid) -> Layer:
        """Return what brings floats, or bytes of another grid, to a grid."""
        if isinstance(form, Grid):
            return self.table(form, wanted, nn.Identity())
        return self.at_an_end(nn.ToBytes, wanted)

    def table(self, form: Grid, grid: Grid, function: Layer) -> Layer:
        """Return the table of a function from one grid to another."""
        step = self.dtype.type(form.step)
        values = function(step * (np.arange(256, dtype=self.dtype) - form.zero)[None])
        table = nn.ByteTable(type(function).__name__)
        table.table[...] = on_grid(values[0], grid.step, grid.zero, 0, grid.high)
        return table

    def weighted(self, layer: Any, ahead: Ahead | None, last: bool) -> Layer:
        """Return a convolution or linear layer that gives what is wanted."""
        how: dict[str, Any] = {"x_zero": layer.quantize_input.zero, "dtype": self.dtype}
        how |= {"output": "bytes" if ahead else "sums" if last else "floats"}
        if ahead:
            how |= {"zero": ahead.grid.zero, "low": ahead.low, "high": ahead.high}
        new: nn.IntegerLinear | nn.IntegerConv2d
        if isinstance(layer, nn.QuantLinear):
            new = nn.IntegerLinear(layer.in_features, layer.out_features, **how)
        else:
            how |= {name: getattr(layer, name) for name in ("in_channels", "out_channels")}
            new = nn.IntegerConv2d(kernel_size=layer.kernel_size, **layer.geometry, **how)
        new.weight[...] = layer.integer_weight()
        if (bias := layer.integer_bias()) is not None:
            new.bias[...] = bias
        new.scale[...] = layer.scale
        if ahead:
            _set_factor(new, layer.scale / ahead.grid.step)
        return new

    def average(self, window: dict[str, Any], form: Grid, ahead: Ahead | None) -> Layer:
        """Return a pooling that gives what is wanted."""
        how: dict[str, Any] = {"x_zero": form.zero, "dtype": self.dtype}
        if ahead:
            how |= {"zero": ahead.grid.zero, "low": ahead.low, "high": ahead.high}
        new = nn.IntegerAvgPool2d(**window, **how)
        new.scale[...] = form.step
        if ahead:
            _set_factor(new, np.array([form.step / ahead.grid.step]))
        return new

    def residual(
        self, layer: nn.Residual, form: Grid, ahead: Ahead | None
    ) -> tuple[list[Layer], Ahead | None]:
        """Return a residual that adds integers, if both its branches give such."""
        body, through = self.write(_flat(layer.body), form, branch=True)
        shortcut, around = self.write(_flat(layer.shortcut), form, branch=True)
        if through is None or around is None:
            return [self.at_an_end(nn.FromBytes, form), self.residual_of_floats(layer)], None
        unit = (ahead.grid.step if ahead else form.step) / FINE
        scales = [_scale(branch) / unit for branch in (through, around)]
        zeros = [branch.zero if isinstance(branch, Grid) else 0 for branch in (through, around)]
        how: dict[str, Any] = {"channels": [s.size for s in scales], "zeros": zeros}
        if ahead:
            how |= {"zero": ahead.grid.zero, "low": ahead.low, "high": ahead.high}
        side = nn.Sequential(*shortcut) if layer.shortcut is not None else None
        new = nn.IntegerResidual(nn.Sequential(*body), side, **how, dtype=self.dtype)
        new.body_factor[...], new.around_factor[...] = map(_factor, scales)
        new.scale[...] = unit
        if ahead:
            _set_factor(new, np.array([1 / FINE]))
        return [new], ahead

    def residual_of_floats(self, layer: Layer) -> Layer:
        """Return a layer as it is; a residual with integers inside its branches."""
        if type(layer) is not nn.Residual:
            return layer
        branches = []
        for branch in (layer.body, layer.shortcut):
            layers, form = self.write(_flat(branch), None)
            if isinstance(form, Grid):
                layers.append(self.at_an_end(nn.FromBytes, form))
            branches.append(None if branch is None else nn.Sequential(*layers))
        assert branches[0] is not None
        return nn.Residual(branches[0], branches[1])


def _flat(model: nn.Sequential | None) -> list[Layer]:
    """Return the layers of a sequence, and of the sequences in it."""
    found: list[Layer] = []
    for layer in model or ():
        found += _flat(layer) if type(layer) is nn.Sequential else [layer]
    return found


def _wanted(layer: Any) -> Grid | None:
    """Return the grid that a layer wants its input on."""
    if isinstance(layer, nn.QuantConv2d | nn.QuantLinear):
        layer = layer.quantize_input
    if isinstance(layer, nn.FakeQuantize):
        return Grid(layer.step, layer.zero, layer.high)
    return None


def _ahead(layers: Sequence[Layer], at: int) -> Ahead | None:
    """Look for the next grid behind layers that commute with rounding: bounds and max-pools."""
    low, high = -np.inf, np.inf
    between: list[Layer] = []
    for stop, layer in enumerate(layers[at:], at):
        if (grid := _wanted(layer)) is not None:
            first, last = 0, grid.high
            if low > -np.inf:
                first = grid.byte(low)
            if high < np.inf:
                last = grid.byte(high)
            return Ahead(grid, first, last, between, stop)
        bounds = _bounds(layer)
        if bounds is not None:
            low, high = np.clip([low, high], *bounds)
        elif (same := _on_bytes(layer)) is not None:
            between.append(same)
        elif type(layer) not in NOTHING:
            return None
    return None


def _bounds(layer: Any) -> tuple[float, float] | None:
    """Return between which numbers an activation cuts off, if that is what it does."""
    if type(layer) is nn.ReLU:
        return 0, np.inf
    if type(layer) is nn.ReLU6:
        return 0, 6
    if type(layer) is nn.PACT:
        return 0, max(0.0, float(layer.alpha.data[0]))
    return None


def _on_bytes(layer: Any) -> Layer | None:
    """Return the form on bytes of a layer that only moves and compares numbers."""
    if type(layer) is nn.Flatten:
        return nn.IntegerFlatten()
    if type(layer) is nn.MaxPool2d:
        return nn.IntegerMaxPool2d(**layer.config())
    return None


def _averaged(layer: Any) -> dict[str, Any] | None:
    """Return the window of an average, if it is over the same number of pixels everywhere."""
    if type(layer) is nn.GlobalAvgPool2d:
        return {"kernel_size": None}
    if type(layer) is nn.AvgPool2d and (layer.count_include_pad or layer.padding in (0, "valid")):
        names = ("kernel_size", "stride", "padding")
        return {name: getattr(layer, name) for name in names}
    return None


def _scale(form: Grid | Sums) -> np.ndarray:
    return form.scale if isinstance(form, Sums) else np.array([form.step])


def _factor(factors: np.ndarray) -> np.ndarray:
    """Return multipliers and shifts (2, channels) that round once, not twice.

    `kernels.requantize.requantization` makes the multiplier as long as it can be, and shifts its
    product to the right, which rounds again: of a sum that is 2.49 steps it may make 2.5 and then
    3, the oftener the fewer places the shift has. With no shift to the right nothing is rounded
    twice; the multiplier has fewer bits then, but 20 or more as long as the factor is above 2^-12.
    """
    exponents = np.frexp(factors)[1]
    shifts = np.where((exponents > 0) | (exponents < -12), np.minimum(-exponents, 31), 0)
    multipliers = np.rint(factors * np.exp2(31.0 + shifts))
    return np.stack([np.minimum(multipliers, 2**31 - 1), shifts]).astype(np.int32)


def _set_factor(layer: Any, factors: np.ndarray) -> None:
    layer.multiplier[...], layer.shift[...] = _factor(factors)
