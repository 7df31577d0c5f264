"""Network slimming: while a network learns, each channel has to pay for its factor.

A batch normalisation multiplies each channel by a number of its own, gamma. An L1 penalty on these
numbers pushes all of them towards zero with the same force, and only channels that lower the loss
push back. What is small after training can be trimmed (``trim(..., by="gamma")``).

Reference: Liu et al. (2017), "Learning efficient convolutional networks through network slimming".
"""

from __future__ import annotations

import math

import numpy as np

from minicnn import nn
from minicnn.training import Hook


class SlimGammas(Hook):
    """A hook for `fit`: the loss grows by ``strength`` times the sum of all ``|gamma|``.

    The penalty's (sub)gradient, ``strength`` times the sign of gamma, is added to the gradient
    before the optimiser makes its step (Liu et al. 2017, eq. 1). The losses that `fit` reports are
    without it. Train with `SGD`, as they do: Adam divides each gradient by its usual size, and
    then the same price moves all gammas alike.

    Parameters
    ----------
    strength
        The price of a gamma of 1, 0 or more; 1e-4 to 1e-2 are usual.

    Raises
    ------
    ValueError
        A negative or infinite strength; or, in training, a model without batch normalisation.
    """

    def __init__(self, strength: float) -> None:
        if not (strength >= 0 and math.isfinite(strength)):
            raise ValueError(
                f"strength is {strength}; SlimGammas wants a finite number, 0 or more. Try 1e-3."
            )
        self.strength = float(strength)

    def on_backward_end(self, model: nn.Layer, step: int) -> None:  # noqa: ARG002
        """Add the penalty's gradient."""
        for gamma in gammas(model):
            gamma.add_grad(self.strength * np.sign(gamma.data))

    def penalty(self, model: nn.Layer) -> float:
        """Return what is added to the loss."""
        return self.strength * sum(float(np.abs(gamma.data).sum()) for gamma in gammas(model))


def gammas(model: nn.Layer) -> list[nn.Parameter]:
    """Return the factors of every batch normalisation, a parameter (channels,) each."""
    found = [layer.weight for _, layer in model.named_layers() if isinstance(layer, nn.BatchNorm2d)]
    if not found:
        raise ValueError(
            "the model has no BatchNorm2d; SlimGammas penalises the factors of normalisations. "
            'Put one behind each convolution, or train without and trim with by="l1".'
        )
    return found
