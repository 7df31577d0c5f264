"""Which input channels each filter reads: dense, grouped and depthwise convolution."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from minicnn.viz.style import CYCLE, WIDTH, tint


def channel_groups(channels: int, filters: int, groups: Sequence[int] = (1, 2, 4)) -> Figure:
    """Draw one panel for each number of groups: a line joins a filter to each channel it reads.

    Each line stands for one kernel of R x S weights. `channels` and `filters` must be multiples of
    every number of groups.
    """
    for count in groups:
        if count < 1 or channels % count or filters % count:
            raise ValueError(
                f"groups holds {count}, with {channels} channels and {filters} filters; both want "
                f"to be multiples of it. Use a common divisor, such as 1."
            )
    tall = max(channels, filters)
    fig, axes = plt.subplots(
        1, len(groups), figsize=(WIDTH, 0.36 * tall + 1.0), squeeze=False, sharey=True
    )
    for ax, count in zip(axes[0], groups, strict=True):
        into, out = channels // count, filters // count
        for k in range(filters):
            color = CYCLE[k // out % len(CYCLE)]
            for c in range(k // out * into, (k // out + 1) * into):
                ax.plot([0, 1], [c, k], color=tint(color, 0.8), linewidth=1.5, zorder=1)
            ax.plot(1, k, "s", color=color, markersize=11)
        for c in range(channels):
            ax.plot(0, c, "o", color=CYCLE[c // into % len(CYCLE)], markersize=11)
        ax.set_title(f"groups={count}: {filters * into} lines")
        ax.set_xlim(-0.3, 1.3)
        ax.set_ylim(tall - 0.4, -0.6)
        ax.set_xticks([0, 1], ["channels c", "filters k"])
        ax.set_yticks(range(tall))
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    axes[0, 0].set_ylabel("index of channel, of filter")
    return fig
