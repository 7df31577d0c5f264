"""Batch normalisation into the convolution before it, and into the one after it."""

# A mistake that forgets an argument still has it in its signature.
# ruff: noqa: ARG005

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref
from minicnn.learn.tasks.layer_exchange._probe import probe, rows


def _norm_case(draw: DrawFn, channels: int) -> Case:
    """Statistics whose standard deviations are 1, 2 or 4, so that the numbers stay readable."""
    eps = draw(st.sampled_from([0.75, 0.5]))
    deviations = [draw(st.sampled_from([1.0, 2.0, 4.0])) for _ in range(channels)]
    gamma = fill((channels,), draw_seed(draw), salt=1)
    return {
        "gamma": np.where(gamma == 0, 3.0, gamma),
        "beta": fill((channels,), draw_seed(draw), salt=2),
        "mean": fill((channels,), draw_seed(draw), salt=3),
        "var": np.square(deviations) - eps,
        "eps": eps,
    }


@composite
def _fold_cases(draw: DrawFn) -> Case:
    channels, side = whole(draw, 1, 3), whole(draw, 1, 3)  # as many filters as channels
    w = fill((channels, channels, side, side), draw_seed(draw))
    return {"w": w, "b": fill((channels,), draw_seed(draw), salt=4), **_norm_case(draw, channels)}


@composite
def _border_cases(draw: DrawFn) -> Case:
    return _norm_case(draw, whole(draw, 1, 4))


def _normalise(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: Any
) -> np.ndarray:
    gamma, beta, mean, var = (v[:, None, None] for v in (gamma, beta, mean, var))
    return (x - mean) / np.sqrt(var + eps) * gamma + beta


def _fold_after(w: np.ndarray, b: np.ndarray, *norm: Any) -> np.ndarray:
    def layers(x: np.ndarray) -> np.ndarray:
        return _normalise(ref.correlate(x, w) + b[:, None, None], *norm)

    return rows(*probe(layers, w.shape[1], w.shape[2]))


def _fold_before(w: np.ndarray, b: np.ndarray, *norm: Any) -> np.ndarray:
    def layers(x: np.ndarray) -> np.ndarray:
        return ref.correlate(_normalise(x, *norm), w) + b[:, None, None]

    return rows(*probe(layers, w.shape[1], w.shape[2]))


