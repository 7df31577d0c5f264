"""Models for the memory tests: those of the book with lively statistics, and random ones."""

from functools import cache

import numpy as np
from hypothesis import strategies as st

from minicnn import models, nn

IN_SHAPES = {
    "lenet_300_100": (1, 28, 28),
    "lenet5": (1, 28, 28),
    "small_cnn": (1, 8, 8),
}
for _name in models.MODELS:
    IN_SHAPES.setdefault(_name, (3, 32, 32))


def stir(model):
    """Give biases and running statistics values that are not 0 and 1."""
    rng = np.random.default_rng(0)
    for name, parameter in model.parameters().items():
        if name.endswith("bias"):
            parameter.data[...] = rng.normal(size=parameter.shape)
    for name, buffer in model.buffers().items():
        low = 0.5 if name.endswith("var") else -1.0
        buffer[...] = rng.uniform(low, 2.0, buffer.shape)
    return model


@cache
def built(name):
    return stir(models.MODELS[name](IN_SHAPES[name]))


CHANNELS = 2

SAME_SHAPE = st.sampled_from(
    [
        lambda: nn.ReLU(),
        lambda: nn.LeakyReLU(0.1),
        lambda: nn.ReLU6(),
        lambda: nn.Sigmoid(),
        lambda: nn.Tanh(),
        lambda: nn.Identity(),
        lambda: nn.Dropout(seed=0),
        lambda: nn.BatchNorm2d(CHANNELS),
        lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, seed=0),
        lambda: nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False, seed=1),
        lambda: nn.MaxPool2d(3, stride=1, padding=1),
        lambda: nn.AvgPool2d(3, stride=1, padding=1),
        lambda: nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, padding=1, seed=2),
    ]
).map(lambda make: make())


def _grow(inner):
    branch = st.lists(inner, max_size=3).map(lambda layers: nn.Sequential(*layers))
    return branch | st.builds(nn.Residual, branch, st.none() | branch)


@st.composite
def random_models(draw):
    """Sequentials and Residuals in one another; images (2, 6, 5) keep their shape in all but one.

    Widening and narrowing again, and a head, make activations of several sizes.
    """
    body = draw(st.lists(st.recursive(SAME_SHAPE, _grow, max_leaves=8), max_size=5))
    if draw(st.booleans()):
        middle = draw(st.sampled_from([nn.ReLU, nn.Tanh, nn.Identity]))()
        wide, narrow = nn.Conv2d(CHANNELS, 5, 1, seed=3), nn.Conv2d(5, CHANNELS, 1, seed=4)
        body.insert(draw(st.integers(0, len(body))), nn.Sequential(wide, middle, narrow))
    if draw(st.booleans()):
        body += [nn.GlobalAvgPool2d(), nn.Flatten(), nn.Linear(CHANNELS, 3, seed=5)]
    return stir(nn.Sequential(*body))
