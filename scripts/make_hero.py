"""Draw the README's picture: a glyph through the layers of a small trained network.

python scripts/make_hero.py      # writes book/_static/hero.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn import viz
from minicnn.viz.stages import stages

OUT = Path(__file__).resolve().parent.parent / "book" / "_static" / "hero.png"
SEED = 0


def main() -> None:
    """Train for a few seconds, then draw what each stage makes of one image."""
    x, y, _, _ = mc.data.load("glyphs", size=(3000, 100), seed=SEED)
    rng = np.random.default_rng(SEED)
    model = mc.nn.Sequential(
        mc.nn.Conv2d(1, 8, 5, padding=2, seed=rng), mc.nn.ReLU(), mc.nn.MaxPool2d(2),
        mc.nn.Conv2d(8, 8, 3, padding=1, seed=rng), mc.nn.ReLU(), mc.nn.MaxPool2d(2),
        mc.nn.Flatten(), mc.nn.Linear(8 * 7 * 7, 10, seed=rng),
    )  # fmt: skip
    mc.fit(model, (x, y), epochs=4, seed=SEED, progress=False)

    image = x[int(np.flatnonzero(y == 8)[3])][None]
    maps = [("28×28", image[0]), ("8 of 14×14", model[:3](image)[0])]
    maps.append(("8 of 7×7", model[:6](image)[0]))
    probabilities = mc.ops.softmax(model(image))[0]
    viz.use_style()
    stages(dict(maps), probabilities, label="digit").savefig(OUT, dpi=140)


if __name__ == "__main__":
    main()
