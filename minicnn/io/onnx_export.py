"""Write a model as ONNX, the format that other programs and runtimes read.

Each layer becomes one node, by the function for its class in the table at the end. Dropout and
Identity leave no node. The batch axis stays open, height and width are fixed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicnn import nn
from minicnn.io import onnx_quantized
from minicnn.io.atomic import atomic_write
from minicnn.io.native import package_version
from minicnn.ops import _check

Shape = tuple[int, ...]


def export_onnx(
    model: nn.Layer, path: str | os.PathLike[str], in_shape: Sequence[int], *, opset: int = 17
) -> None:
    """Write `model`, as it is in inference, to an ONNX file.

    Parameters
    ----------
    model : parameters in float32 or float64; the file computes in the same type.
    path : the file appears whole or not at all.
    in_shape : of one sample, (C, H, W) or (features,). The file's input is ``"x"`` with an open
        batch axis before that shape, its output ``"y"``.
    opset : version of the ONNX operators, 13 or later.

    Raises
    ------
    ImportError
        The ``onnx`` package is not installed.
    TypeError
        The model holds a layer that has no ONNX form here.
    ValueError
        The model does not take `in_shape`, or `opset` is too old or too new.
    """
    onnx = _import_onnx()
    latest = onnx.defs.onnx_opset_version()
    if not 13 <= opset <= latest:
        raise ValueError(
            f"opset is {opset}; expected 13 to {latest}, the latest that onnx {onnx.__version__} "
            f"knows. Leave it out for 17."
        )
    shape = tuple(int(n) for n in in_shape)
    dtype = np.dtype(model.dtype or np.float32)
    graph = _Graph(dtype)
    last, out_shape = graph.layer(model, "x", shape, "model")
    graph.node("Identity", last, output="y")

    helper = onnx.helper
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node(op, i, [o], name=o, **a) for op, i, o, a in graph.nodes],
            "minicnn",
            [helper.make_tensor_value_info("x", kind, ["N", *shape])],
            [helper.make_tensor_value_info("y", kind, ["N", *out_shape])],
            [onnx.numpy_helper.from_array(array, name) for name, array in graph.arrays.items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="minicnn",
        producer_version=package_version(),
    )
    # The oldest file version that holds this opset: older runtimes can then read it too.
    proto.ir_version = helper.find_min_ir_version_for(list(proto.opset_import))
    onnx.checker.check_model(proto, full_check=True)
    with atomic_write(path) as stream:
        stream.write(proto.SerializeToString())


def _import_onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "export_onnx needs the package onnx, which is not installed. "
            'Install it with: pip install "minicnn[onnx]"'
        ) from error
    return onnx


class _Graph:
    """Nodes and arrays, collected layer by layer."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[tuple[str, list[str], str, dict[str, Any]]] = []
        self.arrays: dict[str, np.ndarray] = {}

    def node(self, op: str, *inputs: str, output: str, **attributes: Any) -> str:
        """Add one node; return the name of its output."""
        self.nodes.append((op, list(inputs), output, attributes))
        return output

    def array(self, name: str, value: np.ndarray) -> str:
        """Add one constant; return its name."""
        self.arrays[name] = np.ascontiguousarray(value, self.dtype)
        return name

    def raw(self, name: str, value: np.ndarray) -> str:
        """Add one constant in its own type; return its name."""
        self.arrays[name] = np.ascontiguousarray(value).reshape(np.shape(value))
        return name

    def layer(self, layer: nn.Layer, x: str, in_shape: Shape, name: str) -> tuple[str, Shape]:
        """Add all nodes of a layer; return the name and the shape of its output."""
        emit = EMITTERS.get(type(layer))
        if emit is None:
            raise TypeError(
                f"{type(layer).__name__} has no ONNX form; those that have: "
                f"{', '.join(known.__name__ for known in EMITTERS)}. "
                f"Replace it, or add a function for it to minicnn.io.onnx_export.EMITTERS."
            )
        out_shape = layer.out_shape(in_shape)
        return emit(_Step(self, layer, x, in_shape, name)), out_shape


