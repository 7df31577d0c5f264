"""All exact exchanges together, as far as they pay."""

from __future__ import annotations

from collections.abc import Sequence

from minicnn import nn
from minicnn.exchange.depthwise import depthwise_pointwise
from minicnn.exchange.fold_batchnorm import fold_into_next, fold_into_previous
from minicnn.exchange.linear_maps import conv_after_conv, linear_after_linear
from minicnn.exchange.pool_linear import avgpool_before_pointwise, avgpool_into_conv
from minicnn.exchange.relu_pool import (
    activation_after_maxpool,
    batchnorm_after_avgpool,
    batchnorm_after_maxpool,
)
from minicnn.exchange.report import Report
from minicnn.exchange.rewrite import Rule, run
from minicnn.exchange.simplify import drop_idle, open_sequence

RULES: list[Rule] = [
    open_sequence,
    drop_idle,
    fold_into_previous,
    fold_into_next,
    linear_after_linear,
    avgpool_before_pointwise,
    avgpool_into_conv,
    conv_after_conv,
    activation_after_maxpool,
    batchnorm_after_maxpool,
    batchnorm_after_avgpool,
    depthwise_pointwise,
]
"""What `optimize` tries at every layer; all of them are exact. The one that saves most is done."""


def optimize(
    model: nn.Sequential, in_shape: Sequence[int], *, rules: Sequence[Rule] | None = None
) -> tuple[nn.Sequential, Report]:
    """Rewrite a model for inference on samples of ``in_shape`` until no rule makes it cheaper.

    A rewrite is done only if `cost_model.estimate` falls, so it comes to an end, never makes a
    model dearer, and a second time changes nothing. Inside `Residual` both branches are rewritten.

    Parameters
    ----------
    rules
        Instead of `RULES`; to add your own, pass ``[*RULES, mine]``.
    """
    if in_shape is None:
        raise TypeError(
            "in_shape is None; optimize compares costs, which depend on the size of the input, and "
            "expects one sample's shape. Give for example in_shape=(3, 32, 32)."
        )
    return run(
        "optimize",
        model,
        RULES if rules is None else rules,
        in_shape,
        nothing="no rule found a candidate",
        only_if_cheaper=True,
    )
