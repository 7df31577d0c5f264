"""Models made ready to answer: folded, fused, planned, and without allocations."""

from minicnn.inference.model import InferenceModel, compile

__all__ = ["InferenceModel", "compile"]
