"""Axes and loops exchanged: addresses, the blocked layout, and what a cache makes of an order."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from collections import deque

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task

LAYOUTS = ("NCHW", "NHWC", "blocked")


# --- addresses --------------------------------------------------------------------------------
@composite
def _address_cases(draw: DrawFn) -> Case:
    layout = draw(st.sampled_from(LAYOUTS))
    shape = tuple(whole(draw, 1, most) for most in (3, 7, 4, 5))
    n, c, h, w = (whole(draw, 0, size - 1) for size in shape)
    return {
        "n": n,
        "c": c,
        "h": h,
        "w": w,
        "shape": shape,
        "layout": layout,
        "block": whole(draw, 1, 4),
    }


def _address(
    n: int, c: int, h: int, w: int, shape: tuple[int, int, int, int], layout: str, block: int
) -> int:
    """Number the places of the array that is meant, and look the number up."""
    N, C, H, W = shape
    blocks = len(range(0, C, block))
    axes, place = {
        "NCHW": ((N, C, H, W), (n, c, h, w)),
        "NHWC": ((N, H, W, C), (n, h, w, c)),
        "blocked": ((N, blocks, H, W, block), (n, c // block, h, w, c % block)),
    }[layout]
    return int(np.arange(np.prod(axes)).reshape(axes)[place])


def _blocks_rounded_down(
    n: int, c: int, h: int, w: int, shape: tuple[int, int, int, int], layout: str, block: int
) -> int:
    if layout != "blocked":
        return _address(n, c, h, w, shape, layout, block)
    _, C, H, W = shape
    return (((n * (C // block) + c // block) * H + h) * W + w) * block + c % block


def _height_for_width(
    n: int, c: int, h: int, w: int, shape: tuple[int, int, int, int], layout: str, block: int
) -> int:
    _, C, H, W = shape
    image, inside = {
        "NCHW": (n * C + c, (1, 0)),
        "NHWC": (n, (C, c)),
        "blocked": (n * -(-C // block) + c // block, (block, c % block)),
    }[layout]
    return ((image * W + h) * H + w) * inside[0] + inside[1]


address = Task(
    name="kernel_exchange.address",
    title="Where does a number live?",
    cases=_address_cases(),
    oracle=_address,
    mistakes=(
        Mistake(
            "always NCHW",
            lambda n, c, h, w, shape, layout, block: _address(n, c, h, w, shape, "NCHW", block),
            "This is what you get when the layout is ignored: "
            "only in NCHW does the column come last.",
        ),
        Mistake(
            "blocks rounded down",
            _blocks_rounded_down,
            "This is what you get when the number of blocks is rounded down: a block that is not "
            "full takes as much room as the others.",
        ),
        Mistake(
            "place in the block forgotten",
            lambda n, c, h, w, shape, layout, block: _address(
                n, c // block * block if layout == "blocked" else c, h, w, shape, layout, block
            ),
            "This is what you get when all channels of a block share one place: "
            "the channel's number inside its block is missing.",
        ),
        Mistake(
            "height for width",
            _height_for_width,
            "This is what you get when H and W are mixed up: one step down is one whole row "
            "further, and a row has W pixels.",
        ),
    ),
    hints=(
        "Take NCHW. How many numbers lie between x[n, c, h, w] and x[n, c, h + 1, w]?",
        "From outside in: multiply by the size of the next axis, add its index, and go on. "
        "In every layout it is the same rule, with the axes in another order.",
        "blocked is an array of five axes, (N, blocks, H, W, block). Channel c is in block "
        "c // block; what is its place inside, and how many blocks are there?",
    ),
)


# --- the blocked layout -----------------------------------------------------------------------
@composite
def _blocked_cases(draw: DrawFn) -> Case:
    shape = (whole(draw, 1, 2), whole(draw, 1, 5), whole(draw, 1, 2), whole(draw, 1, 3))
    return {"x": fill(shape, draw_seed(draw)), "block": whole(draw, 1, 4)}


def _to_blocked(x: np.ndarray, block: int) -> np.ndarray:
    N, C, H, W = x.shape
    out = np.zeros((N, len(range(0, C, block)), H, W, block), dtype=x.dtype)
    for n, c, h, w in np.ndindex(x.shape):
        out[n, c // block, h, w, c % block] = x[n, c, h, w]
    return out


def _repeated(x: np.ndarray, block: int) -> np.ndarray:
    missing = -x.shape[1] % block
    return _to_blocked(np.concatenate([x, x[:, -1:].repeat(missing, axis=1)], axis=1), block)


def _padded_in_front(x: np.ndarray, block: int) -> np.ndarray:
    N, C, H, W = x.shape
    return _to_blocked(np.concatenate([np.zeros((N, -C % block, H, W), x.dtype), x], axis=1), block)


def _reshaped(x: np.ndarray, block: int) -> np.ndarray:
    N, C, H, W = x.shape
    wide = np.zeros((N, len(range(0, C, block)) * block, H, W), dtype=x.dtype)
    wide[:, :C] = x
    return wide.reshape(N, -1, H, W, block)


def _dealt_out(x: np.ndarray, block: int) -> np.ndarray:
    N, C, H, W = x.shape
    blocks = len(range(0, C, block))
    out = np.zeros((N, blocks, H, W, block), dtype=x.dtype)
    for n, c, h, w in np.ndindex(x.shape):
        out[n, c % blocks, h, w, c // blocks] = x[n, c, h, w]
    return out


nchw_to_blocked = Task(
    name="kernel_exchange.nchw_to_blocked",
    title="NCHW to channel blocks",
    cases=_blocked_cases(),
    oracle=_to_blocked,
    mistakes=(
        Mistake(
            "remainder dropped",
            lambda x, block: _to_blocked(x, block)[:, : x.shape[1] // block],
            "This is what you get when the last, incomplete block is dropped: "
            "its channels are part of the picture.",
        ),
        Mistake(
            "reshaped",
            _reshaped,
            "This is what you get from reshape alone. It never moves a number in memory; the "
            "layout is about moving them.",
        ),
        Mistake(
            "dealt out like cards",
            _dealt_out,
            "This is what you get when neighbouring channels go to different blocks: "
            "the first block holds the first `block` channels.",
        ),
        Mistake(
            "filled with the last channel",
            _repeated,
            "This is what you get when the missing channels repeat the last one. They must be "
            "zero, or a convolution would count that channel again.",
        ),
        Mistake(
            "zeros in front",
            _padded_in_front,
            "This is what you get when the missing channels come first: they come last.",
        ),
    ),
    hints=(
        "Five channels in blocks of four: how many blocks, and what stands in the last one?",
        "First make an array with enough channels, zeros and then x in the front of it. Then split "
        "its channel axis in two with reshape, and move one of the two to the end.",
        "np.zeros((N, blocks * block, H, W)); copy; reshape to (N, blocks, block, H, W); "
        "transpose; and make the result contiguous.",
    ),
)


# --- a cache ----------------------------------------------------------------------------------
@composite
def _cache_cases(draw: DrawFn) -> Case:
    order = draw(st.permutations("yxrs"))
    kernel = whole(draw, 1, 3), whole(draw, 1, 3)
    size = kernel[0] + whole(draw, 0, 4), kernel[1] + whole(draw, 0, 6)
    return {
        "order": "".join(order),
        "size": size,
        "kernel": kernel,
        "line": whole(draw, 1, 4),
        "lines": whole(draw, 1, 4),
    }


def _walk(order: str, size: tuple[int, int], kernel: tuple[int, int], line: int) -> list[int]:
    """Return the cache line of every read, in order."""
    (H, W), (R, S) = size, kernel
    steps = {"y": H - R + 1, "x": W - S + 1, "r": R, "s": S}
    grid = np.indices([steps[loop] for loop in order]).reshape(4, -1)
    at = dict(zip(order, grid, strict=True))
    return list(((at["y"] + at["r"]) * W + at["x"] + at["s"]) // line)


def _misses(
    order: str, size: tuple[int, int], kernel: tuple[int, int], line: int, lines: int
) -> int:
    """Count the reads with at least `lines` other lines since the last read of the same one."""
    walk = _walk(order, size, kernel, line)
    last: dict[int, int] = {}
    misses = 0
    for now, here in enumerate(walk):
        since = walk[last[here] + 1 : now] if here in last else None
        misses += since is None or len(set(since)) >= lines
        last[here] = now
    return int(misses)


def _first_in_first_out(
    order: str, size: tuple[int, int], kernel: tuple[int, int], line: int, lines: int
) -> int:
    kept: deque[int] = deque(maxlen=lines)
    misses = 0
    for here in _walk(order, size, kernel, line):
        if here not in kept:
            kept.append(here)
            misses += 1
    return misses


cache_misses = Task(
    name="kernel_exchange.cache_misses",
    title="Count the misses of an order",
    cases=_cache_cases(),
    oracle=_misses,
    mistakes=(
        Mistake(
            "never thrown out",
            lambda order, size, kernel, line, lines: len(set(_walk(order, size, kernel, line))),
            "This is what you get when the cache never throws anything out: it has room for "
            "`lines` lines only.",
        ),
        Mistake(
            "first in, first out",
            _first_in_first_out,
            "This is what you get when the line that came in first is thrown out. It must be the "
            "one not used for longest: a hit makes a line young again.",
        ),
        Mistake(
            "numbers, not lines",
            lambda order, size, kernel, line, lines: _misses(order, size, kernel, 1, lines),
            "This is what you get when each number comes in alone: memory comes in whole lines.",
        ),
        Mistake(
            "order read inside out",
            lambda order, size, kernel, line, lines: _misses(
                order[::-1], size, kernel, line, lines
            ),
            "This is what you get when the first letter is taken for the innermost loop: "
            "it is the outermost.",
        ),
    ),
    hints=(
        "Which number of the image does the loop body read? In which line does that number lie?",
        "Write down the line of each read, in order. Then replay that list with a small list of "
        "what is in the cache, the oldest in front.",
        "itertools.product over the four ranges, in the order of the letters, gives the walk. For "
        "each read: if the line is in the list, move it to the end; if not, count a miss, append "
        "it, and drop the front if the list is too long.",
    ),
)
