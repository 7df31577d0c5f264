"""Passes that make a model smaller, each ``model -> (new_model, report)``, and its compact file."""

from minicnn.compress.candidates import Candidate, SearchReport
from minicnn.compress.clip import clip
from minicnn.compress.cluster import cluster
from minicnn.compress.cut import Block, blocks, cut, effects
from minicnn.compress.distill import distill
from minicnn.compress.exits import ExitUse, add_exits, measure_exits, train_exits, with_threshold
from minicnn.compress.hard_concrete import L0
from minicnn.compress.integer import to_integer
from minicnn.compress.low_rank import low_rank
from minicnn.compress.packed import from_bytes, load, save, to_bytes
from minicnn.compress.pipeline import Pipeline, fine_tune, fold
from minicnn.compress.proximal import HardThreshold, ProximalL1
from minicnn.compress.prune import GradualPruning, prune, rewind
from minicnn.compress.quantize import quantize, snap
from minicnn.compress.report import Change, Report, Size, measure
from minicnn.compress.search import search
from minicnn.compress.slim import SlimGammas
from minicnn.compress.sparsify import break_even, sparsify
from minicnn.compress.trim import remove_dead, trim

__all__ = [
    "L0",
    "Block",
    "Candidate",
    "Change",
    "ExitUse",
    "GradualPruning",
    "HardThreshold",
    "Pipeline",
    "ProximalL1",
    "Report",
    "SearchReport",
    "Size",
    "SlimGammas",
    "add_exits",
    "blocks",
    "break_even",
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
    "measure_exits",
    "prune",
    "quantize",
    "remove_dead",
    "rewind",
    "save",
    "search",
    "snap",
    "sparsify",
    "to_bytes",
    "to_integer",
    "train_exits",
    "trim",
    "with_threshold",
]
