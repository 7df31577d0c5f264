"""Write minicnn/data/glyphs.npz: 0-9, A-Z and a-z in sixteen of the faces that matplotlib ships.

Run once, by a developer: python scripts/make_glyph_atlas.py
The faces are DejaVu, STIX and Computer Modern, all free to embed and to pass on. Every capital H
gets the same height, so faces differ in shape and not in size; every character is centred by its
ink. The atlas is committed, because another release of the font rasteriser may shade an edge
otherwise, and data sets must not depend on that.
"""

from __future__ import annotations

import string
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

CELL = 48  # pixels a side
CAP_HEIGHT = 31  # with a descender, the tallest character then fits the cell
CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmr10",
    "cmb10",
    "cmss10",
    "cmti10",
    "cmtt10",
)
TARGET = Path(__file__).parent.parent / "minicnn" / "data" / "glyphs.npz"


def render(character: str, font: FontProperties, scale: float) -> np.ndarray:
    """One character, white on black, (CELL, CELL) uint8."""
    path = TextPath((0, 0), character, size=100, prop=font)
    box = path.get_extents()
    narrow = min(1.0, (CELL - 2) / (box.width * scale))  # a bold W would not fit
    placed = (
        Affine2D()
        .translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
        .scale(scale * narrow, scale)
        .translate(CELL / 2, CELL / 2)
    )
    renderer = RendererAgg(CELL, CELL, 72)
    pen = renderer.new_gc()
    pen.set_linewidth(0)
    renderer.draw_path(pen, path, placed, (0.0, 0.0, 0.0))
    return np.asarray(renderer.buffer_rgba())[..., 3].copy()


def main() -> None:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    atlas = np.empty((len(FACES), len(CHARACTERS), CELL, CELL), np.uint8)
    for f, face in enumerate(FACES):
        font = FontProperties(fname=folder / f"{face}.ttf")
        scale = CAP_HEIGHT / TextPath((0, 0), "H", size=100, prop=font).get_extents().height
        for c, character in enumerate(CHARACTERS):
            atlas[f, c] = render(character, font, scale)
    # Sixteen grey levels are enough for an edge, and half the bytes.
    levels = (atlas.astype(np.uint16) * 15 + 127) // 255
    np.savez_compressed(
        TARGET,
        atlas=(levels * 17).astype(np.uint8),
        faces=np.array(FACES),
        characters=np.array(list(CHARACTERS)),
    )
    print(f"{TARGET.name}: {atlas.shape}, {TARGET.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