def _line(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift; the mistakes are built from them."""
    scale = gamma / np.sqrt(var + eps)
    return scale, beta - mean * scale


def _outputs(w: np.ndarray, factors: np.ndarray) -> np.ndarray:
    return w * factors[:, None, None, None]


def _inputs(w: np.ndarray, factors: np.ndarray) -> np.ndarray:
    return w * factors[None, :, None, None]


Fold = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _fold_with(fold: Fold) -> Callable[..., np.ndarray]:
    """Make an answer of a rule (w, b, scale, shift) to (new w, new b)."""
    return lambda w, b, gamma, beta, mean, var, eps: rows(
        *fold(w, b, *_line(gamma, beta, mean, var, eps))
    )


def _taps(w: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return np.einsum("kcrs,c->k", w, shift)


def _middle(w: np.ndarray) -> np.ndarray:
    return w[:, :, w.shape[2] // 2, w.shape[3] // 2]


def _where_zero(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> np.ndarray:
    """Ask the normalisation at 0 and at 1, and go along the line between them to where it is 0."""
    one = np.ones((len(mean), 1, 1))
    at_zero, at_one = (_normalise(x, gamma, beta, mean, var, eps) for x in (0 * one, one))
    return (-at_zero / (at_one - at_zero)).reshape(-1)


fold_after = Task(
    name="layer_exchange.fold_after",
    title="Fold a batch normalisation into the convolution before it",
    cases=_fold_cases(),
    oracle=lambda w, b, gamma, beta, mean, var, eps: _fold_after(w, b, gamma, beta, mean, var, eps),
    mistakes=(
        Mistake(
            "eps forgotten",
            lambda w, b, gamma, beta, mean, var, eps: _fold_after(w, b, gamma, beta, mean, var, 0),
            "This is what you get when eps is forgotten: the deviation is the root of var + eps.",
        ),
        Mistake(
            "old bias forgotten",
            _fold_with(lambda w, b, scale, shift: (_outputs(w, scale), shift)),
            "This is what you get when the bias that the convolution had is forgotten.",
        ),
        Mistake(
            "old bias not scaled",
            _fold_with(lambda w, b, scale, shift: (_outputs(w, scale), b + shift)),
            "This is what you get when the old bias is kept as it was: "
            "it went through the normalisation too, so it is scaled like the weights.",
        ),
        Mistake(
            "wrong axis",
            _fold_with(lambda w, b, scale, shift: (_inputs(w, scale), b * scale + shift)),
            "This is what you get when the input channels are scaled (the second axis of w): "
            "the normalisation comes after, so its channels are the filters.",
        ),
        Mistake(
            "divided by the variance",
            lambda w, b, gamma, beta, mean, var, eps: _fold_after(
                w, b, gamma, beta, mean, (var + eps) ** 2, 0
            ),
            "This is what you get when you divide by var + eps instead of by its square root.",
        ),
    ),
    hints=(
        "For one channel the normalisation is a straight line, scale * y + shift. "
        "What are scale and shift?",
        "Put y = w * x + b into that line and multiply out: which factor meets w, and what is left "
        "without an x?",
        "First scale and shift, arrays (K,); then scale every filter as a whole (give scale three "
        "more axes), and send the old bias down the same line.",
    ),
)

fold_before = Task(
    name="layer_exchange.fold_before",
    title="Fold a batch normalisation into the convolution after it",
    cases=_fold_cases(),
    oracle=lambda w, b, gamma, beta, mean, var, eps: _fold_before(
        w, b, gamma, beta, mean, var, eps
    ),
    mistakes=(
        Mistake(
            "eps forgotten",
            lambda w, b, gamma, beta, mean, var, eps: _fold_before(w, b, gamma, beta, mean, var, 0),
            "This is what you get when eps is forgotten: the deviation is the root of var + eps.",
        ),
        Mistake(
            "wrong axis",
            _fold_with(lambda w, b, scale, shift: (_outputs(w, scale), b + _taps(w, shift))),
            "This is what you get when whole filters are scaled (the first axis of w): "
            "the normalisation comes before, so its channels are the ones that each filter reads.",
        ),
        Mistake(
            "shift forgotten",
            _fold_with(lambda w, b, scale, shift: (_inputs(w, scale), b)),
            "This is what you get when the shift is forgotten: every window is shifted, and so is "
            "what each filter finds there.",
        ),
        Mistake(
            "shift not weighted",
            _fold_with(lambda w, b, scale, shift: (_inputs(w, scale), b + shift)),
            "This is what you get when the shift is added to the bias as it is: "
            "each weight meets the shift of the channel that it reads.",
        ),
        Mistake(
            "one tap",
            _fold_with(lambda w, b, scale, shift: (_inputs(w, scale), b + _middle(w) @ shift)),
            "This is what you get when only the middle tap sees the shift: all of them do.",
        ),
        Mistake(
            "scaled twice",
            _fold_with(
                lambda w, b, scale, shift: (
                    _inputs(w, scale),
                    b + _taps(_inputs(w, scale), shift),
                )
            ),
            "This is what you get when the shift meets the weights that are scaled already: "
            "w (scale x + shift) has the shift times the old w.",
        ),
    ),
    hints=(
        "A filter of ones reads a window of one channel in which the shift was added to each of "
        "nine pixels. By how much does its answer move?",
        "Multiply out: the sum over c, r, s of w[k, c, r, s] (scale[c] x + shift[c]).",
        "Scale along the second axis of w; the new bias is the old one plus, for each filter, the "
        "sum over c of shift[c] times the sum of its weights in channel c.",
    ),
)

border_value = Task(
    name="layer_exchange.border_value",
    title="The number that becomes zero",
    cases=_border_cases(),
    oracle=_where_zero,
    mistakes=(
        Mistake(
            "zero",
            lambda gamma, beta, mean, var, eps: np.zeros_like(mean),
            "This is what you get from a border of zeros: the normalisation moves a zero "
            "somewhere else.",
        ),
        Mistake(
            "the mean",
            lambda gamma, beta, mean, var, eps: mean.copy(),
            "This is what you get when beta is forgotten: the mean is sent to beta, not to zero.",
        ),
        Mistake(
            "the wrong way",
            lambda gamma, beta, mean, var, eps: _line(gamma, beta, mean, var, eps)[1],
            "This is what you get when you normalise a zero; asked is what becomes a zero.",
        ),
        Mistake(
            "not divided",
            lambda gamma, beta, mean, var, eps: -_line(gamma, beta, mean, var, eps)[1],
            "This is what you get from -shift: the scale still has to be divided out.",
        ),
        Mistake(
            "sign",
            lambda gamma, beta, mean, var, eps: mean + beta * np.sqrt(var + eps) / gamma,
            "This is what you get when beta has the wrong sign.",
        ),
        Mistake(
            "eps forgotten",
            lambda gamma, beta, mean, var, eps: _where_zero(gamma, beta, mean, var, 0),
            "This is what you get when eps is forgotten: the deviation is the root of var + eps.",
        ),
    ),
    hints=(
        "The normalisation is scale * x + shift. For which x is that 0?",
        "The scale is gamma / sqrt(var + eps); the shift is beta - mean * scale.",
        "One line: solve for x, or start from the mean (which is sent to beta) and walk back.",
    ),
)
