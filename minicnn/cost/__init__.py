"""What a model costs: counted from its shapes, and measured."""

from minicnn.cost.summary import Row, Summary, summary
from minicnn.cost.timer import Comparison, compare, format_seconds

__all__ = ["Comparison", "Row", "Summary", "compare", "format_seconds", "summary"]
