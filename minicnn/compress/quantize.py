"""Quantisation: weights and activations as whole numbers of a few bits.

`quantize` does it after training: batch normalisations are folded, some images tell how large the
activations get, and every convolution and linear layer becomes its quantised form. Such a model
computes in integers when it answers and in rounded floats when it learns, so `fit` goes on from
there: quantisation-aware training. `snap` then puts the float weights on their grid, for a small
file; `to_integer` makes the network in which bytes go from layer to layer.

References: Jacob et al. (2018), "Quantization and training of neural networks for efficient
integer-arithmetic-only inference"; Esser et al. (2020), "Learned step size quantization";
Krishnamoorthi (2018), "Quantizing deep convolutional networks for efficient inference".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minicnn import exchange, nn
from minicnn.compress import observe
from minicnn.compress.calibrate import (
    CALIBRATIONS,
    activation_grid,
    weight_steps,
    with_room_for_bias,
)
from minicnn.compress.pipeline import check_model, dropped
from minicnn.compress.report import Change, Report, report
from minicnn.nn.fake_quantize import check_bits
from minicnn.nn.layer import Layer, Shape
from minicnn.training.inputs import Data

ON_BYTES = (
    nn.Residual, nn.AvgPool2d, nn.GlobalAvgPool2d, nn.LeakyReLU, nn.Sigmoid, nn.Tanh,
)  # fmt: skip
"""Layers in front of which a tensor gets a grid, so that they can work on bytes."""
KEEPS_GRID = (nn.ReLU, nn.MaxPool2d, nn.Flatten, nn.Identity, nn.Dropout)
"""Layers that only choose among their numbers (and 0)."""
MOST_PRODUCTS = (2**31 - 1) // (255 * 128)
"""Weights of a filter, at most, whose sum is sure to fit 32 bits."""


def quantize(
    model: nn.Sequential,
    *,
    images: np.ndarray | None = None,
    bits: int | Mapping[str, int] = 8,
    activation_bits: int = 8,
    symmetric: bool = False,
    per: str = "channel",
    calibration: str = "minmax",
    percentile: float = 99.99,
    correct_biases: bool = False,
    in_shape: Shape | None = None,
    data: Data | None = None,
) -> tuple[nn.Sequential, Report]:
    """Give convolutions and linear layers whole numbers for weights and inputs.

    A model that is quantised already is calibrated anew. Masks and other constraints stay.

    Parameters
    ----------
    images
        A batch (N, ...) of training images: they show how large the activations get.
    bits
        Of a weight, 2 to 8; or a mapping such as ``{"0": 8, "2": 4}`` by name (after folding) or
        the start of one, and layers that it does not name stay as they are.
    activation_bits
        Of the input of each layer, 2 to 8.
    symmetric
        Whether the zero point of activations is the middle of the bytes, or where it fits best.
        Weights have none: a zero point of theirs would cost a sum of the inputs each time.
    per
        "channel": a step for each filter; "tensor": one for the layer, now and in training.
    calibration, percentile
        "minmax", "percentile" (of the numbers that the grid reaches) or "mse": see `calibrate`.
    correct_biases
        Whether biases make up for what rounding did to the mean of each channel on ``images``
        (Nagel et al. 2019, section 4.2): worth it where the bits are few.

    Raises
    ------
    ValueError
        No images, or a setting that is not known or out of range.
    """
    check_model("quantize", model)
    _check(images, per, calibration, percentile)
    assert images is not None
    new = _plain(exchange.fold_batchnorm(model, in_shape=images.shape[1:])[0].copy())
    widths = _widths(new, bits)
    how: dict[str, Any] = {"calibration": calibration, "percentile": percentile}
    grids: dict[str, Any] = {"bits": check_bits("activation_bits", activation_bits)}
    grids |= {"symmetric": symmetric, **how}
    seen = observe.inputs_of(new, images, (nn.Conv2d, nn.Linear, *ON_BYTES))
    made: dict[int, Layer] = {}

    def rebuilt(sequence: nn.Sequential, gridded: bool) -> bool:
        """Quantise a sequence in place; say whether its output is on a grid."""
        layers: list[Layer] = []
        for layer in sequence:
            if id(layer) in widths:
                made[id(layer)] = _quantised(layer, widths[id(layer)], seen[id(layer)], per, grids)
                layers.append(made[id(layer)])
                gridded = False
                continue
            if isinstance(layer, ON_BYTES) and not gridded and id(layer) in seen:
                grid = activation_grid(seen[id(layer)], **grids)
                dtype = new.dtype or np.float32
                layers.append(nn.FakeQuantize(*grid, bits=activation_bits, dtype=dtype))
                gridded = True
            layers.append(layer)
            if type(layer) is nn.Sequential:
                gridded = rebuilt(layer, gridded)
            elif type(layer) is nn.Residual:
                for branch in filter(None, (layer.body, layer.shortcut)):
                    rebuilt(branch, gridded)
            gridded &= isinstance(layer, (*KEEPS_GRID, nn.Sequential))
        sequence.layers = layers
        return gridded

    if correct_biases:
        means = {
            place: observe.channel_means(layer, seen[place])
            for place, layer in _by_place(new, widths)
        }
    rebuilt(new, False)
    if correct_biases:
        observe.correct_biases(
            new, {id(made[place]): mean for place, mean in means.items()}, images
        )
    for _, layer in new.named_layers():
        if isinstance(layer, nn.QuantConv2d | nn.QuantLinear):
            layer.snap()
    changes = [*_changes(new), *dropped(model, new)]
    return new, report("quantize", model, new, changes, in_shape=in_shape, data=data)


def snap(
    model: nn.Sequential, *, in_shape: Shape | None = None, data: Data | None = None
) -> tuple[nn.Sequential, Report]:
    """Set the float weights of quantised layers to their grid: the outputs stay the same.

    Training moves them off it. A file (`compress.save`) of weights on a grid is small.
    """
    check_model("snap", model)
    new, changes = model.copy(), []
    for name, layer in new.named_layers():
        if isinstance(layer, nn.QuantConv2d | nn.QuantLinear):
            layer.snap()
            changes.append(Change(name, f"{layer.weight.size:,} weights on their grid"))
    return new, report("snap", model, new, changes, in_shape=in_shape, data=data)


def _quantised(layer: Any, bits: int, x: np.ndarray, per: str, grids: dict[str, Any]) -> Layer:
    """Return the quantised form of a layer that sees x."""
    kind = nn.QuantLinear if isinstance(layer, nn.Linear) else nn.QuantConv2d
    new: Any = kind.of(layer, bits=bits, activation_bits=grids["bits"])
    step, zero = activation_grid(x, **grids)
    new.quantize_input.log_step.data[...] = np.log2(step)
    new.quantize_input.zero_point[...] = zero
    how = {"calibration": grids["calibration"], "percentile": grids["percentile"]}
    steps = weight_steps(new.weight.data, bits=bits, per=per, **how)
    bias = None if new.bias is None else new.bias.data
    steps = with_room_for_bias(steps, bias, step)
    if per == "tensor":
        steps[...] = steps.max()
        new.log_step.constrain(nn.Tied(np.zeros(len(steps), np.int32)))
    new.log_step.data[...] = np.log2(steps)
    quantised: Layer = new
    return quantised


def _plain(model: nn.Sequential) -> nn.Sequential:
    """Undo an earlier quantisation in place: its float weights in float layers, no grids."""

    def layer(old: Layer) -> Layer:
        if isinstance(old, nn.QuantConv2d):
            conv = nn.Conv2d(**nn.Conv2d.config(old))
            conv.weight, conv.bias = old.weight, old.bias
            return conv
        if isinstance(old, nn.QuantLinear):
            linear = nn.Linear(**nn.Linear.config(old))
            linear.weight, linear.bias = old.weight, old.bias
            return linear
        if type(old) is nn.Sequential:
            return _plain(old)
        if type(old) is nn.Residual:
            for branch in filter(None, (old.body, old.shortcut)):
                _plain(branch)
        return old

    model.layers = [layer(old) for old in model if type(old) is not nn.FakeQuantize]
    return model


def _by_place(model: Layer, widths: dict[int, int]) -> list[tuple[int, Any]]:
    return [(id(layer), layer) for _, layer in _weighted(model) if id(layer) in widths]


def _weighted(model: Layer, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the layers that have a quantised form, in sequences and residuals only."""
    for name, child in model.children().items():
        if type(child) in (nn.Conv2d, nn.Linear):
            yield prefix + name, child
        elif type(child) in (nn.Sequential, nn.Residual):
            yield from _weighted(child, f"{prefix}{name}.")


