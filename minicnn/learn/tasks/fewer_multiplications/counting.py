"""How many multiplications a picture takes, plainly and by tiles."""

from __future__ import annotations

from minicnn.learn.strategies import DrawFn, composite, whole
from minicnn.learn.task import Case, Mistake, Task


@composite
def _cases(draw: DrawFn) -> Case:
    return {
        "P": whole(draw, 1, 20),
        "Q": whole(draw, 1, 20),
        "m": whole(draw, 1, 6),
        "r": whole(draw, 1, 5),
    }


def _tile_products(P: int, Q: int, m: int, r: int) -> tuple[int, int]:
    """Walk over the outputs and over the tiles, and count."""
    plain = sum(r * r for _ in range(P) for _ in range(Q))
    points = len(range(m + r - 1)) ** 2
    return plain, sum(points for _ in range(0, P, m) for _ in range(0, Q, m))


tile_products = Task(
    name="fewer_multiplications.tile_products",
    title="Count the multiplications",
    cases=_cases(),
    oracle=_tile_products,
    mistakes=(
        Mistake(
            "incomplete tiles left out",
            lambda P, Q, m, r: (P * Q * r**2, (P // m) * (Q // m) * (m + r - 1) ** 2),
            "This is what you get when tiles at the edge that are not full are left out: their "
            "outputs are wanted, too.",
        ),
        Mistake(
            "fractions of tiles",
            lambda P, Q, m, r: (P * Q * r**2, P * Q * (m + r - 1) ** 2 // m**2),
            "This is what you get when a part of a tile costs a part of its multiplications: it "
            "costs all of them. Round up, rows and columns apart.",
        ),
        Mistake(
            "one dimension",
            lambda P, Q, m, r: (P * Q * r**2, -(-P // m) * -(-Q // m) * (m + r - 1)),
            "This is what you get with m + r - 1 multiplications a tile. That is one dimension; "
            "a tile has that many points down and as many across.",
        ),
        Mistake(
            "outputs counted",
            lambda P, Q, m, r: (P * Q * r**2, -(-P // m) * -(-Q // m) * m**2),
            "This is what you get with one multiplication for each output of a tile. There is one "
            "for each point, and F(m, r) has m + r - 1 of them a side.",
        ),
    ),
    hints=(
        "How many pixels does a tile of m by m outputs look at?",
        "The tiles lie side by side, and the last row and column of them may stick out: their "
        "number is a division, rounded up.",
        "Two ints: outputs times taps; and tiles down times tiles across times points of a tile. "
        "-(-a // b) rounds up.",
    ),
)
