"""What happened in training, epoch by epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class History:
    """One entry an epoch in each list; the validation lists stay empty without validation data.

    Attributes
    ----------
    train_loss, train_error
        Means over the epoch's batches as they were trained on: the parameters change meanwhile,
        dropout drops, labels are smoothed. Errors are fractions, 0 to 1.
    val_loss, val_error
        Measured in inference after the epoch.
    seconds, images_per_second
        Of training alone, without validation.
    lr
        The learning rate of the epoch's last step.
    interrupted
        Training was ended early by Ctrl-C; the last entry may be part of an epoch.
    """

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_error: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    images_per_second: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.train_loss)

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the lowest validation loss, from 0; None without validation."""
        if not self.val_loss:
            return None
        return min(range(len(self.val_loss)), key=self.val_loss.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the history that `to_dict` wrote down."""
        return cls(**values)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the error of every epoch; returns the axes drawn on (a new figure by default)."""
        try:
            from matplotlib import pyplot as plt
            from matplotlib.ticker import MaxNLocator
        except ImportError as error:
            raise ImportError(
                "History.plot draws with matplotlib, which is not installed. "
                "Install it: pip install 'minicnn[viz]'"
            ) from error

        if ax is None:
            ax = plt.subplots(figsize=(5.0, 3.0), layout="constrained")[1]
        epochs = range(1, len(self) + 1)
        curves = [("training", self.train_error, "o--")]
        if self.val_error:
            curves.append(("validation", self.val_error, "o-"))
        for label, errors, line in curves:
            ax.plot(epochs, [100.0 * error for error in errors], line, label=label, markersize=4)
        ax.set_xlabel("epoch")
        ax.set_ylabel("error (%)")
        ax.set_ylim(bottom=0.0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
        return ax

    def __repr__(self) -> str:
        if not len(self):
            return "History(no epochs)"
        text = f"{len(self)} epoch{'s' if len(self) > 1 else ''}"
        text += f", train_loss={self.train_loss[-1]:.4f}, train_error={self.train_error[-1]:.4f}"
        if self.val_loss:
            text += f", val_loss={self.val_loss[-1]:.4f}, val_error={self.val_error[-1]:.4f}"
        return f"History({text}{', interrupted' if self.interrupted else ''})"
