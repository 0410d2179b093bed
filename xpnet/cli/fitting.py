"""Train on a table: find the number of epochs, then fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xpnet.cli.output import progress_lines
from xpnet.cli.terminal import say
from xpnet.network import Network
from xpnet.tables import held_out
from xpnet.training import EarlyStopping, History
from xpnet.typing import Host

__all__ = ["Settings", "batch_size", "fit"]

_MOST = 200  # most epochs of the search
_PATIENCE = 20  # epochs without a lower loss, after which the search stops


@dataclass(frozen=True)
class Settings:
    """The epochs (None: find them), whether to show a bar, what to evaluate after each epoch."""

    epochs: int | None
    progress: bool
    validation_data: tuple[Host, Host] | None = None
    metrics: tuple[str, ...] = ()


def fit(net: Network, X: Host, Y: Host, labels: Host | None, settings: Settings) -> History:
    """Train on all rows, for the given number of epochs, or for the best number.

    A search finds the best number by the loss on a fifth of the rows. After Ctrl-C in this search,
    the network is the best one so far.
    """
    epochs = settings.epochs
    if epochs is None:
        trial = net.to()
        found = _search(trial, X, Y, labels, settings)
        if found is not None and found.stopped == "interrupted":
            return _kept(net, trial, found)
        epochs = _best_epochs(found)
    return net.fit(
        X,
        Y,
        epochs=epochs,
        batch_size=batch_size(len(X)),
        validation_data=settings.validation_data,
        metrics=settings.metrics,
        callbacks=[progress_lines(epochs)],
        progress=settings.progress,
    )


def batch_size(n: int) -> int:
    """Return the batch size for n rows."""
    return 32 if n < 10_000 else 256


def _search(
    trial: Network, X: Host, Y: Host, labels: Host | None, settings: Settings
) -> History | None:
    """Fit on four fifths of the rows and judge by the rest; return None if there are too few rows.

    The split is drawn with seed 1. The rows are training rows, without those held out for the test.
    """
    try:
        train, rest = held_out(labels, len(X), 0.2, seed=1)
    except ValueError:  # too few rows for a choice, in all or in a class
        return None
    return trial.fit(
        X[train],
        Y[train],
        epochs=_MOST,
        batch_size=batch_size(len(X)),
        validation_data=(X[rest], Y[rest]),
        early_stopping=EarlyStopping(patience=_PATIENCE),
        progress=settings.progress,
    )


def _best_epochs(found: History | None) -> int:
    """Return the epoch with the least loss on a fifth of the rows; 50 if there was no search."""
    if found is None:
        return _MOST // 4
    losses = found.validation_loss
    best = int(np.argmin(np.where(np.isnan(losses), np.inf, losses))) + 1
    say(f"{best} epochs are best, judged by a fifth of the training rows")
    return best


def _kept(net: Network, trial: Network, found: History) -> History:
    """Give the network the best state that an interrupted search has found."""
    if not len(found):
        raise KeyboardInterrupt
    net.take(*trial.copies())
    net.epoch = trial.epoch
    say(
        f"interrupted in epoch {len(found)} of the search for the number of epochs: kept the best "
        "so far, trained on four fifths of the training rows"
    )
    return found
