"""Measuring which algorithm is quickest for each convolution, and remembering it.

``mc.plan.tune(model, in_shape)`` is the door; the rule it is compared with is ``mc.plan.choose``.
"""

from minicnn.tuning.choice import TunedLayer, Tuning, tune
from minicnn.tuning.contest import measure, pick, race
from minicnn.tuning.memory import Measured, context, folder
from minicnn.tuning.problem import Problem, problems

__all__ = [
    "Measured",
    "Problem",
    "TunedLayer",
    "Tuning",
    "context",
    "folder",
    "measure",
    "pick",
    "problems",
    "race",
    "tune",
]
