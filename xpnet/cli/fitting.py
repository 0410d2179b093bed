"""Training on a table: how many epochs, and the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xpnet.cli.output import progress_lines
from xpnet.cli.terminal import say
from xpnet.network import Network
from xpnet.tables import held_out
from xpnet.tables.cells import Array
from xpnet.training import EarlyStopping, History

__all__ = ["Settings", "batch_size", "fit"]

_MOST = 200  # epochs
_PATIENCE = 20  # epochs without a lower loss, after which none is expected


@dataclass(frozen=True)
class Settings:
    """The epochs, None to find them; whether a bar is shown; what to evaluate after each epoch."""

    epochs: int | None
    progress: bool
    validation_data: tuple[Array, Array] | None = None
    metrics: tuple[str, ...] = ()


def fit(net: Network, X: Array, Y: Array, labels: Array | None, settings: Settings) -> History:
    """Train on all rows, for the epochs given, or for those that served a part of them best.

    After Ctrl-C in the search for those, the network is the best one that was met in it.
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
    """For so many rows."""
    return 32 if n < 10_000 else 256


def _search(
    trial: Network, X: Array, Y: Array, labels: Array | None, settings: Settings
) -> History | None:
    """A fit on four fifths of the rows, judged by the rest; None where there are too few.

    The fifth is drawn anew (seed 1), and the rows held out for the test are not among them.
    """
    try:
        train, rest = held_out(labels, len(X), 0.2, seed=1)
    except ValueError:  # too few rows, or of one class, to choose by
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
    """Epochs after which the loss on a fifth of the rows was least."""
    if found is None:
        return _MOST // 4
    losses = found.validation_loss
    best = int(np.argmin(np.where(np.isnan(losses), np.inf, losses))) + 1
    say(f"{best} epochs serve a fifth of the training rows best")
    return best


def _kept(net: Network, trial: Network, found: History) -> History:
    """The best that an interrupted search has met, as the network's own."""
    if not len(found):
        raise KeyboardInterrupt
    net.take(*trial.copies())
    net.epoch = trial.epoch
    say(
        f"interrupted in epoch {len(found)} of the search for the number of epochs: kept the best "
        "so far, trained on four fifths of the training rows"
    )
    return found
