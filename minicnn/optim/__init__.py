"""Optimisers, learning-rate schedules and gradient clipping."""

from minicnn.optim.adaptive import AdaGrad, Adam, AdamW, RMSProp
from minicnn.optim.base import Optimizer
from minicnn.optim.clip import clip_grad_norm
from minicnn.optim.schedules import Constant, Cosine, Schedule, StepDecay, Warmup
from minicnn.optim.sgd import SGD

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Optimizer",
    "RMSProp",
    "Schedule",
    "StepDecay",
    "Warmup",
    "clip_grad_norm",
]
