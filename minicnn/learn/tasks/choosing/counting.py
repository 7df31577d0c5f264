"""Counting the steps of a vector unit, before anything runs."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from minicnn.learn.strategies import DrawFn, composite, whole
from minicnn.learn.task import Case, Mistake, Task


# --- the matrix product -----------------------------------------------------------------------
@composite
def _product_cases(draw: DrawFn) -> Case:
    return {
        "images": whole(draw, 1, 5),
        "channels": whole(draw, 1, 40),
        "filters": whole(draw, 1, 40),
        "height": whole(draw, 1, 20),
        "width": whole(draw, 1, 20),
        "kernel": whole(draw, 1, 5),
        "lanes": 2 ** whole(draw, 1, 4),
    }


def _product(
    images: int, channels: int, filters: int, height: int, width: int, kernel: int, lanes: int
) -> int:
    """Fill vectors pixel by pixel, and count them."""
    vectors, filled = 0, 0
    for _ in range(images * height * width):
        if filled == 0:
            vectors += 1
        filled = (filled + 1) % lanes
    return sum(vectors * filters for _ in range(channels * kernel**2))


product_steps = Task(
    name="choosing.product_steps",
    title="Steps of the matrix product",
    cases=_product_cases(),
    oracle=_product,
    mistakes=(
        Mistake(
            "rounded down",
            lambda images, channels, filters, height, width, kernel, lanes: (
                channels * kernel**2 * filters * (images * height * width // lanes)
            ),
            "This is what you get when you round down: the pixels that fill no whole vector need "
            "one all the same.",
        ),
        Mistake(
            "every row apart",
            lambda images, channels, filters, height, width, kernel, lanes: (
                channels * kernel**2 * filters * images * height * -(-width // lanes)
            ),
            "This is what you get when every row of the picture starts a new vector: "
            "here the pixels of all rows and images lie in one long line.",
        ),
        Mistake(
            "every image apart",
            lambda images, channels, filters, height, width, kernel, lanes: (
                channels * kernel**2 * filters * images * -(-height * width // lanes)
            ),
            "This is what you get when every image starts a new vector: "
            "here the pixels of all images lie in one long line.",
        ),
        Mistake(
            "one tap",
            lambda images, channels, filters, height, width, kernel, lanes: (
                channels * filters * -(-images * height * width // lanes)
            ),
            "This is what you get when a filter has one weight a channel: it has kernel * kernel.",
        ),
        Mistake(
            "rounded at the end",
            lambda images, channels, filters, height, width, kernel, lanes: (
                -(-channels * kernel**2 * filters * images * height * width // lanes)
            ),
            "This is what you get when the multiply-adds are counted first and divided by the "
            "lanes at the end. A vector holds pixels; the idle lanes of the last one cost a step "
            "for every weight.",
        ),
    ),
    hints=(
        "One weight at a time: it meets every pixel. How many vectors hold all pixels?",
        "The last vector is full or not, it takes a step. Rounding up is -(-a // b).",
        "(weights of a filter) times (filters) times (vectors of pixels), rounded up in the last.",
    ),
)


# --- Winograd ---------------------------------------------------------------------------------
@composite
def _winograd_cases(draw: DrawFn) -> Case:
    return {
        "images": whole(draw, 1, 5),
        "channels": whole(draw, 1, 40),
        "filters": whole(draw, 1, 40),
        "height": whole(draw, 1, 20),
        "width": whole(draw, 1, 20),
        "m": whole(draw, 1, 6),
        "lanes": 2 ** whole(draw, 1, 4),
    }


def _winograd(
    images: int, channels: int, filters: int, height: int, width: int, m: int, lanes: int
) -> int:
    """Lay the tiles out, and count as `_product` does, with the points in place of the taps."""
    tiles = sum(1 for _ in range(0, height, m) for _ in range(0, width, m))
    points = (m + 2) * (m + 2)
    return points * _product(images, channels, filters, tiles, 1, 1, lanes)


winograd_steps = Task(
    name="choosing.winograd_steps",
    title="Steps of the products of Winograd",
    cases=_winograd_cases(),
    oracle=_winograd,
    mistakes=(
        Mistake(
            "outputs for points",
            lambda images, channels, filters, height, width, m, lanes: (
                m**2 * channels * filters * -(-images * -(-height // m) * -(-width // m) // lanes)
            ),
            "This is what you get when a tile has m * m products for a channel and a filter. "
            "It has as many as the tile has inputs.",
        ),
        Mistake(
            "tiles rounded down",
            lambda images, channels, filters, height, width, m, lanes: (
                (m + 2) ** 2
                * channels
                * filters
                * -(-images * (height // m) * (width // m) // lanes)
            ),
            "This is what you get when only whole tiles are counted: those that hang over the "
            "edge are computed in full, too.",
        ),
        Mistake(
            "area divided",
            lambda images, channels, filters, height, width, m, lanes: (
                (m + 2) ** 2 * channels * filters * -(-images * -(-height * width // m**2) // lanes)
            ),
            "This is what you get when the area is divided by m * m: "
            "tiles stand in rows and columns, and each side is rounded up by itself.",
        ),
        Mistake(
            "lanes forgotten",
            lambda images, channels, filters, height, width, m, lanes: (
                (m + 2) ** 2 * channels * filters * images * -(-height // m) * -(-width // m)
            ),
            "This is what you get when every tile takes a step of its own: "
            "a vector holds the same point of `lanes` tiles.",
        ),
        Mistake(
            "every image apart",
            lambda images, channels, filters, height, width, m, lanes: (
                (m + 2) ** 2
                * channels
                * filters
                * images
                * -(-(-(-height // m) * -(-width // m)) // lanes)
            ),
            "This is what you get when every image starts a new vector: "
            "here the tiles of all images lie in one long line.",
        ),
    ),
    hints=(
        "How many tiles of m * m outputs cover one picture, if none may be left uncovered?",
        "An m * m tile of outputs needs (m + 2) * (m + 2) inputs, and that many products for each "
        "channel and filter. A vector holds one of them for many tiles.",
        "(points) times (channels) times (filters) times (vectors of tiles); round up three times: "
        "down, across, and in vectors.",
    ),
)
