"""Orders of the seven loops, as strings: what is one, and what is none."""

from __future__ import annotations

from collections.abc import Mapping

LOOPS = "nkyxcrs"
"""Image, filter, row and column of the output, channel, row and column of the filter."""
ORDER = "nkcrsyx"
"""A good order for most shapes: the longest stretch of memory innermost, one channel at a time."""

Tile = Mapping[str, int]


def check(order: str, tile: Tile | None = None) -> dict[str, int]:
    """Return the tile sizes by capital letter, or say what is wrong with the order."""
    sizes = dict(tile or {})
    small = "".join(letter for letter in order if letter.islower())
    if sorted(small) != sorted(LOOPS):
        raise ValueError(
            f"order is {order!r}; it wants each of the letters {LOOPS!r} once, outermost first. "
            f"For example {ORDER!r}."
        )
    capitals = "".join(letter for letter in order if not letter.islower())
    if sorted(capitals) != sorted(sizes):
        raise ValueError(
            f"order {order!r} has the tile loops {capitals!r} and tile is {sizes}; each capital "
            'letter wants one size. For example order "nXkcrsyx" with tile={"X": 16}.'
        )
    for letter, size in sizes.items():
        if letter.lower() not in LOOPS or order.index(letter) > order.index(letter.lower()):
            raise ValueError(
                f"order is {order!r}; the loop over tiles {letter!r} has to be outside a loop "
                f"{letter.lower()!r} within the tile. Move the capital letter to the left."
            )
        if size < 1:
            raise ValueError(f"tile[{letter!r}] is {size}; a tile has 1 step or more. Try 16.")
    return sizes
