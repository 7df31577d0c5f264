"""What a model costs: counted from its shapes, and measured."""

from minicnn.cost.arena import ArenaRunner
from minicnn.cost.assembly import InstructionCount, count_instructions
from minicnn.cost.intensity import core_intensity, intensity, operations
from minicnn.cost.memory import Activation, Bar, MemoryPlan, memory_plan
from minicnn.cost.peak import peak_bytes
from minicnn.cost.roofline import Roofline, roofline
from minicnn.cost.summary import Row, Summary, summary
from minicnn.cost.timer import Comparison, compare, format_seconds

__all__ = [
    "Activation",
    "ArenaRunner",
    "Bar",
    "Comparison",
    "InstructionCount",
    "MemoryPlan",
    "Roofline",
    "Row",
    "Summary",
    "compare",
    "core_intensity",
    "count_instructions",
    "format_seconds",
    "intensity",
    "memory_plan",
    "operations",
    "peak_bytes",
    "roofline",
    "summary",
]
