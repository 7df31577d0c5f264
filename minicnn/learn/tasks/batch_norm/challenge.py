"""The open task: a normalisation in front of a convolution, folded into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st, whole
from minicnn.learn.task import Case, Mistake, Task, Verdict
from minicnn.learn.tasks import _reference as ref

Folded = tuple[np.ndarray, np.ndarray, np.ndarray]


# Scales are powers of two and shifts are never 0, so that right and wrong answers are exact.
@composite
def _fold_cases(draw: DrawFn) -> Case:
    K, C, R, S = (whole(draw, 1, 2), whole(draw, 1, 2), whole(draw, 1, 3), whole(draw, 1, 3))
    std = 2.0 ** np.array([draw(st.integers(0, 2)) for _ in range(C)])
    gamma = std * [draw(st.sampled_from([1.0, 2.0, -1.0, 0.5])) for _ in range(C)]
    return {
        "w": fill((K, C, R, S), draw_seed(draw)),
        "b": fill((K,), draw_seed(draw), salt=1),
        "gamma": gamma,
        "beta": fill((C,), draw_seed(draw), salt=2) + 0.5,
        "mean": 2 * fill((C,), draw_seed(draw), salt=3),
        "var": std**2 - 0.5,
        "eps": 0.5,
    }


def _affine(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    scale = gamma / np.sqrt(var + eps)
    return scale, beta - mean * scale


def _framed(x: np.ndarray, frame: int, values: np.ndarray) -> np.ndarray:
    """Put a frame round each channel that holds that channel's value."""
    wide = ref.pad(x, frame, np.nan)
    return np.where(np.isnan(wide), values[:, None, None], wide)


def _judge_fold(
    got: Any,
    w: np.ndarray,
    b: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
) -> Verdict:
    """Compare normalisation and convolution with the folded one, on images, framed and not."""
    if not isinstance(got, list | tuple) or len(got) != 3:
        return Verdict(False, "Return three arrays: w2, b2 and border.")
    wanted = {"w2": w.shape, "b2": b.shape, "border": mean.shape}
    for (name, shape), array in zip(wanted.items(), got, strict=True):
        if not isinstance(array, np.ndarray) or array.shape != shape:
            found = getattr(array, "shape", type(array).__name__)
            return Verdict(False, f"{name} must be an array of shape {shape}; it is {found}.")
    w2, b2, border = got
    scale, shift = _affine(gamma, beta, mean, var, eps)
    x = fill((2, len(mean), w.shape[2] + 2, w.shape[3] + 1), 7)
    normal = x * scale[:, None, None] + shift[:, None, None]
    for frame in (0, 1, 2):
        expected = ref.correlate(ref.pad(normal, frame), w) + b[:, None, None]
        folded = ref.correlate(_framed(x, frame, border), w2) + b2[:, None, None]
        wrong = ~np.isclose(folded, expected, rtol=1e-9, atol=1e-9)
        if wrong.any():
            where = f"with a frame of {frame}" if frame else "without padding"
            n, k, p, q = np.argwhere(wrong)[0]
            what = f"{where}, {wrong.sum()} of {wrong.size} outputs differ. The first, at "
            what += f"(n, k, p, q) = ({n}, {k}, {p}, {q}), is {folded[n, k, p, q]:.6g} instead of "
            what += f"{expected[n, k, p, q]:.6g}."
            return Verdict(False, what[0].upper() + what[1:])
    return Verdict(True)


Make = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Folded]


def _answer(make: Make) -> Callable[..., Folded]:
    """Make an answer from what it does with w, b, scale and shift; both lie along w's channels."""

    def fold(
        w: np.ndarray,
        b: np.ndarray,
        gamma: np.ndarray,
        beta: np.ndarray,
        mean: np.ndarray,
        var: np.ndarray,
        eps: float,
    ) -> Folded:
        scale, shift = _affine(gamma, beta, mean, var, eps)
        w2, b2, border = make(w, b, scale[:, None, None], shift[:, None, None])
        return w2, b2, border.reshape(-1)

    return fold


def _spread(w: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Send a shift through a convolution: one number for each filter."""
    total: np.ndarray = (w * shift).sum(axis=(1, 2, 3))
    return total


fold_before = Task(
    name="batch_norm.fold_before",
    title="Open: fold a normalisation that stands in front",
    cases=_fold_cases(),
    judge=_judge_fold,
    mistakes=(
        Mistake(
            "zeros around",
            _answer(
                lambda w, b, scale, shift: (w * scale, b + _spread(w, shift), np.zeros_like(shift))
            ),
            "Without padding this is right. With padding, the convolution saw zeros around the "
            "normalised maps; zeros around x are something else.",
        ),
        Mistake(
            "sign lost",
            _answer(lambda w, b, scale, shift: (w * scale, b + _spread(w, shift), shift / scale)),
            "Without padding this is right. The border has the wrong sign: "
            "scale * border + shift must be 0.",
        ),
        Mistake(
            "the shift around",
            _answer(lambda w, b, scale, shift: (w * scale, b + _spread(w, shift), shift)),
            "Without padding this is right. The border must hold the x that is normalised to 0; "
            "the shift is what 0 is normalised to.",
        ),
        Mistake(
            "shift forgotten",
            _answer(lambda w, b, scale, shift: (w * scale, b + 0, -shift / scale)),
            "The weights are right, but the shift of the normalisation is lost: it belongs into "
            "the bias.",
        ),
        Mistake(
            "shift without weights",
            _answer(lambda w, b, scale, shift: (w * scale, b + shift.sum(), -shift / scale)),
            "The shift went into the bias as it is. It passes through the filter first: every "
            "weight of w multiplies it.",
        ),
        Mistake(
            "scaled twice",
            _answer(
                lambda w, b, scale, shift: (
                    w * scale,
                    b + _spread(w * scale, shift),
                    -shift / scale,
                )
            ),
            "The shift was multiplied with the new weights. It comes after the scale, so it meets "
            "the old ones.",
        ),
    ),
    hints=(
        "The normalisation is scale * x + shift, with one of each for every channel. What are "
        "the two in terms of gamma, beta, mean, var and eps?",
        "Write down one output of the convolution of scale * x + shift, and collect what has an x "
        "and what has none.",
        "Weights times scale, along the channels. The bias grows by the sum of w * shift over all "
        "but the filters. For the border, solve scale * x + shift = 0.",
    ),
)
