"""What a fit did, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["History"]


@dataclass
class History:
    """The record that `fit` returns.

    Attributes
    ----------
    epoch : list of int
        The network's own count of epochs, from 1, over all its fits.
    loss : list of float
        Σ w_n loss_n / Σ w_n over the epoch, each example's loss taken before its step.
    validation_loss : list of float
        After each epoch; empty without validation data.
    validation_accuracy : list of float
        The same for class labels.
    seconds : list of float
        Wall time of each epoch, validation included.
    stopped : str or None
        "interrupted" where Ctrl-C ended the fit; its last entries then stand for part of an epoch.
    """

    epoch: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped: str | None = None

    def __len__(self) -> int:
        return len(self.epoch)
