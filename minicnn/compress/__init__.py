"""Passes that make a model smaller, each ``model -> (new_model, report)``, and its compact file."""

from minicnn.compress.clip import clip
from minicnn.compress.cluster import cluster
from minicnn.compress.cut import Block, blocks, cut, effects
from minicnn.compress.distill import distill
from minicnn.compress.low_rank import low_rank
from minicnn.compress.packed import from_bytes, load, save, to_bytes
from minicnn.compress.pipeline import Pipeline, fine_tune, fold
from minicnn.compress.prune import GradualPruning, prune, rewind
from minicnn.compress.report import Change, Report, Size, measure
from minicnn.compress.trim import remove_dead, trim

__all__ = [
    "Block",
    "Change",
    "GradualPruning",
    "Pipeline",
    "Report",
    "Size",
    "blocks",
    "clip",
    "cluster",
    "cut",
    "distill",
    "effects",
    "fine_tune",
    "fold",
    "from_bytes",
    "load",
    "low_rank",
    "measure",
    "prune",
    "remove_dead",
    "rewind",
    "save",
    "to_bytes",
    "trim",
]