class _Step(NamedTuple):
    """What the function for a layer is told; it returns the name of the layer's output."""

    graph: _Graph
    layer: Any
    x: str
    in_shape: Shape
    name: str

    def node(self, op: str, *more_inputs: str, **attributes: Any) -> str:
        """Add a node that reads the layer's input and has the layer's name."""
        return self.graph.node(op, self.x, *more_inputs, output=self.name, **attributes)

    def arrays(self, *names: str) -> list[str]:
        """Add the layer's parameters and buffers of these names, except those that are None."""
        held = self.layer.parameters().items()
        values = {name: p.data for name, p in held} | self.layer.buffers()
        return [self.graph.array(f"{self.name}.{n}", values[n]) for n in names if n in values]


def _sequential(step: _Step) -> str:
    x, shape = step.x, step.in_shape
    for position, layer in enumerate(step.layer):
        x, shape = step.graph.layer(layer, x, shape, f"{step.name}.{position}")
    return x


def _residual(step: _Step) -> str:
    graph, layer, x, shape, name = step
    through, _ = graph.layer(layer.body, x, shape, f"{name}.body")
    around = x
    if layer.shortcut is not None:
        around, _ = graph.layer(layer.shortcut, x, shape, f"{name}.shortcut")
    return graph.node("Add", through, around, output=name)


def _early_exits(step: _Step) -> str:
    """Compute every exit, and take the first that is sure: a graph has no samples that leave."""
    graph, layer, x, shape, name = step
    exits = []
    for number, stage in enumerate(layer.stages):
        x, shape = graph.layer(stage, x, shape, f"{name}.stages.{number}")
        if number < len(layer.heads):
            exits.append(graph.layer(layer.heads[number], x, shape, f"{name}.heads.{number}")[0])
    threshold = graph.array(f"{name}.threshold", np.array(layer.threshold))
    for number, logits in reversed(list(enumerate(exits))):
        at = f"{name}.{number}"
        share = graph.node("Softmax", logits, output=f"{at}.softmax", axis=1)
        best = graph.node("ArgMax", logits, output=f"{at}.best", axis=1, keepdims=1)
        top = graph.node("GatherElements", share, best, output=f"{at}.top", axis=1)
        sure = graph.node("GreaterOrEqual", top, threshold, output=f"{at}.sure")
        x = graph.node("Where", sure, logits, x, output=f"{at}.out")
    return x


def _conv(step: _Step) -> str:
    layer = step.layer
    pads = _pads(layer, step.in_shape[1:], layer.dilation)
    return step.node("Conv", *step.arrays("weight", "bias"), pads=pads, **_window(layer))


def _conv_transpose(step: _Step) -> str:
    layer, size = step.layer, step.in_shape[1:]
    full = (size[0] * layer.stride[0], size[1] * layer.stride[1])  # what "same" gives
    pads = _pads(layer, full, layer.dilation)
    out = layer.out_shape(step.in_shape)[1:]
    reach = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    more = [
        out[i] - ((size[i] - 1) * layer.stride[i] - pads[i] - pads[i + 2] + reach[i])
        for i in (0, 1)
    ]
    arrays = step.arrays("weight", "bias")
    return step.node("ConvTranspose", *arrays, pads=pads, output_padding=more, **_window(layer))


def _max_pool(step: _Step) -> str:
    layer = step.layer
    pads = _pads(layer, step.in_shape[1:], (1, 1))
    return step.node("MaxPool", kernel_shape=layer.kernel_size, strides=layer.stride, pads=pads)


def _avg_pool(step: _Step) -> str:
    layer = step.layer
    return step.node(
        "AveragePool",
        kernel_shape=layer.kernel_size,
        strides=layer.stride,
        pads=_pads(layer, step.in_shape[1:], (1, 1)),
        count_include_pad=int(layer.count_include_pad),
    )


