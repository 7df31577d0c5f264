"""Characters in sixteen typefaces, bent, tilted and blurred: a data set made as it is asked for.

An atlas of clean characters is embedded; every image is one of them seen through a random smooth
warp, with its own ink, stroke weight and noise. Equal arguments give equal bytes on any machine:
only additions, products, quotients and rounding are used, which IEEE 754 defines to the last bit,
and never a sine, a power or a matrix product, whose last bit depends on the CPU.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Sequence
from importlib import resources

import numpy as np

TASKS: dict[str, str] = {
    "digits": string.digits,
    "letters": string.ascii_uppercase,
    "lowercase": string.ascii_lowercase,
    "all": string.digits + string.ascii_uppercase + string.ascii_lowercase,
}
CELL = 48  # pixels a side in the atlas
_CHUNK = 512  # images warped at a time, so that the temporaries stay in cache

# What each image draws, uniformly in ±1, and how much of it one unit of `warp` gives.
_ROTATION = 0.13  # tangent of half the angle: about 15 degrees
_SCALE = 0.18
_SHEAR = 0.25
_SHIFT = 0.08  # of the image's side
_BEND = 0.12


class _Atlas:
    """The embedded characters, softened a little and framed by one pixel of background."""

    def __init__(self) -> None:
        with (
            resources.files("minicnn.data").joinpath("glyphs.npz").open("rb") as stream,
            np.load(stream, allow_pickle=False) as stored,
        ):
            self.faces: tuple[str, ...] = tuple(str(face) for face in stored["faces"])
            self.characters = "".join(stored["characters"])
            ink = np.pad(stored["atlas"] / 255.0, ((0, 0), (0, 0), (2, 2), (2, 2)))
        # Half the pixels are skipped when a 48-pixel cell becomes 28: without this, hairlines are.
        ink = (ink[..., :-2] + 2 * ink[..., 1:-1] + ink[..., 2:]) / 4
        ink = (ink[..., :-2, :] + 2 * ink[..., 1:-1, :] + ink[..., 2:, :]) / 4
        self.ink = ink.reshape(-1)  # (faces, characters, CELL + 2, CELL + 2), flat


@functools.cache
def _atlas() -> _Atlas:
    return _Atlas()


def glyph_faces() -> tuple[str, ...]:
    """Names of the typefaces in the atlas: what `glyphs` takes as `faces`."""
    return _atlas().faces


def glyphs(
    n: int,
    *,
    task: str = "digits",
    seed: int | np.random.SeedSequence,
    size: int = 28,
    warp: float = 1.0,
    noise: float = 0.15,
    faces: Sequence[str] | None = None,
    dtype: type = np.float32,
) -> tuple[np.ndarray, np.ndarray]:
    """Make `n` images of printed characters; classes are as equally frequent as `n` allows.

    Parameters
    ----------
    n : number of images.
    task : ``"digits"`` (10 classes), ``"letters"`` (26, the capitals), ``"lowercase"`` (26) or
        ``"all"`` (62). In the first three all characters of a face differ well. In
        ``"all"`` some do not (``0 O o``, ``1 I l``, ``c C``, ``s S`` ...), so no model errs never.
    seed : equal seeds give equal images on every machine.
    size : pixels a side.
    warp : strength of the random rotation, scale, shear, shift and bend; 0 leaves the characters
        upright and centred.
    noise : amplitude of the noise added to every pixel, 0 to 1.
    faces : only these typefaces (see `glyph_faces`); all of them by default.
    dtype : np.float32 or np.float64.

    Returns
    -------
    x : (n, 1, size, size) in [0, 1], bright characters on a dark ground.
    y : (n,) int64 labels, positions in ``class_names("glyphs", task=task)``.
    """
    atlas = _atlas()
    chosen = _check(n, task, size, warp, noise, faces, atlas.faces)
    rng = np.random.default_rng(seed)
    characters = TASKS[task]
    labels = (np.argsort(rng.random(n), kind="stable") % len(characters)).astype(np.int64)
    draws = rng.random((10, n))

    face = chosen[np.floor(draws[0] * len(chosen)).astype(np.int64)]
    character = np.array([atlas.characters.index(c) for c in characters])[labels]
    cell = face * len(atlas.characters) + character
    ink = 0.65 + 0.35 * draws[1]
    weight = 0.10 + 0.25 * draws[2]  # what is darker than this counts as ground: thins the stroke
    shape = warp * (2 * draws[3:] - 1)

    x: np.ndarray = np.empty((n, 1, size, size), dtype)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        row, column = _where(shape[:, part], size)
        image = _bilinear(atlas.ink, cell[part], row, column)
        bias = weight[part, None, None]
        image = np.clip((image - bias) / (0.75 - bias), 0, 1) * ink[part, None, None]
        image += noise * (rng.random(image.shape) + rng.random(image.shape) - 1)
        # Whole steps of 1/255, as from a scanner: float32 and float64 hold the same image.
        x[part, 0] = np.floor(np.clip(image, 0, 1) * 255 + 0.5) / 255
    return x, labels


def _where(shape: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For every pixel of every image, the row and column of the atlas cell it looks at.

    `shape` is (7, n): rotation, two scales, shear, shift down and across, bend, in units of their
    constants. Returns two (n, size, size) arrays in pixels of the framed cell.
    """
    rotation, scale_y, scale_x, shear, shift_y, shift_x, bend = shape[:, :, None, None]
    grid = (2 * np.arange(size) + 1) / size - 1  # pixel centres, the image reaching from -1 to 1
    y = grid[None, :, None] - 2 * _SHIFT * shift_y
    x = grid[None, None, :] - 2 * _SHIFT * shift_x
    t = _ROTATION * rotation
    cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    y, x = cosine * y - sine * x, sine * y + cosine * x
    x = x + _SHEAR * shear * y + _BEND * bend * (3 * y * y - 1)
    y = y / (1 + _SCALE * scale_y)
    x = x / (1 + _SCALE * scale_x)
    centre = (CELL + 1) / 2
    return y * (CELL / 2) + centre, x * (CELL / 2) + centre


