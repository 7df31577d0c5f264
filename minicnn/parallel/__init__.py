"""Many cores: who works when, how much quicker that is, and how to set the number of threads."""

from minicnn.kernels.threads import in_threads, num_threads, set_num_threads
from minicnn.parallel.scaling import (
    Scaling,
    amdahl,
    fit_amdahl,
    gustafson,
    serial_part,
    speedup,
)
from minicnn.parallel.schedule import SCHEDULES, Span, makespan, simulate

__all__ = [
    "SCHEDULES",
    "Scaling",
    "Span",
    "amdahl",
    "fit_amdahl",
    "gustafson",
    "in_threads",
    "makespan",
    "num_threads",
    "serial_part",
    "set_num_threads",
    "simulate",
    "speedup",
]