def _locally_connected(step: _Step) -> str:
    graph, layer, name = step.graph, step.layer, step.name
    (C, R, S), w = layer.weight.shape[3:], layer.weight.data
    # One filter for each tap copies it, so its channels hold the patches; each meets its weights.
    taps = graph.array(f"{name}.taps", np.eye(C * R * S).reshape(-1, C, R, S))
    pads = _pads(layer, step.in_shape[1:], layer.dilation)
    window = {"kernel_shape": layer.kernel_size, "strides": layer.stride, "pads": pads}
    window["dilations"] = layer.dilation
    patches = graph.node("Conv", step.x, taps, output=f"{name}.patches", **window)
    weight = graph.array(f"{name}.weight", w.reshape(*w.shape[:3], -1))
    if layer.bias is None:
        return graph.node("Einsum", patches, weight, output=name, equation="ndpq,pqkd->nkpq")
    products = f"{name}.products"
    graph.node("Einsum", patches, weight, output=products, equation="ndpq,pqkd->nkpq")
    bias = graph.array(f"{name}.bias", layer.bias.data)
    return graph.node("Add", products, bias, output=name)


def _pad(step: _Step) -> str:
    graph, layer, name = step.graph, step.layer, step.name
    (top, bottom), (left, right) = layer.padding
    graph.arrays[f"{name}.pads"] = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    zeros = graph.node("Pad", step.x, f"{name}.pads", output=f"{name}.zeros")
    # ONNX pads with one number; the values per channel come as a frame with zeros inside.
    frame = graph.array(f"{name}.frame", layer(np.zeros((1, *step.in_shape), layer.value.dtype)))
    return graph.node("Add", zeros, frame, output=name)


def _batch_norm(step: _Step) -> str:
    arrays = step.arrays("weight", "bias", "running_mean", "running_var")
    return step.node("BatchNormalization", *arrays, epsilon=step.layer.eps)


def _linear(step: _Step) -> str:
    return step.node("Gemm", *step.arrays("weight", "bias"), transB=1)


def _relu6(step: _Step) -> str:
    low = step.graph.array(f"{step.name}.low", np.array(0.0))
    high = step.graph.array(f"{step.name}.high", np.array(6.0))
    return step.node("Clip", low, high)


def _pact(step: _Step) -> str:
    low = step.graph.array(f"{step.name}.low", np.array(0.0))
    alpha = np.maximum(step.layer.alpha.data[0], 0)
    return step.node("Clip", low, step.graph.array(f"{step.name}.alpha", np.array(alpha)))


def _window(layer: Any) -> dict[str, Any]:
    return {
        "kernel_shape": layer.kernel_size,
        "strides": layer.stride,
        "dilations": layer.dilation,
        "group": layer.groups,
    }


def _pads(layer: Any, size: Shape, dilation: tuple[int, int]) -> list[int]:
    """Return the border in ONNX's order: top, left, bottom, right."""
    height, width = size
    (top, bottom), (left, right) = _check.padding_pairs(
        layer.padding, "export_onnx", (height, width), layer.kernel_size, layer.stride, dilation
    )
    return [top, left, bottom, right]


EMITTERS: dict[type[nn.Layer], Callable[[_Step], str]] = {
    nn.Sequential: _sequential,
    nn.Residual: _residual,
    nn.EarlyExits: _early_exits,
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _conv_transpose,
    nn.LocallyConnected2d: _locally_connected,
    nn.Linear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _avg_pool,
    nn.GlobalAvgPool2d: lambda step: step.node("GlobalAveragePool"),
    nn.Flatten: lambda step: step.node("Flatten", axis=1),
    nn.Pad2d: _pad,
    nn.ReLU: lambda step: step.node("Relu"),
    nn.LeakyReLU: lambda step: step.node("LeakyRelu", alpha=step.layer.negative_slope),
    nn.ReLU6: _relu6,
    nn.PACT: _pact,
    nn.Sigmoid: lambda step: step.node("Sigmoid"),
    nn.Tanh: lambda step: step.node("Tanh"),
    nn.Dropout: lambda step: step.x,
    nn.Identity: lambda step: step.x,
    **onnx_quantized.EMITTERS,
}
"""For each class of layer, the function that adds its nodes."""
