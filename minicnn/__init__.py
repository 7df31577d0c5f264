"""minicnn: convolutional networks from scratch, made small and fast.

Everything is loaded when first used, so ``import minicnn`` itself costs almost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from minicnn import (
        compress,
        cost,
        data,
        exchange,
        inference,
        io,
        kernels,
        learn,
        models,
        nn,
        ops,
        optim,
        parallel,
        plan,
        training,
        viz,
    )
    from minicnn.training import History, evaluate, fit, predict

_MODULES = (
    "compress",
    "cost",
    "data",
    "exchange",
    "inference",
    "io",
    "kernels",
    "learn",
    "models",
    "nn",
    "ops",
    "optim",
    "parallel",
    "plan",
    "training",
    "viz",
)
_FROM_TRAINING = ("History", "evaluate", "fit", "predict")

__all__ = [
    "History",
    "__version__",
    "compress",
    "cost",
    "data",
    "evaluate",
    "exchange",
    "fit",
    "inference",
    "io",
    "kernels",
    "learn",
    "models",
    "nn",
    "ops",
    "optim",
    "parallel",
    "plan",
    "predict",
    "training",
    "viz",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"minicnn.{name}")
    if name in _FROM_TRAINING:
        return getattr(importlib.import_module("minicnn.training"), name)
    raise AttributeError(f"module 'minicnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
