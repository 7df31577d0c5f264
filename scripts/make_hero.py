"""Draw the README's picture: a glyph through the layers of a small trained network.

python scripts/make_hero.py      # writes book/_static/hero.png
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minicnn as mc

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
    stages = [("28×28", image[0]), ("8 maps, 14×14", model[:3](image)[0])]
    stages.append(("8 maps, 7×7", model[:6](image)[0]))
    probabilities = mc.ops.softmax(model(image))[0]

    figure = plt.figure(figsize=(7.4, 3.3), layout="constrained", facecolor="white")
    columns = figure.subfigures(1, 4, width_ratios=[2.0, 1.5, 1.5, 2.0])
    for panel, (title, maps) in zip(columns, stages, strict=False):
        side = 1 if len(maps) == 1 else 2
        axes = np.atleast_1d(panel.subplots(max(1, len(maps) // side), side)).ravel()
        for axis, values in zip(axes, maps, strict=True):
            axis.imshow(values, cmap="cividis")
            axis.set_axis_off()
        panel.suptitle(title, fontsize=13)
    axis = columns[-1].subplots()
    colours = ["#0072B2" if d != probabilities.argmax() else "#D55E00" for d in range(10)]
    axis.barh(range(10), probabilities, color=colours)
    axis.set_yticks(range(10))
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("probability")
    axis.set_ylabel("digit")
    figure.savefig(OUT, dpi=140)


if __name__ == "__main__":
    main()
