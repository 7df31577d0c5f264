"""The matrices of Winograd's convolution F(m, r), for any m and r, in exact fractions.

F(m, r) makes m outputs with r weights, yᵢ = Σⱼ d[i + j] g[j], from m + r - 1 multiplications::

    y = Aᵀ ((G g) · (Bᵀ d))        Aᵀ (m, n),  G (n, r),  Bᵀ (n, n),  n = m + r - 1

Cook and Toom multiply polynomials that way: evaluate both at n points, multiply the values, and
interpolate. A convolution is the transpose of that product, which is why the inverse of the
evaluation, the interpolation, stands in front of d. One of the points is infinity, where the value
of a polynomial is its highest coefficient. With M(t) the product of t - q over the finite points q,
the row of a point p is::

    Aᵀ   1, p, p², …, p^(m-1)               at infinity  0, …, 0, 1
    G    1, p, p², …, p^(r-1) over M'(p)                 0, …, 0, 1
    Bᵀ   the coefficients of M(t) / (t - p)              those of M(t)

(a column of Aᵀ). `verify` multiplies all three and finds exactly a convolution. In two dimensions
they are used down the columns and then along the rows.

References: Cook (1966), "On the minimum computation time of functions"; Winograd (1980),
"Arithmetic complexity of computations"; Barabasz et al. (2020), "Error analysis and improving the
accuracy of Winograd convolution for deep neural networks".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Matrix = tuple[tuple[Fraction, ...], ...]
Number = int | str | Fraction

POINTS = {
    1: "0",
    2: "0 1",
    3: "0 1 -1",
    4: "0 2/3 -2/3 3/2",
    5: "0 2/3 -2/3 3/2 -3/2",
    6: "0 1 -1 3/5 -3/5 2",
    7: "0 1 -1 1/2 -1/2 2 -2",
    8: "0 4/5 -4/5 5/4 -5/4 1/2 -1/2 2",
    9: "0 4/5 -4/5 5/4 -5/4 1/2 -1/2 2 -2",
}
"""Finite points by their number, chosen for small rounding errors: powers near 1, in pairs."""
MORE = "1/3 -3 -1/3 3 1/4 -4 -1/4 4 1/5 -5 -1/5 5"
"""Where nine are not enough; float64 is needed by then."""


class Transforms(NamedTuple):
    """The three matrices, as rows of fractions."""

    AT: Matrix
    G: Matrix
    BT: Matrix

    def arrays(
        self, dtype: npt.DTypeLike = np.float64
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return Aᵀ (m, n), G (n, r) and Bᵀ (n, n) as arrays, each fraction rounded once."""
        at, g, bt = (np.array([[float(f) for f in row] for row in rows]) for rows in self)
        return at.astype(dtype), g.astype(dtype), bt.astype(dtype)


def cook_toom(m: int, r: int, points: Iterable[Number] | None = None) -> Transforms:
    """Return the matrices of F(m, r): m outputs, r weights, m + r - 1 multiplications.

    Parameters
    ----------
    points
        The m + r - 2 finite points, all different, as whole numbers, fractions or text such as
        "2/3"; `default_points` unless given. Infinity comes on top.

    Raises
    ------
    ValueError
        If m or r is below 1, or the points are too many, too few or not different.
    """
    if m < 1 or r < 1:
        raise ValueError(f"m is {m} and r is {r}; cook_toom wants 1 or more. F(2, 3) is classic.")
    p = default_points(m + r - 2) if points is None else [Fraction(point) for point in points]
    if len(p) != m + r - 2 or len(set(p)) != len(p):
        shown = ", ".join(map(str, p))
        raise ValueError(
            f"points is ({shown}); F({m}, {r}) wants {m + r - 2} of them, all different, "
            "besides infinity. Leave points out for good ones."
        )
    at = [[point**i for point in p] + [Fraction(i == m - 1)] for i in range(m)]
    g, bt = [], []
    for i, point in enumerate(p):
        others = p[:i] + p[i + 1 :]
        scale = prod((point - other for other in others), start=Fraction(1))
        # With a minus before both rows of the point 0 the first weight enters as it is.
        sign = -1 if point == 0 and scale < 0 else 1
        g.append([sign * point**j / scale for j in range(r)])
        bt.append([sign * c for c in polynomial(others)] + [Fraction(0)])
    g.append([Fraction(j == r - 1) for j in range(r)])
    bt.append(polynomial(p))
    return Transforms(*(tuple(map(tuple, rows)) for rows in (at, g, bt)))


def default_points(count: int) -> list[Fraction]:
    """Return `count` points near 1 in size, with their negatives and often their inverses.

    Raises
    ------
    ValueError
        If more than 21 are wanted.
    """
    text = POINTS.get(count, f"{POINTS[9]} {MORE}").split()
    if count > len(text):
        raise ValueError(
            f"{count} points are wanted; there are {len(text)} default ones. Give points yourself."
        )
    return [Fraction(point) for point in text[:count]]


def polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of (t - q) over the roots q, the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        times_t, times_root = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [a - root * b for a, b in zip(times_t, times_root, strict=True)]
    return coefficients


def verify(transforms: Transforms) -> bool:
    """Say whether the matrices compute a convolution, exactly.

    Output i is a sum of products d[k] · g[j] with factors Σ Aᵀ[i, t] G[t, j] Bᵀ[t, k] over t.
    They must be 1 where k = i + j and 0 elsewhere.
    """
    at, g, bt = transforms
    n = range(len(bt))
    return all(
        sum(at[i][t] * g[t][j] * bt[t][k] for t in n) == (k == i + j)
        for i, j, k in product(range(len(at)), range(len(g[0])), n)
    )


def growth(transforms: Transforms) -> Fraction:
    """Return how much larger than its largest inputs what is added up for an output can get.

    Where no input and no weight is above 1 in size, the products that make output i have sizes up
    to ``|Aᵀ[i, t]| · Σ|G[t, j]| · Σ|Bᵀ[t, k]|``, together what is returned; a plain sum has r.
    What is above cancels, and leaves its rounding errors. In two dimensions it counts twice.
    """
    at, g, bt = ([[abs(f) for f in row] for row in rows] for rows in transforms)
    at_point = [sum(weights) * sum(inputs) for weights, inputs in zip(g, bt, strict=True)]
    return max(
        sum((a * b for a, b in zip(row, at_point, strict=True)), start=Fraction(0)) for row in at
    )
