"""Layers with awkward arguments and weights, and the check that every exchange has to pass."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from minicnn import exchange, nn

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
DTYPES = st.sampled_from(["float32", "float64"])
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 3)
PADDINGS = st.sampled_from([0, 1, (0, 2), ((1, 0), (2, 1)), "same", "valid"])


def shake(model: nn.Sequential, seed: int, zeros: bool = True) -> nn.Sequential:
    """Give every parameter and statistic a value that matters: negative, large, and zero gammas."""
    rng = np.random.default_rng(seed)
    for _, layer in model.named_layers():
        for name, parameter in layer.parameters().items():
            if "." not in name:
                values = rng.normal(0, 1, parameter.shape)
                if parameter.data.ndim > 1:
                    values /= np.sqrt(max(1, parameter.data[0].size))
                parameter.data[...] = values
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean[...] = rng.normal(0, 1, layer.num_features)
            layer.running_var[...] = rng.uniform(0.2, 3, layer.num_features)
            size = np.abs(layer.weight.data).clip(0.1)
            layer.weight.data[...] = size * np.where(layer.weight.data < 0, -1, 1)
            if zeros:
                layer.weight.data[rng.random(layer.num_features) < 0.2] = 0
    return model


@st.composite
def convs(draw: st.DrawFn, channels: int, dtype: str, **fixed: object) -> nn.Conv2d:
    """A convolution of `channels` inputs with any stride, padding, dilation, groups and bias."""
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4, 6) if channels % g == 0]))
    how = {
        "kernel_size": (draw(SIZES), draw(SIZES)),
        "stride": (draw(SIZES), draw(SIZES)),
        "padding": draw(PADDINGS),
        "dilation": (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    out = groups * draw(SIZES)
    return nn.Conv2d(channels, out, **{**how, "seed": 0, "dtype": dtype, **fixed})


def images(model: nn.Sequential, channels: int, draw: st.DrawFn) -> tuple[int, int, int]:
    """An odd or even image size that the model can take."""
    H, W = draw(st.integers(5, 12)), draw(st.integers(5, 12))
    for more in range(0, 60, 5):
        try:
            model.out_shape((channels, H + more, W + more))
        except ValueError:
            continue
        return channels, H + more, W + more
    raise AssertionError(model)


def relative(expected: np.ndarray, got: np.ndarray) -> float:
    """Largest difference over largest value."""
    assert expected.shape == got.shape
    assert expected.dtype == got.dtype
    difference = np.abs(expected - got).max()
    return float(difference / np.abs(expected).max()) if difference else 0.0


def exchanged(
    pass_: Callable[..., tuple[nn.Sequential, exchange.Report]],
    model: nn.Sequential,
    in_shape: tuple[int, ...],
    **how: object,
) -> tuple[nn.Sequential, exchange.Report]:
    """Run a pass; check that its argument is untouched, the outputs equal and the report true."""
    before, text = model.state_dict(), repr(model)
    new, report = pass_(model, in_shape=in_shape, **how)

    assert repr(model) == text
    after = model.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    arrays = [p.data for p in new.parameters().values()] + list(new.buffers().values())
    old = [p.data for p in model.parameters().values()] + list(model.buffers().values())
    assert not any(np.shares_memory(a, b) for a in arrays for b in old)

    dtype = str(model.dtype or "float32")
    x = np.random.default_rng(7).normal(0, 2, (3, *in_shape)).astype(dtype)
    assert relative(model(x), new(x)) <= TOLERANCE[dtype]
    assert report.agrees
    assert report.exact
    assert report.after.params == new.num_parameters
    assert report.before.params == model.num_parameters
    return new, report


def kinds(model: nn.Sequential) -> list[str]:
    """The class names of all layers that are not containers."""
    return [type(layer).__name__ for _, layer in model.named_layers() if not layer.children()]


def reasons(report: exchange.Report) -> str:
    """All refusals as one text."""
    return "\n".join(f"{where}: {reason}" for _, where, reason in report.refused)
