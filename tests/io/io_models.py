"""Models for the tests here: every builder, and every layer there is."""

import numpy as np

from minicnn import models, nn


def small(name: str, dtype: type = np.float32) -> tuple[nn.Sequential, tuple[int, ...]]:
    """A model of the book in a size that is quick, with running statistics that matter."""
    in_shape = (1, 28, 28) if name.startswith("lenet") else (3, 16, 16)
    extra = {
        "vgg_small": {"widths": (4, 8)},
        "resnet_cifar": {"depth": 8},
        "mobilenet_small": {"width": 0.25},
    }
    model = models.MODELS[name](in_shape, seed=1, dtype=dtype, **extra.get(name, {}))
    return unsettle(model), in_shape


def unsettle(model: nn.Sequential) -> nn.Sequential:
    """Give biases and buffers values other than 0 and 1."""
    rng = np.random.default_rng(5)
    for parameter in model.parameters().values():
        if parameter.data.ndim == 1:
            parameter.data += rng.normal(0, 0.1, parameter.shape).astype(parameter.dtype)
    for name, buffer in model.buffers().items():
        if "running" in name:
            buffer += rng.uniform(0, 0.5, buffer.shape).astype(buffer.dtype)
    return model


def every_layer(dtype: type = np.float32) -> tuple[nn.Sequential, tuple[int, ...]]:
    """All layer classes in one model, with the awkward forms of their arguments."""
    how = {"seed": 3, "dtype": dtype}
    model = nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=((0, 2), (1, 0)), dilation=2, **how),
        nn.LeakyReLU(0.2),
        nn.BatchNorm2d(4, eps=1e-3, momentum=0.3, dtype=dtype),
        nn.ConvTranspose2d(
            4, 6, 3, stride=2, padding=((1, 0), (0, 1)), output_padding=(1, 0), groups=2, **how
        ),
        nn.Dropout(0.3, seed=4),
        nn.ReLU6(),
        nn.PACT(0.9, dtype=dtype),
        nn.MaxPool2d(3, stride=(2, 1), padding="same"),
        nn.Residual(
            nn.Sequential(nn.Conv2d(6, 6, 5, padding="same", groups=6, bias=False, **how)),
        ),
        nn.Residual(
            nn.Sequential(nn.Tanh(), nn.Sequential(nn.Conv2d(6, 3, 1, **how), nn.Sigmoid())),
            nn.Sequential(nn.ConvTranspose2d(6, 3, 1, bias=False, **how), nn.Identity()),
        ),
        nn.AvgPool2d((3, 2), stride=2, padding=((1, 0), (0, 1)), count_include_pad=False),
        nn.AvgPool2d(2, stride=1, padding=1),
        nn.Pad2d(3, (1, 2), value=np.array([0.5, -1, 2]), dtype=dtype),
        nn.LocallyConnected2d(
            3, 3, (8, 11), (2, 3), stride=(1, 2), padding=1, dilation=(2, 1), **how
        ),
        nn.LocallyConnected2d(3, 3, (8, 6), 1, bias=False, **how),
        nn.ReLU(),
        nn.FakeQuantize(0.05, 3, bits=7, dtype=dtype),
        nn.QuantConv2d(3, 4, (2, 1), padding="same", bits=5, **how),
        *integers(dtype),
        nn.GlobalAvgPool2d(),
        nn.Flatten(),
        nn.QuantLinear(4, 3, activation_bits=6, **how),
        *whole(
            nn.ToBytes(99, dtype=dtype),
            nn.IntegerFlatten(),
            nn.IntegerLinear(3, 6, x_zero=99, zero=7, dtype=dtype),
            nn.IntegerLinear(6, 4, output="floats", dtype=dtype),
        ),
        nn.EarlyExits(
            [
                nn.Sequential(nn.Tanh()),
                nn.Sequential(nn.Linear(4, 6, **how), nn.ReLU()),
                nn.Sequential(nn.Linear(6, 5, bias=False, **how)),
            ],
            [nn.Sequential(nn.Linear(4, 5, **how)), nn.Sequential(nn.Linear(6, 5, **how))],
            threshold=0.3,
        ),
    )
    return unsettle(model), (2, 11, 12)


def integers(dtype: type) -> nn.Sequential:
    """Layers of an integer network for 4 channels, bytes inside and floats at the ends."""
    how = {"x_zero": 20, "dtype": dtype}
    around = nn.Sequential(nn.IntegerConv2d(4, 4, 1, zero=50, low=30, **how))
    sums = nn.Sequential(nn.IntegerConv2d(4, 4, 3, padding=1, groups=2, output="sums", **how))
    return whole(
        nn.ToBytes(20, high=127, dtype=dtype),
        nn.IntegerResidual(
            sums, around, channels=(4, 1), zeros=(0, 50), zero=20, high=90, dtype=dtype
        ),
        nn.ByteTable("backwards"),
        nn.IntegerMaxPool2d((1, 2), stride=1, padding=((0, 0), (1, 0))),
        nn.IntegerAvgPool2d((2, 1), stride=2, x_zero=230, zero=60, dtype=dtype),
        nn.IntegerConv2d(4, 4, (1, 2), stride=(2, 1), zero=100, **how),
        nn.IntegerAvgPool2d((1, 2), x_zero=100, dtype=dtype),
        nn.ToBytes(100, dtype=dtype),
        nn.FromBytes(120, dtype=dtype),
    )


def whole(*layers: nn.Layer) -> nn.Sequential:
    """Give integer layers weights and factors other than 0 and 1."""
    rng, model = np.random.default_rng(2), nn.Sequential(*layers)
    for name, buffer in model.buffers().items():
        kind = name.rpartition(".")[2]
        if kind == "weight":
            buffer[...] = rng.integers(-20, 21, buffer.shape)
        elif kind.endswith("factor"):
            buffer[...] = np.array([[1_500_000_000], [1]])
        elif kind == "multiplier":
            buffer[...] = 1_200_000_000
        elif kind == "shift":
            buffer[...] = 6 if buffer.size > 1 else 0
        elif kind == "step":
            buffer[...] = 0.03
        elif kind == "table":
            buffer[...] = buffer[::-1].copy()
    return model
