"""Storing only what is not zero, and computing from it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, whole
from minicnn.learn.task import Case, Mistake, Task
from minicnn.learn.tasks import _reference as ref

CSR = tuple[np.ndarray, np.ndarray, np.ndarray]


def _with_zeros(w: np.ndarray, number: int) -> np.ndarray:
    """Set more than half of the weights to zero, where the seed says."""
    return np.where(np.random.default_rng(number).random(w.shape) < 0.6, 0.0, w)


@composite
def _csr_cases(draw: DrawFn) -> Case:
    number = draw_seed(draw)
    return {"w": _with_zeros(fill((whole(draw, 1, 4), whole(draw, 1, 5)), number), number)}


def _to_csr(w: np.ndarray) -> CSR:
    """Walk over the matrix, row after row."""
    values, columns, pointers = [], [], [0]
    for row in w:
        for column, value in enumerate(row):
            if value:
                values.append(value)
                columns.append(column)
        pointers.append(len(values))
    return np.array(values, float), np.array(columns, int), np.array(pointers, int)


def _row_pointers(w: np.ndarray) -> np.ndarray:
    return _to_csr(w)[2]


row_pointers = Task(
    name="sparsification.row_pointers",
    title="Where each row begins",
    cases=_csr_cases(),
    oracle=_row_pointers,
    mistakes=(
        Mistake(
            "columns first",
            lambda w: _row_pointers(w.T),
            "This is what you get from walking down the columns: that is CSC. Rows come first.",
        ),
        Mistake(
            "counts for pointers",
            lambda w: np.diff(_row_pointers(w)),
            "This is what you get when each row's count stands for its pointer: pointers add the "
            "counts up.",
        ),
        Mistake(
            "no first pointer",
            lambda w: _row_pointers(w)[1:],
            "This is what you get without the 0 in front: there is one more pointer than rows, so "
            "that pointers[k] and pointers[k + 1] are the ends of row k.",
        ),
        Mistake(
            "no last pointer",
            lambda w: _row_pointers(w)[:-1],
            "This is what you get without the last pointer, the number of all stored weights: it "
            "says where the last row ends.",
        ),
        Mistake(
            "empty rows left out",
            lambda w: np.unique(_row_pointers(w)),
            "This is what you get when rows without any weight have no pointer: each row has one.",
        ),
    ),
    hints=(
        "What does one have to know to find all weights of row k, and nothing else?",
        "How many weights are stored before row k? That is a sum over the rows before it.",
        "Count what is not zero in each row, and add the counts up behind a 0: np.cumsum.",
    ),
)


@composite
def _correlate_cases(draw: DrawFn) -> Case:
    K, C, R, S = whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3), whole(draw, 1, 3)
    H, W = R + whole(draw, 0, 3), S + whole(draw, 0, 3)
    number = draw_seed(draw)
    w = _with_zeros(fill((K, C * R * S), number, salt=1), number)
    values, columns, pointers = _to_csr(w)
    x = fill((C, H, W), number)
    return {"x": x, "values": values, "columns": columns, "pointers": pointers, "R": R, "S": S}


def _dense(x: np.ndarray, csr: CSR, R: int, S: int) -> np.ndarray:
    values, columns, pointers = csr
    w = np.zeros((len(pointers) - 1, len(x) * R * S))
    for k in range(len(w)):
        for i in range(pointers[k], pointers[k + 1]):
            w[k, columns[i]] = values[i]
    return w.reshape(len(w), len(x), R, S)


def _sparse_correlate(
    x: np.ndarray, values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, R: int, S: int
) -> np.ndarray:
    return ref.correlate(x[None], _dense(x, (values, columns, pointers), R, S))[0]


def _from(change: Any) -> Any:
    """Make a mistake that reads the filters in another way."""

    def mistake(
        x: np.ndarray, values: np.ndarray, columns: np.ndarray, pointers: np.ndarray, R: int, S: int
    ) -> np.ndarray:
        w = _dense(x, (values, columns, pointers), R, S)
        return ref.correlate(x[None], np.ascontiguousarray(change(w)))[0]

    return mistake


def _taps_first(w: np.ndarray) -> np.ndarray:
    """Read columns as (r · S + s) · C + c."""
    K, C, R, S = w.shape
    return w.reshape(K, R, S, C).transpose(0, 3, 1, 2)


def _taps_turned(w: np.ndarray) -> np.ndarray:
    """Read columns as (c · S + s) · R + r."""
    K, C, R, S = w.shape
    return w.reshape(K, C, S, R).swapaxes(2, 3)


sparse_correlate = Task(
    name="sparsification.sparse_correlate",
    title="A convolution from what is stored",
    cases=_correlate_cases(),
    oracle=_sparse_correlate,
    mistakes=(
        Mistake(
            "convolution",
            _from(lambda w: w[:, :, ::-1, ::-1]),
            "This is what you get with the filters flipped: a layer correlates, and tap (r, s) "
            "reads r rows further down and s columns further right.",
        ),
        Mistake(
            "channels last",
            _from(_taps_first),
            "This is what you get when a column is read as (r S + s) C + c: it is (c R + r) S + s, "
            "with the taps of one channel side by side.",
        ),
        Mistake(
            "rows and columns of the taps exchanged",
            _from(_taps_turned),
            "This is what you get when a tap is read as s R + r: it is r S + s, as in any array.",
        ),
        Mistake(
            "last weight of each filter left out",
            lambda x, values, columns, pointers, R, S: _sparse_correlate(
                x, _without_last(values, pointers), columns, pointers, R, S
            ),
            "This is what you get when the last weight of each filter is left out: those of "
            "filter k are values[pointers[k] : pointers[k + 1]], up to the next one's first.",
        ),
    ),
    hints=(
        "One stored weight: which pixels does it multiply, for all outputs at once?",
        "Take the column apart with divmod: channel and tap, then the tap's row and column. The "
        "pixels are x[c] moved by (r, s), P rows and Q columns of it.",
        "y = zeros; for each filter, for each i from pointers[k] to pointers[k + 1]: "
        "y[k] += values[i] * (a slice of x[c] of P rows and Q columns).",
    ),
)


def _without_last(values: np.ndarray, pointers: np.ndarray) -> np.ndarray:
    fewer = values.copy()
    for first, end in itertools.pairwise(pointers):
        if end > first:
            fewer[end - 1] = 0
    return fewer
