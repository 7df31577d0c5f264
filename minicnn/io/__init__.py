"""Models on disk: our own format, exact and without pickle, and ONNX for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minicnn.io.native import load, save

if TYPE_CHECKING:
    from minicnn.io.onnx_export import export_onnx

__all__ = ["export_onnx", "load", "save"]


def __getattr__(name: str) -> Any:
    if name == "export_onnx":
        from minicnn.io.onnx_export import export_onnx

        return export_onnx
    raise AttributeError(f"module 'minicnn.io' has no attribute {name!r}")
