"""What a search tried: a table of candidates, and which of them won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

TARGETS = ("bytes", "time")


class Candidate(NamedTuple):
    """One model that a search made.

    ``recipe`` says how, pass by pass; ``error`` is its fraction of wrong answers on the validation
    images; ``file_bytes`` the size of its compact file; ``time`` its seconds for an image over
    those of the first candidate, both compiled (`inference.compile`).
    """

    recipe: tuple[str, ...]
    error: float
    file_bytes: int
    time: float

    @property
    def name(self) -> str:
        """The recipe in one line."""
        return ", ".join(self.recipe) or "as it was"


@dataclass(frozen=True)
class SearchReport:
    """All candidates of a search, in the order tried; ``print`` it, or read its attributes.

    Attributes
    ----------
    candidates : tuple of `Candidate`; the first is the model as it was given.
    max_error : the limit, a fraction.
    target : "bytes" or "time", what was made small.
    validation_images : how many the errors were measured on.
    seconds : that the search took.
    """

    candidates: tuple[Candidate, ...]
    max_error: float
    target: str
    validation_images: int
    seconds: float

    @property
    def best(self) -> Candidate:
        """The smallest (or quickest) candidate whose error is within the limit."""
        return self.candidates[winner(self.candidates, self.max_error, self.target)]

    @property
    def front(self) -> tuple[Candidate, ...]:
        """Candidates that no other one beats in error, bytes and time at once."""

        def beats(a: Candidate, b: Candidate) -> bool:
            return a != b and all(p <= q for p, q in zip(a[1:], b[1:], strict=True))

        return tuple(c for c in self.candidates if not any(beats(o, c) for o in self.candidates))

    def __str__(self) -> str:
        first, best = self.candidates[0], self.best
        wide = max(len(c.name) for c in self.candidates)
        head = f"  {'candidate':<{wide}}    error       bytes   smaller    time"
        lines = [head, "-" * len(head)]
        for c in self.candidates:
            mark = "*" if c is best else " " if c.error <= self.max_error else "x"
            lines.append(
                f"{mark} {c.name:<{wide}}  {100 * c.error:5.2f} %  {c.file_bytes:>10,}  "
                f"{first.file_bytes / c.file_bytes:6.1f} x  {c.time:5.2f} x"
            )
        lines.append(
            f"* wins; x is above the limit of {100 * self.max_error:g} % on "
            f"{self.validation_images:,} validation images"
        )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        rows = [{**c._asdict(), "recipe": list(c.recipe)} for c in self.candidates]
        return {
            "target": self.target,
            "max_error": self.max_error,
            "validation_images": self.validation_images,
            "seconds": round(self.seconds, 3),
            "best": list(self.best.recipe),
            "candidates": rows,
        }


def winner(candidates: Sequence[Candidate], max_error: float, target: str) -> int:
    """Return the place of the best candidate within the limit.

    Raises
    ------
    ValueError
        None is.
    """
    good = [i for i, c in enumerate(candidates) if c.error <= max_error]
    if not good:
        least = min(c.error for c in candidates)
        raise ValueError(
            f"max_error is {max_error:.4g}, and the best of {len(candidates)} candidates has an "
            f"error of {least:.4g} on the validation images; search wants a limit that can be "
            "kept. Train the model longer first, or allow more."
        )
    size = {"bytes": lambda c: (c.file_bytes, c.error), "time": lambda c: (c.time, c.error)}
    return min(good, key=lambda i: size[target](candidates[i]))