def _widths(model: nn.Sequential, bits: int | Mapping[str, int]) -> dict[int, int]:
    """Return the bits of each layer, by identity."""
    layers = {
        name: layer
        for name, layer in _weighted(model)
        if layer.weight.data[0].size <= MOST_PRODUCTS
    }
    if not isinstance(bits, Mapping):
        return dict.fromkeys(map(id, layers.values()), check_bits("bits", bits))
    found: dict[int, int] = {}
    for prefix, width in bits.items():
        under = [n for n in layers if n == prefix or n.startswith(f"{prefix}.")]
        if not under:
            raise ValueError(
                f"bits names {prefix!r}, but no convolution or linear layer lies there; they are "
                f"{', '.join(layers)}. Use one of these, or the start of one."
            )
        found |= dict.fromkeys((id(layers[n]) for n in under), check_bits("bits", width))
    return found


def _changes(model: nn.Sequential) -> list[Change]:
    """Say what each layer has become."""
    told = []
    for name, layer in model.named_layers():
        if isinstance(layer, nn.QuantConv2d | nn.QuantLinear):
            steps, grid = np.unique(layer.steps), layer.quantize_input
            from_to = " to ".join(dict.fromkeys(f"{s:.2g}" for s in (steps[0], steps[-1])))
            told.append(
                Change(
                    name,
                    f"{layer.bits} bits, steps of {from_to}; input {grid.bits} bits, "
                    f"steps of {grid.step:.2g} from {0 - grid.step * grid.zero:.2g}",
                )
            )
        elif not layer.children() and layer.parameters() and type(layer) is not nn.FakeQuantize:
            told.append(Change(name, f"{type(layer).__name__} stays in floats"))
    return told


def _check(images: Any, per: str, calibration: str, percentile: float) -> None:
    if not isinstance(images, np.ndarray) or images.ndim < 2 or not len(images):
        given = images.shape if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(
            f"images is {given}; quantize wants a batch (N, ...) to see how large activations get. "
            "Give images=x_train[:256]."
        )
    if per not in ("channel", "tensor") or calibration not in CALIBRATIONS:
        raise ValueError(
            f"per is {per!r} and calibration {calibration!r}; quantize wants per channel or "
            f"tensor, and calibration {', '.join(CALIBRATIONS)}. Use one of each."
        )
    if not 50 < percentile <= 100:
        raise ValueError(
            f"percentile is {percentile}; quantize wants above 50 and at most 100. Use 99.99."
        )
