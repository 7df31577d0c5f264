"""Passes that make a model smaller, each ``model -> (new_model, report)``, and its compact file."""

from minicnn.compress.packed import from_bytes, load, save, to_bytes
from minicnn.compress.pipeline import Pipeline, fine_tune, fold
from minicnn.compress.report import Change, Report, Size, measure

__all__ = [
    "Change",
    "Pipeline",
    "Report",
    "Size",
    "fine_tune",
    "fold",
    "from_bytes",
    "load",
    "measure",
    "save",
    "to_bytes",
]
