"""What a model costs: counted from its shapes, and measured."""

from minicnn.cost.arena import ArenaRunner
from minicnn.cost.memory import Activation, Bar, MemoryPlan, memory_plan
from minicnn.cost.peak import peak_bytes
from minicnn.cost.summary import Row, Summary, summary
from minicnn.cost.timer import Comparison, compare, format_seconds

__all__ = [
    "Activation",
    "ArenaRunner",
    "Bar",
    "Comparison",
    "MemoryPlan",
    "Row",
    "Summary",
    "compare",
    "format_seconds",
    "memory_plan",
    "peak_bytes",
    "summary",
]
