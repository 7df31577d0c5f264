"""Independent answers to compare with: finite differences, SciPy, ONNX Runtime; and awkward arrays.

Nothing here imports minicnn, so a mistake there cannot hide here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import signal


def numerical_gradient(
    f: Callable[[np.ndarray], Any], x: np.ndarray, dy: Any = 1.0, eps: float = 1e-6
) -> np.ndarray:
    """Gradient of ``(f(x) * dy).sum()`` with respect to x, by central differences in float64.

    ``f`` may return an array of dy's shape, or a number. x is left as it was.
    """
    assert x.dtype == np.float64
    x = x.copy()
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + eps
        above = np.sum(f(x) * dy)
        x[i] = kept - eps
        below = np.sum(f(x) * dy)
        x[i] = kept
        gradient[i] = (above - below) / (2 * eps)
    return gradient


def normal(seed: int, *shape: int, dtype: Any = np.float64) -> np.ndarray:
    """Normally distributed numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def distinct(seed: int, *shape: int) -> np.ndarray:
    """Numbers at least 0.1 apart and none within 0.05 of zero: no kink is near."""
    size = int(np.prod(shape))
    numbers = np.random.default_rng(seed).permutation(size) - size // 2 + 0.5
    return 0.1 * numbers.reshape(shape)


# Awkward arrays ---------------------------------------------------------------------------------

LAYOUTS = ("plain", "read-only", "every other", "reversed", "transposed")


def in_layout(array: np.ndarray, layout: str) -> np.ndarray:
    """Equal numbers in another place in memory."""
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
    elif layout == "every other":
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
        wide[..., ::2] = array
        array = wide[..., ::2]
    elif layout == "reversed":
        array = array[::-1].copy()[::-1]
    elif layout == "transposed":
        array = array.T.copy().T
    return array


# Convolution ------------------------------------------------------------------------------------


def two(value: Any) -> tuple[Any, Any]:
    return tuple(value) if isinstance(value, tuple) else (value, value)


def border(
    padding: Any, hw: tuple[int, int], rs: tuple[int, int], stride: Any, dilation: Any
) -> list[tuple[int, int]]:
    """((top, bottom), (left, right)), "same" straight from the formula in ONNX's documentation.

    Where the formula is negative, ONNX Runtime crops the image; TensorFlow and we do not.
    """
    if padding == "valid":
        return [(0, 0), (0, 0)]
    if padding == "same":
        pairs = []
        for size, k, s, d in zip(hw, rs, two(stride), two(dilation), strict=True):
            outputs = int(np.ceil(size / s))
            total = max((outputs - 1) * s + ((k - 1) * d + 1) - size, 0)
            pairs.append((total // 2, total - total // 2))
        return pairs
    return [two(p) for p in two(padding)]


def scipy_conv2d(
    x: np.ndarray, w: np.ndarray, *, stride: Any, padding: Any, dilation: Any, groups: int
) -> np.ndarray:
    """Sum scipy.signal.correlate over channels, holes in the filter, then every stride-th."""
    (sh, sw), (dh, dw) = two(stride), two(dilation)
    K, C, R, S = w.shape
    pads = border(padding, x.shape[2:], (R, S), stride, dilation)
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    holed = np.zeros((K, C, dh * (R - 1) + 1, dw * (S - 1) + 1))
    holed[:, :, ::dh, ::dw] = w
    pictures = []
    for image in x:
        for k in range(K):
            first = (k * groups // K) * C
            channels = [
                signal.correlate(image[first + c], holed[k, c], mode="valid", method="direct")
                for c in range(C)
            ]
            pictures.append(np.sum(channels, axis=0)[::sh, ::sw])
    return np.stack(pictures).reshape(len(x), K, *pictures[0].shape)


@st.composite
def conv_cases(draw: st.DrawFn) -> dict[str, Any]:
    """Shapes and arguments of a convolution that fits, sizes 1 and lopsided ones included."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    C, K = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    R, S = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    stride = draw(st.integers(1, 5) | st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.integers(1, 3) | st.tuples(st.integers(1, 2), st.integers(1, 3)))
    edge = st.integers(0, 3)
    padding = draw(
        edge
        | st.tuples(edge, edge)
        | st.tuples(st.tuples(edge, edge), st.tuples(edge, edge))
        | st.sampled_from(["same", "valid"])
    )
    hw = []
    for k, d, pad in zip(
        (R, S), two(dilation), border(padding, (1, 1), (R, S), 1, dilation), strict=True
    ):
        least = 1 if padding == "same" else max(1, d * (k - 1) + 1 - sum(pad))
        hw.append(draw(st.integers(least, least + 5)))
    return {
        "x_shape": (draw(st.integers(1, 3)), C, *hw),
        "w_shape": (K, C // groups, R, S),
        "window": {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
        "seed": draw(st.integers(0, 1000)),
    }


# ONNX Runtime -----------------------------------------------------------------------------------


def onnx_run(op: str, inputs: list[np.ndarray], **attributes: Any) -> np.ndarray:
    """Run one ONNX operator (opset 17) in ONNX Runtime and return its first output."""
    import onnxruntime
    from onnx import TensorProto, helper

    names = [f"input{i}" for i in range(len(inputs))]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["output"], **attributes)],
        op,
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for name, a in zip(names, inputs, strict=True)
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests"
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(["output"], dict(zip(names, inputs, strict=True)))[0]


def onnx_pads(pairs: list[tuple[int, int]]) -> list[int]:
    """ONNX wants [top, left, bottom, right]."""
    (top, bottom), (left, right) = pairs
    return [top, left, bottom, right]
