"""Curves over time: how training went."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minicnn.viz.style import BLUE, GREY, ORANGE, WIDTH


def learning_curve(history: Any, *, target: float | None = None) -> Figure:
    """Draw loss and error over the epochs, for the training and the validation data.

    Parameters
    ----------
    history : History
        What `minicnn.fit` returns: ``train_loss``, ``train_error``, ``val_loss``, ``val_error``,
        a list each with one entry an epoch (the last two empty without validation data).
    target : float, optional
        An error, as a fraction, to mark with a line.
    """
    epochs = range(1, len(history.train_loss) + 1)
    if not epochs:
        raise ValueError("history has no epochs; a curve wants one or more. Train with epochs=1.")
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(WIDTH, 4.6), sharex=True)
    top.plot(epochs, history.train_loss, "o-", color=BLUE, label="training")
    bottom.plot(epochs, _percent(history.train_error), "o-", color=BLUE, label="training")
    if len(history.val_loss):
        top.plot(epochs, history.val_loss, "s--", color=ORANGE, label="validation")
        bottom.plot(epochs, _percent(history.val_error), "s--", color=ORANGE, label="validation")
    if target is not None:
        bottom.axhline(100 * target, color=GREY, linestyle=":", label=f"{100 * target:g} %")
    top.set_ylabel("loss (nats per image)")
    bottom.set_ylabel("error (%)")
    bottom.set_xlabel("epoch")
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    top.set_ylim(bottom=0)
    bottom.set_ylim(bottom=0)
    bottom.legend()
    for ax in (top, bottom):
        ax.grid(axis="y")
    return fig


def _percent(fractions: Any) -> list[float]:
    return [100 * fraction for fraction in fractions]
