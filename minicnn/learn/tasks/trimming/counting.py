"""What trimming saves, counted."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from minicnn.learn.strategies import DrawFn, composite, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _chains(draw: DrawFn) -> Case:
    hidden = [whole(draw, 1, 12) for _ in range(whole(draw, 1, 4))]
    return {
        "channels": [whole(draw, 1, 4), *hidden, whole(draw, 1, 10)],
        "removed": [whole(draw, 0, width - 1) for width in hidden],
        "k": whole(draw, 1, 5),
        "pixels": whole(draw, 1, 50),
    }


def _macs(channels: list[int], k: int, pixels: int) -> int:
    """One by one: every output channel at every pixel reads every tap of every input channel."""
    work = 0
    for layer in range(len(channels) - 1):
        taps = sum(k * k for _ in range(channels[layer]))
        work += sum(pixels * taps for _ in range(channels[layer + 1]))
    return work


def _left(channels: list[int], removed: list[int]) -> list[int]:
    return [c - r for c, r in zip(channels, [0, *removed, 0], strict=True)]


def _both(channels: list[int], removed: list[int], k: int, pixels: int) -> tuple[int, int]:
    return _macs(channels, k, pixels), _macs(_left(channels, removed), k, pixels)


def _one_side(
    channels: list[int], removed: list[int], k: int, pixels: int, side: int
) -> tuple[int, int]:
    """Shrink what a layer makes (side 1), or what it reads (side 0), but not both."""
    left, work = _left(channels, removed), 0
    for layer in range(len(channels) - 1):
        ends = [channels[layer], channels[layer + 1]]
        ends[side] = left[layer + side]
        work += k * k * ends[0] * ends[1] * pixels
    return _macs(channels, k, pixels), work


trimmed_macs = Task(
    name="trimming.trimmed_macs",
    title="What trimming saves",
    cases=_chains(),
    oracle=_both,
    mistakes=(
        Mistake(
            "only what is made",
            lambda channels, removed, k, pixels: _one_side(channels, removed, k, pixels, 1),
            "This is what you get when a layer loses filters and the next one still reads all "
            "channels: what is not made any more is not read any more.",
        ),
        Mistake(
            "only what is read",
            lambda channels, removed, k, pixels: _one_side(channels, removed, k, pixels, 0),
            "This is what you get when each layer reads fewer channels but still makes all of "
            "its own: the filters leave, too.",
        ),
        Mistake(
            "what leaves",
            lambda channels, removed, k, pixels: (
                _macs(channels, k, pixels),
                _macs(channels, k, pixels) - _macs(_left(channels, removed), k, pixels),
            ),
            "The second number is what trimming saves. Give the work that is left.",
        ),
        Mistake(
            "one row of taps",
            lambda channels, removed, k, pixels: tuple(
                work // k for work in _both(channels, removed, k, pixels)
            ),
            "This is what you get with k taps for each channel: a kernel has k rows of k.",
        ),
        Mistake(
            "for one pixel",
            lambda channels, removed, k, pixels: _both(channels, removed, k, 1),
            "This is the work for one pixel.",
        ),
    ),
    hints=(
        "How many multiply-adds does one layer need that reads a channels and makes b?",
        "k * k * a * b for each pixel. Which of a and b change, and in how many layers does one "
        "hidden width occur?",
        "First a list of the widths that are left: nothing leaves at both ends. Then the same sum "
        "over neighbours, for the old list and for the new one.",
    ),
)
