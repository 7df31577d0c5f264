"""Batch normalisation as a layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minicnn import ops
from minicnn.nn import _check
from minicnn.nn.layer import Layer, Shape, register
from minicnn.nn.parameter import Parameter


@register
class BatchNorm2d(Layer):
    """Give every channel mean beta and standard deviation gamma (Ioffe and Szegedy 2015, alg. 1).

    In training the batch's own mean and variance are used, and running averages are kept;
    in inference the running averages are used. When both gamma and beta are frozen, training uses
    the running averages too and leaves them alone: a frozen layer does not change.

    Parameters
    ----------
    num_features
        Channels C.
    eps
        Added to the variance.
    momentum
        Weight of the newest batch in the running averages, as in PyTorch.

    Parameters ``weight`` (gamma) and ``bias`` (beta), buffers ``running_mean`` and
    ``running_var``, all of shape (C,).
    """

    buffer_names = ("running_mean", "running_var")

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: Any = np.float32,
    ) -> None:
        self.num_features = _check.whole("num_features", num_features)
        self.eps = _check.real("eps", eps, low=0.0)
        self.momentum = _check.real("momentum", momentum, low=0.0, high=math.nextafter(1.0, 2.0))
        dtype = _check.float_dtype(dtype)
        self.weight = Parameter(np.ones(self.num_features, dtype), name="weight")
        self.bias = Parameter(np.zeros(self.num_features, dtype), name="bias")
        self.running_mean = np.zeros(self.num_features, dtype)
        self.running_var = np.ones(self.num_features, dtype)

    def forward(self, x: np.ndarray, training: bool = False, *, relu: bool = False) -> np.ndarray:
        """Normalise x (N, C, H, W); with ``relu`` cut off what is negative on the way."""
        gamma, beta = self.weight.data, self.bias.data
        if not training or self._frozen:
            if training:
                self._saved = ("running", x)
            y = ops.batch_norm2d_inference(
                x, gamma, beta, self.running_mean, self.running_var, eps=self.eps
            )
            return ops.relu(y, out=y) if relu else y
        count = x.size // max(self.num_features, 1)
        if count == 1:
            raise ValueError(
                f"x has shape {x.shape}: one value per channel, which has no variance; BatchNorm2d "
                "wants more in training. Use a larger batch, or forward(x) for inference."
            )
        y, cache = ops.batch_norm2d(x, gamma, beta, eps=self.eps, relu=relu)
        self.running_mean[...], self.running_var[...] = ops.update_running(
            self.running_mean, self.running_var, cache, count, momentum=self.momentum
        )
        self._saved = ("batch", cache)
        return y

    def backward(self, dy: np.ndarray, *, relu_y: np.ndarray | None = None) -> np.ndarray:
        """Return dx; the gradient flows through the batch's mean and variance too.

        ``relu_y`` is the output, if it was computed with ``relu``.
        """
        statistics, saved = self._spend()
        gamma = self.weight.data
        if statistics == "running":
            dy = dy if relu_y is None else ops.relu_backward(dy, relu_y)
            dx, dgamma, dbeta = ops.batch_norm2d_inference_backward(
                dy, saved, gamma, self.running_mean, self.running_var, eps=self.eps
            )
        else:
            dx, dgamma, dbeta = ops.batch_norm2d_backward(dy, gamma, saved, relu_y=relu_y)
        self.weight.add_grad(dgamma)
        self.bias.add_grad(dbeta)
        return dx

    @property
    def _frozen(self) -> bool:
        return not (self.weight.trainable or self.bias.trainable)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "num_features": self.num_features,
            "eps": self.eps,
            "momentum": self.momentum,
            "dtype": self.weight.dtype.name,
        }

    def out_shape(self, in_shape: Shape) -> Shape:
        """(C, H, W) to (C, H, W)."""
        return _check.image_shape(self, in_shape, self.num_features)

    def macs(self, in_shape: Shape) -> int:
        """C H W: in inference it is one multiply-add per value."""
        return math.prod(self.out_shape(in_shape))

    def __repr__(self) -> str:
        return f"BatchNorm2d({self.num_features}, eps={self.eps}, momentum={self.momentum})"
