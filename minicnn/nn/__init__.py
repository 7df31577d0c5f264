"""Layers: functions with parameters that remember what their gradient needs."""

from minicnn.nn import init
from minicnn.nn.activation import LeakyReLU, ReLU, ReLU6, Sigmoid, Tanh
from minicnn.nn.constraint import Constraint, Mask, Range, Tied
from minicnn.nn.container import Residual, Sequential
from minicnn.nn.conv import Conv2d
from minicnn.nn.conv_transpose import ConvTranspose2d
from minicnn.nn.dropout import Dropout
from minicnn.nn.early_exits import EarlyExits
from minicnn.nn.fake_quantize import FakeQuantize
from minicnn.nn.integer import (
    ByteTable,
    FromBytes,
    IntegerAvgPool2d,
    IntegerFlatten,
    IntegerMaxPool2d,
    ToBytes,
)
from minicnn.nn.integer_weights import IntegerConv2d, IntegerLinear, IntegerResidual
from minicnn.nn.layer import LAYERS, Layer, from_spec, register, to_spec
from minicnn.nn.linear import Linear
from minicnn.nn.locally_connected import LocallyConnected2d
from minicnn.nn.norm import BatchNorm2d
from minicnn.nn.pact import PACT
from minicnn.nn.pad import Pad2d
from minicnn.nn.parameter import Parameter
from minicnn.nn.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from minicnn.nn.quantized import QuantConv2d, QuantLinear
from minicnn.nn.shape import Flatten, Identity

__all__ = [
    "LAYERS",
    "PACT",
    "AvgPool2d",
    "BatchNorm2d",
    "ByteTable",
    "Constraint",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "EarlyExits",
    "FakeQuantize",
    "Flatten",
    "FromBytes",
    "GlobalAvgPool2d",
    "Identity",
    "IntegerAvgPool2d",
    "IntegerConv2d",
    "IntegerFlatten",
    "IntegerLinear",
    "IntegerMaxPool2d",
    "IntegerResidual",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LocallyConnected2d",
    "Mask",
    "MaxPool2d",
    "Pad2d",
    "Parameter",
    "QuantConv2d",
    "QuantLinear",
    "Range",
    "ReLU",
    "ReLU6",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "Tied",
    "ToBytes",
    "from_spec",
    "init",
    "register",
    "to_spec",
]
