"""Shared test settings: one deterministic hypothesis profile for every test."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "minicnn",
    deadline=None,  # the first example pays for Numba's compilation
    derandomize=True,
    max_examples=40,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("minicnn")
