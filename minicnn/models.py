"""The networks of the book, each a plain `Sequential`.

Every builder takes ``in_shape`` (C, H, W), ``num_classes``, ``seed`` and ``dtype``, draws its
first weights layer by layer from one generator, and returns logits (N, num_classes).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn import nn
from minicnn.nn._check import generator, whole

InShape = tuple[int, int, int]


def lenet_300_100(
    in_shape: InShape = (1, 28, 28),
    num_classes: int = 10,
    seed: int | np.random.Generator = 0,
    dtype: Any = np.float32,
) -> nn.Sequential:
    """LeNet-300-100, two hidden layers and no convolution (LeCun et al. 1998, section III).

    266,610 parameters for (1, 28, 28).
    """
    how = {"seed": generator(seed), "dtype": dtype}
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(_image(in_shape)), 300, **how),
        nn.ReLU(),
        nn.Linear(300, 100, **how),
        nn.ReLU(),
        nn.Linear(100, num_classes, **how),
    )


def lenet5(
    in_shape: InShape = (1, 28, 28),
    num_classes: int = 10,
    seed: int | np.random.Generator = 0,
    dtype: Any = np.float32,
) -> nn.Sequential:
    """LeNet-5 as Caffe and the compression papers have it: 20-50-500 (Han et al. 2016, table 3).

    431,080 parameters for (1, 28, 28).
    """
    how = {"seed": generator(seed), "dtype": dtype}
    model = nn.Sequential(
        nn.Conv2d(_image(in_shape)[0], 20, 5, **how),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5, **how),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    features = _features(model, in_shape)
    model.append(nn.Linear(features, 500, **how))
    model.append(nn.ReLU())
    return model.append(nn.Linear(500, num_classes, **how))


def small_cnn(
    in_shape: InShape = (1, 8, 8),
    num_classes: int = 10,
    seed: int | np.random.Generator = 0,
    dtype: Any = np.float32,
) -> nn.Sequential:
    """Two 3x3 convolutions, a pooling and a classifier: learns ``digits`` in seconds.

    9,930 parameters for (1, 8, 8).
    """
    how = {"seed": generator(seed), "dtype": dtype}
    model = nn.Sequential(
        nn.Conv2d(_image(in_shape)[0], 16, 3, padding=1, **how),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, **how),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    return model.append(nn.Linear(_features(model, in_shape), num_classes, **how))


def vgg_small(
    in_shape: InShape = (3, 32, 32),
    num_classes: int = 10,
    seed: int | np.random.Generator = 0,
    dtype: Any = np.float32,
    *,
    widths: tuple[int, ...] = (32, 64, 128),
) -> nn.Sequential:
    """VGG's idea at small size: pairs of 3x3 convolutions, halve, widen (Simonyan 2015, table 1).

    Every convolution is followed by batch normalisation and ReLU, every pair by a 2x2 max-pool,
    the last by one linear layer. 307,946 parameters for (3, 32, 32).
    """
    how = {"seed": generator(seed), "dtype": dtype}
    model = nn.Sequential()
    channels = _image(in_shape)[0]
    for width in widths:
        for _ in range(2):
            _append_conv(model, channels, width, 3, padding=1, **how)
            channels = width
        model.append(nn.MaxPool2d(2))
    model.append(nn.Flatten())
    return model.append(nn.Linear(_features(model, in_shape), num_classes, **how))


def resnet_cifar(
    in_shape: InShape = (3, 32, 32),
    num_classes: int = 10,
    seed: int | np.random.Generator = 0,
    dtype: Any = np.float32,
    *,
    depth: int = 20,
) -> nn.Sequential:
    """ResNet for 32x32 images: three stages of 16, 32, 64 channels (He et al. 2016, section 4.2).

    ``depth`` is 6n + 2: n blocks of two 3x3 convolutions a stage. Where the size halves, the
    shortcut is a strided 1x1 convolution with batch normalisation (the paper's option B), since
    a model here is made of layers; option A pads with zeros. Depth 20: 272,474 parameters for
    (3, 32, 32), 2,752 of them in the two projections.
    """
    depth = whole("depth", depth, minimum=8)
    if (depth - 2) % 6:
        below = depth - (depth - 2) % 6
        raise ValueError(
            f"depth is {depth}; a ResNet for CIFAR has 6n + 2 layers. "
            f"Use depth={below} or depth={below + 6}."
        )
    how = {"seed": generator(seed), "dtype": dtype}
    model = nn.Sequential()
    _append_conv(model, _image(in_shape)[0], 16, 3, padding=1, **how)
    channels = 16
    for width in (16, 32, 64):
        for _ in range((depth - 2) // 6):
            model.append(_basic_block(channels, width, **how))
            model.append(nn.ReLU())
            channels = width
    model.append(nn.GlobalAvgPool2d())
    model.append(nn.Flatten())
    model.append(nn.Linear(channels, num_classes, **how))
    _features(model, in_shape)
    return model


def resnet18(
    in_shape: InShape = (3, 224, 224),
    num_classes: int = 1000,
    seed: int | np.random.Generator = 0,
    dtype: Any = np.float32,
) -> nn.Sequential:
    """ResNet-18 for ImageNet, with projections where the size halves (He et al. 2016, table 1).

    A 7x7 convolution and a max-pool quarter the image; then two blocks each of 64, 128, 256 and
    512 channels. The layers are torchvision's. 11,689,512 parameters for (3, 224, 224).
    """
    how = {"seed": generator(seed), "dtype": dtype}
    model = nn.Sequential()
    _append_conv(model, _image(in_shape)[0], 64, 7, stride=2, padding=3, **how)
    model.append(nn.MaxPool2d(3, stride=2, padding=1))
    channels = 64
    for width in (64, 64, 128, 128, 256, 256, 512, 512):
        model.append(_basic_block(channels, width, **how))
        model.append(nn.ReLU())
        channels = width
    model.append(nn.GlobalAvgPool2d())
    model.append(nn.Flatten())
    model.append(nn.Linear(channels, num_classes, **how))
    _features(model, in_shape)
    return model


def mobilenet_small(
    in_shape: InShape = (3, 32, 32),
    num_classes: int = 10,
    seed: int | np.random.Generator = 0,
    dtype: Any = np.float32,
    *,
    width: float = 1.0,
) -> nn.Sequential:
    """MobileNet's depthwise separable blocks for small images (Howard et al. 2017, table 1).

    A 3x3 convolution to 32 channels, then blocks of (depthwise 3x3, pointwise 1x1), each
    convolution followed by batch normalisation and ReLU: 64, 128 halving, 128, 256 halving, 256;
    then the global average and one linear layer. ``width`` multiplies every channel count.
    136,778 parameters for (3, 32, 32).
    """
    if not width > 0:
        raise ValueError(f"width is {width}; expected a number above 0. Use for example width=0.5.")
    how = {"seed": generator(seed), "dtype": dtype}
    model = nn.Sequential()
    channels = _scaled(32, width)
    _append_conv(model, _image(in_shape)[0], channels, 3, padding=1, **how)
    for out_channels, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        wide = _scaled(out_channels, width)
        _append_conv(model, channels, channels, 3, stride=stride, padding=1, groups=channels, **how)
        _append_conv(model, channels, wide, 1, **how)
        channels = wide
    model.append(nn.GlobalAvgPool2d())
    model.append(nn.Flatten())
    model.append(nn.Linear(channels, num_classes, **how))
    _features(model, in_shape)
    return model


def _append_conv(model: nn.Sequential, channels: int, width: int, size: int, **how: Any) -> None:
    """Convolution without bias (the normalisation has one), batch normalisation, ReLU."""
    model.append(nn.Conv2d(channels, width, size, bias=False, **how))
    model.append(nn.BatchNorm2d(width, dtype=how["dtype"]))
    model.append(nn.ReLU())


def _basic_block(channels: int, width: int, **how: Any) -> nn.Residual:
    stride = 1 if channels == width else 2
    body = nn.Sequential()
    _append_conv(body, channels, width, 3, stride=stride, padding=1, **how)
    body.append(nn.Conv2d(width, width, 3, padding=1, bias=False, **how))
    body.append(nn.BatchNorm2d(width, dtype=how["dtype"]))
    if channels == width:
        return nn.Residual(body)
    shortcut = nn.Sequential(
        nn.Conv2d(channels, width, 1, stride=stride, bias=False, **how),
        nn.BatchNorm2d(width, dtype=how["dtype"]),
    )
    return nn.Residual(body, shortcut)


def _image(in_shape: InShape) -> InShape:
    if len(in_shape) != 3 or min(in_shape) < 1:
        raise ValueError(
            f"in_shape is {tuple(in_shape)}; expected (C, H, W), all above 0. "
            "A grey image of 28x28 is (1, 28, 28)."
        )
    return in_shape


def _features(model: nn.Sequential, in_shape: InShape) -> int:
    """Return how many numbers leave the model so far, or say that the images are too small."""
    try:
        return math.prod(model.out_shape(in_shape))
    except ValueError as error:
        raise ValueError(
            f"in_shape is {tuple(in_shape)}; this network halves its images too often for that. "
            "Use larger images, or models.small_cnn."
        ) from error


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))


MODELS: dict[str, Callable[..., nn.Sequential]] = {
    "lenet_300_100": lenet_300_100,
    "lenet5": lenet5,
    "small_cnn": small_cnn,
    "vgg_small": vgg_small,
    "resnet_cifar": resnet_cifar,
    "resnet18": resnet18,
    "mobilenet_small": mobilenet_small,
}
"""Every builder by name."""
