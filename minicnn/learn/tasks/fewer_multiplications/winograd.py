"""F(2, 3) by hand, and the matrix of the inputs for any points."""

from __future__ import annotations

import numpy as np

from minicnn.learn.strategies import DrawFn, composite, draw_seed, fill, st
from minicnn.learn.task import Case, Mistake, Task


@composite
def _four_cases(draw: DrawFn) -> Case:
    return {"d": fill((4,), draw_seed(draw)), "g": fill((3,), draw_seed(draw), salt=1)}


def _four_products(d: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Solve the two equations for the two unknown products."""
    y = [d[i : i + 3] @ g for i in (0, 1)]
    first, last = (d[0] - d[2]) * g[0], (d[3] - d[1]) * g[2]
    summed, difference = y[0] - first, y[1] - last
    return np.array([first, (summed + difference) / 2, (summed - difference) / 2, last])


four_products = Task(
    name="fewer_multiplications.four_products",
    title="F(2, 3): the two products in the middle",
    cases=_four_cases(),
    oracle=_four_products,
    mistakes=(
        Mistake(
            "half forgotten",
            lambda d, g: _four_products(d, g) * [1, 2, 2, 1],
            "This is what you get without the half: the middle products are each counted in both "
            "outputs.",
        ),
        Mistake(
            "middle exchanged",
            lambda d, g: _four_products(d, g)[[0, 2, 1, 3]],
            "This is what you get when the two in the middle are exchanged: their sum is right, "
            "and their difference has the wrong sign.",
        ),
        Mistake(
            "weights reversed",
            lambda d, g: _four_products(d, g[::-1]),
            "This is what you get with the weights the wrong way round: y[0] is "
            "d[0] g[0] + d[1] g[1] + d[2] g[2].",
        ),
        Mistake(
            "sum for difference",
            lambda d, g: np.array(
                [
                    (d[0] - d[2]) * g[0],
                    (d[1] + d[2]) * g.sum() / 2,
                    (d[1] - d[2]) * (g[0] - g[1] + g[2]) / 2,
                    (d[3] - d[1]) * g[2],
                ]
            ),
            "This is what you get with d[1] - d[2] in the third product: it must be d[2] - d[1].",
        ),
    ),
    hints=(
        "What must p[1] + p[2] be, and what p[1] - p[2]?",
        "y[0] - p[0] and y[1] - p[3] have no d[0] and no d[3] in them. Write them out, then add "
        "them and halve, and subtract them and halve.",
        "Both have the form (d[2] plus or minus d[1]) * (g[0] plus or minus g[1] plus g[2]) / 2.",
    ),
)


@composite
def _point_cases(draw: DrawFn) -> Case:
    choice = st.sampled_from([0, 1, -1, 2, -2, 3])
    return {"points": draw(st.lists(choice, min_size=1, max_size=4, unique=True))}


def _product(roots: list[int]) -> np.ndarray:
    return np.poly(np.array(roots, dtype=float))[::-1] if roots else np.ones(1)


def _rows(points: list[int], sign: int = 1) -> np.ndarray:
    """One row for each point: the product over the others, its constant first; then all of them."""
    count = len(points)
    rows = np.zeros((count + 1, count + 1))
    for i in range(count):
        rows[i, :count] = _product([sign * q for q in points[:i] + points[i + 1 :]])
    rows[count] = _product([sign * q for q in points])
    return rows


def _highest_first(points: list[int]) -> np.ndarray:
    rows = _rows(points)
    rows[:-1, :-1] = rows[:-1, -2::-1]
    rows[-1] = rows[-1, ::-1].copy()
    return rows


def _scaled(points: list[int]) -> np.ndarray:
    rows = _rows(points)
    for i, p in enumerate(points):
        rows[i] /= np.prod([float(p - q) for q in points if q != p])
    return rows


input_matrix = Task(
    name="fewer_multiplications.input_matrix",
    title="The matrix of the inputs",
    cases=_point_cases(),
    oracle=_rows,
    mistakes=(
        Mistake(
            "highest power first",
            _highest_first,
            "This is what you get with the highest power first, as NumPy's poly returns it: the "
            "constant goes with d[0].",
        ),
        Mistake(
            "roots with the wrong sign",
            lambda points: _rows(points, -1),
            "This is what you get from the product of (t + q): the factors are t - q.",
        ),
        Mistake(
            "divided",
            _scaled,
            "This is what you get when each row is divided by the product of p - q. Those "
            "divisions are with the weights already, where they are done once.",
        ),
        Mistake(
            "own point not left out",
            lambda points: np.array([_rows(points)[-1]] * (len(points) + 1)),
            "This is what you get when a point's own factor stays in: its row is the product over "
            "the *other* points. All of them are for infinity, the last row.",
        ),
        Mistake(
            "infinity forgotten",
            lambda points: _rows(points)[:-1, :-1],
            "This is what you get without infinity: its row comes last, and every other row has "
            "a zero at the end.",
        ),
    ),
    hints=(
        "Which polynomial is 0 at every point but one?",
        "Multiply out one factor at a time: the coefficients of (t - q) times a polynomial are its "
        "coefficients moved up by one, minus q times its coefficients.",
        "An array of zeros, n + 1 by n + 1; row i gets the product over the others in its first n "
        "places; the last row gets the product over all.",
    ),
)