def _bilinear(ink: np.ndarray, cell: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Values of the atlas between its pixels; the frame of zeros answers for all outside."""
    side = CELL + 2
    row, column = np.clip(row, 0, side - 1), np.clip(column, 0, side - 1)
    top = np.minimum(np.floor(row), side - 2)
    left = np.minimum(np.floor(column), side - 2)
    down, right = row - top, column - left
    corner = (cell[:, None, None] * side + top.astype(np.int64)) * side + left.astype(np.int64)
    upper = ink[corner] * (1 - right) + ink[corner + 1] * right
    lower = ink[corner + side] * (1 - right) + ink[corner + side + 1] * right
    return upper * (1 - down) + lower * down


def _check(
    n: int,
    task: str,
    size: int,
    warp: float,
    noise: float,
    faces: Sequence[str] | None,
    known: tuple[str, ...],
) -> np.ndarray:
    """Refuse arguments that make no sense; return the positions of the chosen faces."""
    if n < 1 or size < 8:
        raise ValueError(f"n is {n} and size {size}; glyphs wants n >= 1 images of size >= 8.")
    if task not in TASKS:
        raise ValueError(f"task is {task!r}; expected one of {', '.join(map(repr, TASKS))}.")
    if not (0 <= warp <= 2 and 0 <= noise <= 1):
        raise ValueError(
            f"warp is {warp} and noise {noise}; expected warp in 0 to 2 and noise in 0 to 1."
        )
    unknown = [face for face in faces or () if face not in known]
    if unknown or (faces is not None and not len(faces)):
        raise ValueError(f"faces is {faces!r}; expected names among {', '.join(known)}.")
    return np.array([known.index(face) for face in faces or known])
