"""ONNX nodes of quantised layers, and of the layers of an integer network.

Products of bytes are ONNX's integer operators, so a runtime computes the same sums as we do, to the
last bit. Where we requantise with an integer multiplier, ONNX multiplies by a float of 24 bits and
rounds half to even: a byte may be one step off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn import nn
from minicnn.ops import _check


def _to_bytes(step: Any, scale: Any, zero: int, high: int, name: str) -> str:
    """Add nodes that make bytes of the floats step.x, and return the name of these."""
    graph = step.graph
    zero_point = graph.raw(f"{name}.zero", np.array(zero, np.uint8))
    if graph.dtype == np.float32:
        unit = graph.array(f"{name}.step", np.array(scale))
        y = graph.node("QuantizeLinear", step.x, unit, zero_point, output=f"{name}.bytes")
        return _clipped(step, y, 0, high, name)
    # QuantizeLinear takes no doubles.
    unit, shift = (
        graph.array(f"{name}.{n}", np.array(v)) for n, v in (("step", scale), ("shift", zero))
    )
    ends = [graph.array(f"{name}.{n}", np.array(v)) for n, v in (("low", 0), ("high", high))]
    y = graph.node("Div", step.x, unit, output=f"{name}.steps")
    y = graph.node("Round", y, output=f"{name}.whole")
    y = graph.node("Add", y, shift, output=f"{name}.shifted")
    y = graph.node("Clip", y, *ends, output=f"{name}.clipped")
    return _cast(step, y, np.uint8, f"{name}.bytes")


def _clipped(step: Any, y: str, low: int, high: int, name: str) -> str:
    """Bound bytes, if they need it."""
    if (low, high) == (0, 255):
        return y
    graph = step.graph
    ends = [
        graph.raw(f"{name}.{end}", np.array(value, np.uint8))
        for end, value in (("low", low), ("high", high))
    ]
    return str(graph.node("Clip", y, *ends, output=f"{name}.clipped"))


def _cast(step: Any, x: str, dtype: Any, name: str) -> str:
    import onnx

    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return str(step.graph.node("Cast", x, output=name, to=kind))


def _from_bytes(step: Any, x: str, scale: Any, zero: int, name: str) -> str:
    """Add nodes that make floats of whole numbers: (x - zero) · scale."""
    graph = step.graph
    y = _cast(step, x, graph.dtype, f"{name}.floats")
    if zero:
        y = graph.node(
            "Sub", y, graph.array(f"{name}.shift", np.array(zero)), output=f"{name}.from"
        )
    return str(graph.node("Mul", y, graph.array(f"{name}.scale", scale), output=f"{name}.real"))


def _fake_quantize(step: Any) -> str:
    layer, name = step.layer, step.name
    y = _to_bytes(step, layer.step, layer.zero, layer.high, name)
    return _from_bytes(step, y, np.array(layer.step), layer.zero, name)


def _conv_window(layer: Any, in_shape: Any) -> dict[str, Any]:
    (top, bottom), (left, right) = _check.padding_pairs(
        layer.padding, "export_onnx", in_shape[1:], layer.kernel_size, layer.stride, layer.dilation
    )
    return {
        "kernel_shape": layer.kernel_size, "strides": layer.stride, "dilations": layer.dilation,
        "group": layer.groups, "pads": [top, left, bottom, right],
    }  # fmt: skip


def _sums(step: Any, x: str, w: np.ndarray, zero: int, bias: np.ndarray | None) -> str:
    """Add the product of bytes x and int8 weights w, and the bias: sums in 32 bits."""
    graph, name, convolves = step.graph, step.name, w.ndim == 4
    weight = graph.raw(f"{name}.weight", w if convolves else np.ascontiguousarray(w.T))
    zeros = [
        graph.raw(f"{name}.x_zero", np.array(zero, np.uint8)),
        graph.raw(f"{name}.w_zero", np.array(0, np.int8)),
    ]
    how = _conv_window(step.layer, step.in_shape) if convolves else {}
    op = "ConvInteger" if convolves else "MatMulInteger"
    y = graph.node(op, x, weight, *zeros, output=f"{name}.products", **how)
    if bias is None or not bias.any():
        return str(y)
    constant = graph.raw(f"{name}.bias", bias.reshape(-1, 1, 1) if convolves else bias)
    return str(graph.node("Add", y, constant, output=f"{name}.sums"))


def _quantized(step: Any) -> str:
    """A trainable layer: as it computes in inference."""
    layer, name = step.layer, step.name
    grid = layer.quantize_input
    x = _to_bytes(step, grid.step, grid.zero, grid.high, f"{name}.input")
    sums = _sums(step, x, layer.integer_weight(), grid.zero, layer.integer_bias())
    scale = layer.scale if isinstance(layer, nn.QuantLinear) else layer.scale[:, None, None]
    return _from_bytes(step, sums, scale, 0, name)


def _real(multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the factors that multipliers and shifts stand for."""
    return multiplier * np.exp2(-31.0 - shift)


