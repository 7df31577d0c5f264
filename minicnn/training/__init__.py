"""Training: fit a model, look at how it went, measure it, go on after an interruption."""

from minicnn.training.epoch import DivergedError, Hook
from minicnn.training.evaluation import Evaluation, evaluate, predict
from minicnn.training.history import History
from minicnn.training.loop import fit
from minicnn.training.recompute import Recompute

__all__ = [
    "DivergedError",
    "Evaluation",
    "History",
    "Hook",
    "Recompute",
    "evaluate",
    "fit",
    "predict",
]
