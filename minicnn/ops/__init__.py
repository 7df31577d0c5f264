"""The maths: arrays in, arrays out. Every operation stands beside its gradient."""

from minicnn.ops.activation import (
    leaky_relu,
    leaky_relu_backward,
    log_softmax,
    log_softmax_backward,
    relu,
    relu6,
    relu6_backward,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from minicnn.ops.conv2d import (
    conv2d,
    conv2d_backward,
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_out_shape,
    conv2d_workspace,
)
from minicnn.ops.conv_transpose2d import (
    conv_transpose2d,
    conv_transpose2d_backward,
    conv_transpose2d_out_shape,
)
from minicnn.ops.dropout import dropout, dropout_backward
from minicnn.ops.linear import linear, linear_backward
from minicnn.ops.locally_connected import (
    locally_connected2d,
    locally_connected2d_backward,
    locally_connected2d_out_shape,
)
from minicnn.ops.loss import (
    mse,
    mse_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)
from minicnn.ops.norm import (
    BatchNormCache,
    batch_norm2d,
    batch_norm2d_backward,
    batch_norm2d_inference,
    batch_norm2d_inference_backward,
    update_running,
)
from minicnn.ops.pool import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    pool2d_out_shape,
)
from minicnn.ops.shape import flatten, flatten_backward, pad2d, pad2d_backward
from minicnn.ops.unpool import max_unpool2d, max_unpool2d_backward

__all__ = [
    "BatchNormCache",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm2d",
    "batch_norm2d_backward",
    "batch_norm2d_inference",
    "batch_norm2d_inference_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_out_shape",
    "conv2d_workspace",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "conv_transpose2d_out_shape",
    "dropout",
    "dropout_backward",
    "flatten",
    "flatten_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "linear",
    "linear_backward",
    "locally_connected2d",
    "locally_connected2d_backward",
    "locally_connected2d_out_shape",
    "log_softmax",
    "log_softmax_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_unpool2d",
    "max_unpool2d_backward",
    "mse",
    "mse_backward",
    "pad2d",
    "pad2d_backward",
    "pool2d_out_shape",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "tanh",
    "tanh_backward",
    "update_running",
]