def _weighted(step: Any) -> str:
    """A layer of an integer network."""
    layer, graph, name = step.layer, step.graph, step.name
    convolves = isinstance(layer, nn.IntegerConv2d)
    if convolves and layer.output == "bytes":
        one = graph.array(f"{name}.one", np.array(1.0))
        constants = [
            one,
            graph.raw(f"{name}.x_zero", np.array(layer.x_zero, np.uint8)),
            graph.raw(f"{name}.weight", layer.weight),
            graph.array(f"{name}.factor", _real(layer.multiplier, layer.shift)),
            graph.raw(f"{name}.w_zero", np.zeros(len(layer.weight), np.int8)),
            one,
            graph.raw(f"{name}.y_zero", np.array(layer.to.zero, np.uint8)),
            graph.raw(f"{name}.bias", layer.bias),
        ]
        how = _conv_window(layer, step.in_shape)
        y = graph.node("QLinearConv", step.x, *constants, output=f"{name}.q", **how)
        return _clipped(step, y, layer.to.low, layer.to.high, name)
    y = _sums(step, step.x, layer.weight, layer.x_zero, layer.bias)
    if layer.output == "sums":
        return y
    if layer.output == "floats":
        scale = layer.scale[:, None, None] if convolves else layer.scale
        return _from_bytes(step, y, scale, 0, name)
    real = _from_bytes(step, y, _real(layer.multiplier, layer.shift), 0, name)
    return _rounded(step, real, np.array(1.0))


def _rounded(step: Any, real: str, unit: np.ndarray) -> str:
    """Make the bytes that a layer's `Target` wants of floats in some unit."""
    graph, to, name = step.graph, step.layer.to, step.name
    zero = graph.raw(f"{name}.y_zero", np.array(to.zero, np.uint8))
    scale = graph.array(f"{name}.unit", unit)
    y = graph.node("QuantizeLinear", real, scale, zero, output=f"{name}.q")
    return _clipped(step, y, to.low, to.high, name)


def _average(step: Any) -> str:
    layer, graph, name = step.layer, step.graph, step.name
    x = _from_bytes(step, step.x, np.array(1.0), layer.x_zero, name)
    if layer.kernel_size is None:
        y = graph.node("GlobalAveragePool", x, output=f"{name}.mean")
    else:
        sides = _check.padding_pairs(
            layer.padding, "export_onnx", step.in_shape[1:], layer.kernel_size, layer.stride, (1, 1)
        )
        pads = [sides[0][0], sides[1][0], sides[0][1], sides[1][1]]
        y = graph.node(
            "AveragePool", x, output=f"{name}.mean", kernel_shape=layer.kernel_size,
            strides=layer.stride, pads=pads, count_include_pad=1,
        )  # fmt: skip
    if layer.to.zero is None:
        return str(graph.node("Mul", y, graph.array(f"{name}.step", layer.scale), output=name))
    return _rounded(step, y, 1 / _real(layer.multiplier, layer.shift)[0])


def _residual(step: Any) -> str:
    graph, layer, x, shape, name = step
    through, _ = graph.layer(layer.body, x, shape, f"{name}.body")
    around = x
    if layer.shortcut is not None:
        around, _ = graph.layer(layer.shortcut, x, shape, f"{name}.shortcut")
    parts = [
        _from_bytes(step, branch, _real(*factor)[:, None, None], zero, f"{name}.{which}")
        for which, branch, factor, zero in zip(
            ("through", "around"),
            (through, around),
            (layer.body_factor, layer.around_factor),
            layer.zeros,
            strict=True,
        )
    ]
    y = graph.node("Add", *parts, output=f"{name}.sum")
    if layer.to.zero is None:
        return str(graph.node("Mul", y, graph.array(f"{name}.unit", layer.scale), output=name))
    return _rounded(step, y, 1 / _real(layer.multiplier, layer.shift)[0])


def _table(step: Any) -> str:
    table = step.graph.raw(f"{step.name}.table", step.layer.table)
    places = _cast(step, step.x, np.int32, f"{step.name}.places")
    return str(step.graph.node("Gather", table, places, output=step.name, axis=0))


def _max_pool(step: Any) -> str:
    layer = step.layer
    (top, bottom), (left, right) = _check.padding_pairs(
        layer.padding, "export_onnx", step.in_shape[1:], layer.kernel_size, layer.stride, (1, 1)
    )
    window = {"kernel_shape": layer.kernel_size, "strides": layer.stride}
    return str(step.node("MaxPool", **window, pads=[top, left, bottom, right]))


def _bytes_at_the_door(step: Any) -> str:
    layer = step.layer
    return _to_bytes(step, layer.step[0], layer.zero, layer.high, step.name)


def _floats_at_the_door(step: Any) -> str:
    return _from_bytes(step, step.x, step.layer.step[0], step.layer.zero, step.name)


EMITTERS: dict[type[nn.Layer], Callable[[Any], str]] = {
    nn.FakeQuantize: _fake_quantize,
    nn.QuantConv2d: _quantized,
    nn.QuantLinear: _quantized,
    nn.ToBytes: _bytes_at_the_door,
    nn.FromBytes: _floats_at_the_door,
    nn.ByteTable: _table,
    nn.IntegerFlatten: lambda step: step.node("Flatten", axis=1),
    nn.IntegerMaxPool2d: _max_pool,
    nn.IntegerAvgPool2d: _average,
    nn.IntegerConv2d: _weighted,
    nn.IntegerLinear: _weighted,
    nn.IntegerResidual: _residual,
}
"""For each class of layer, the function that adds its nodes."""
