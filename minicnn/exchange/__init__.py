"""Exact and inexact re-orderings of a model: each takes one, returns a new one and a report."""

from minicnn.exchange.cost_model import estimate
from minicnn.exchange.depthwise import swap_depthwise_pointwise
from minicnn.exchange.fold_batchnorm import fold_batchnorm
from minicnn.exchange.inexact import swap_conv_pool
from minicnn.exchange.linear_maps import compose_convs, merge_linear
from minicnn.exchange.optimize import RULES, optimize
from minicnn.exchange.pool_linear import merge_conv_avgpool, pool_before_pointwise
from minicnn.exchange.relu_pool import swap_batchnorm_pool, swap_relu_maxpool
from minicnn.exchange.report import Applied, Difference, Refused, Report, Size
from minicnn.exchange.rewrite import Rewrite, Rule
from minicnn.exchange.simplify import simplify

__all__ = [
    "RULES",
    "Applied",
    "Difference",
    "Refused",
    "Report",
    "Rewrite",
    "Rule",
    "Size",
    "compose_convs",
    "estimate",
    "fold_batchnorm",
    "merge_conv_avgpool",
    "merge_linear",
    "optimize",
    "pool_before_pointwise",
    "simplify",
    "swap_batchnorm_pool",
    "swap_conv_pool",
    "swap_depthwise_pointwise",
    "swap_relu_maxpool",
]
