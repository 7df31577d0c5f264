"""Max pooling and its gradient."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref


# --- max pooling ------------------------------------------------------------------------------
@composite
def _max_pool_cases(draw: DrawFn) -> Case:
    n, c = whole(draw, 1, 2), whole(draw, 1, 2)
    k, stride = whole(draw, 1, 3), whole(draw, 1, 3)
    padding = min(whole(draw, 0, 1), k // 2)
    h = max(1, k - 2 * padding + whole(draw, 0, 3))
    w = max(1, k - 2 * padding + whole(draw, 0, 3))
    x = fill((n, c, h, w), draw_seed(draw), dtype=draw(st.sampled_from([np.float64, np.float32])))
    if draw(st.booleans()):
        x = -x
    return {"x": x, "k": k, "stride": stride, "padding": padding}


def _ceil_mode(x: np.ndarray, k: int, stride: int, padding: int) -> np.ndarray:
    """Max pooling with one more, incomplete window wherever the last one leaves a rest."""
    more = [-(-(size + 2 * padding - k) // stride) * stride + k for size in x.shape[2:]]
    wide = np.full((*x.shape[:2], *more), -np.inf, dtype=x.dtype)
    inner = ref.pad(x, padding, -np.inf)
    wide[:, :, : inner.shape[2], : inner.shape[3]] = inner
    return ref.max_pool(wide, k, stride)


max_pool = Task(
    name="spatial_compression.max_pool",
    title="Max pooling",
    cases=_max_pool_cases(),
    oracle=ref.max_pool,
    mistakes=(
        Mistake(
            "padded with zeros",
            lambda x, k, stride, padding: ref.max_pool(ref.pad(x, padding), k, stride),
            "This is what you get when the padding holds zeros: where all pixels are negative, "
            "the frame wins. Pad with minus infinity.",
        ),
        Mistake(
            "stride forgotten",
            lambda x, k, stride, padding: ref.max_pool(x, k, k, padding),
            "This is what you get when the windows move by k instead of by the stride.",
        ),
        Mistake(
            "rounded up",
            _ceil_mode,
            "This is what you get when the size is rounded up: the last window hangs over.",
        ),
        Mistake(
            "largest magnitude",
            lambda x, k, stride, padding: np.where(
                ref.max_pool(x, k, stride, padding) >= ref.max_pool(-x, k, stride, padding),
                ref.max_pool(x, k, stride, padding),
                -ref.max_pool(-x, k, stride, padding),
            ),
            "This is what you get when the entry of largest magnitude is taken: -5 is less than 2.",
        ),
        Mistake(
            "channels mixed",
            lambda x, k, stride, padding: np.broadcast_to(
                ref.max_pool(x, k, stride, padding).max(axis=1, keepdims=True),
                ref.max_pool(x, k, stride, padding).shape,
            ),
            "This is what you get when the maximum runs over the channels too: "
            "each channel is pooled on its own.",
        ),
    ),
    hints=(
        "What must a padded pixel be, so that it never wins against a real one?",
        "The number of windows is the first task of the chapter before, with a kernel of k and no "
        "dilation.",
        "Put x into the middle of a frame, loop over p and q, and take the maximum of each window "
        "over its last two axes.",
    ),
)


@composite
def _max_gradient_cases(draw: DrawFn) -> Case:
    n, c, k, stride = (whole(draw, 1, 2), whole(draw, 1, 2), whole(draw, 1, 3), whole(draw, 1, 3))
    h, w = k + whole(draw, 0, 2), k + whole(draw, 0, 2)
    x = fill((n, c, h, w), draw_seed(draw))
    p = ref.windows_that_fit(h, k, stride, 0, 1)
    q = ref.windows_that_fit(w, k, stride, 0, 1)
    return {"dy": fill((n, c, p, q), draw_seed(draw), salt=3), "x": x, "k": k, "stride": stride}


def _route(dy: np.ndarray, x: np.ndarray, k: int, stride: int, rule: str) -> np.ndarray:
    """Send each dy back into its window by one of the rules that people try."""
    dx = np.zeros_like(x)
    for n, c, p, q in np.ndindex(dy.shape):
        rows, columns = slice(p * stride, p * stride + k), slice(q * stride, q * stride + k)
        window = x[n, c, rows, columns]
        winners = (window == window.max()).astype(x.dtype)
        if rule == "split":
            winners /= winners.sum()
        elif rule == "last":
            order = np.flatnonzero(winners)
            winners = (np.arange(k * k) == order[-1]).reshape(k, k).astype(x.dtype)
        elif rule == "spread":
            winners = np.full((k, k), 1 / k**2)
        elif rule == "overwrite":
            first = divmod(int(np.argmax(window)), k)
            dx[n, c, p * stride + first[0], q * stride + first[1]] = dy[n, c, p, q]
            continue
        dx[n, c, rows, columns] += winners * dy[n, c, p, q]
    return dx


max_pool_grad = Task(
    name="spatial_compression.max_pool_grad",
    title="The gradient of max pooling",
    cases=_max_gradient_cases(),
    oracle=ref.max_pool_gradient,
    mistakes=(
        Mistake(
            "ties all win",
            lambda dy, x, k, stride: _route(dy, x, k, stride, "all"),
            "This is what you get when every pixel that equals the maximum receives the whole "
            "gradient: with a tie, it is counted twice. The first one takes it.",
        ),
        Mistake(
            "ties split",
            lambda dy, x, k, stride: _route(dy, x, k, stride, "split"),
            "This is what you get when a tie shares the gradient. That is a fair rule, but here "
            "(as in PyTorch) the first one, row by row, takes it all.",
        ),
        Mistake(
            "last of a tie",
            lambda dy, x, k, stride: _route(dy, x, k, stride, "last"),
            "This is what you get when the last of several equal pixels wins: >= where > is meant.",
        ),
        Mistake(
            "spread evenly",
            lambda dy, x, k, stride: _route(dy, x, k, stride, "spread"),
            "This is what you get when the gradient is spread over the window: "
            "that is average pooling. Only the winner moved the output.",
        ),
        Mistake(
            "overwritten",
            lambda dy, x, k, stride: _route(dy, x, k, stride, "overwrite"),
            "This is what you get when overlapping windows overwrite each other: "
            "a pixel that wins twice collects twice.",
        ),
    ),
    hints=(
        "Nudge a pixel that did not win. What happens to the output?",
        "np.argmax of a flat window gives the first maximum; np.unravel_index or divmod turns "
        "that number into a row and a column.",
        "Zeros in the shape of x; loop over n, c, p, q; find the winner of the window; add "
        "dy[n, c, p, q] at its place in x, not in the window.",
    ),
)
