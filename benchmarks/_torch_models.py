"""Our models rebuilt in PyTorch, with the same weights."""

from __future__ import annotations

from typing import Any

from minicnn import nn


def to_torch(layer: nn.Layer) -> Any:
    """Return the PyTorch module that computes what a layer does."""
    import torch

    module = _module(layer)
    own = {name: p.data for name, p in vars(layer).items() if isinstance(p, nn.Parameter)}
    for name, values in {**own, **{n: getattr(layer, n) for n in layer.buffer_names}}.items():
        with torch.no_grad():
            getattr(module, name).copy_(torch.from_numpy(values))
    return module


def _module(layer: nn.Layer) -> Any:
    from torch import nn as torch_nn

    match layer:
        case nn.Sequential():
            return torch_nn.Sequential(*map(to_torch, layer))
        case nn.Residual():
            return _residual(layer)
        case nn.Conv2d():
            return torch_nn.Conv2d(
                layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,
                layer.padding, layer.dilation, layer.groups, layer.bias is not None,
            )  # fmt: skip
        case nn.Linear():
            return torch_nn.Linear(layer.in_features, layer.out_features, layer.bias is not None)
        case nn.BatchNorm2d():
            return torch_nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum)
        case nn.MaxPool2d():
            return torch_nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
        case nn.GlobalAvgPool2d():
            return torch_nn.AdaptiveAvgPool2d(1)
        case nn.Flatten():
            return torch_nn.Flatten()
        case nn.ReLU():
            return torch_nn.ReLU(inplace=True)
    raise TypeError(f"{layer!r} has no twin here; add a case for it.")


def _residual(layer: nn.Residual) -> Any:
    import torch

    class Residual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = to_torch(layer.body)
            self.shortcut = None if layer.shortcut is None else to_torch(layer.shortcut)

        def forward(self, x: Any) -> Any:
            return self.body(x) + (x if self.shortcut is None else self.shortcut(x))

    return Residual()
