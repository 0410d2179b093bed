"""Training on a table: how many epochs, and the fit."""

from __future__ import annotations

from dataclasses import dataclass

from xpnet.cli.output import report
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
    """Train on all rows, for the epochs given, or for those that served a part of them best."""
    epochs = settings.epochs
    if epochs is None:
        epochs = _best_epochs(net, X, Y, labels, settings)
    return net.fit(
        X,
        Y,
        epochs=epochs,
        batch_size=batch_size(len(X)),
        validation_data=settings.validation_data,
        metrics=settings.metrics,
        callbacks=[report(epochs)],
        progress=settings.progress,
    )


def batch_size(n: int) -> int:
    """For so many rows."""
    return 32 if n < 10_000 else 256


def _best_epochs(net: Network, X: Array, Y: Array, labels: Array | None, settings: Settings) -> int:
    """Epochs after which the loss on a fifth of the rows was least, from the same start.

    The fifth is drawn anew (seed 1), and the rows held out for the test are not among them.
    """
    try:
        train, rest = held_out(labels, len(X), 0.2, seed=1)
    except ValueError:  # too few rows, or of one class, to choose by
        return _MOST // 4
    history = net.to().fit(
        X[train],
        Y[train],
        epochs=_MOST,
        batch_size=batch_size(len(X)),
        validation_data=(X[rest], Y[rest]),
        early_stopping=EarlyStopping(patience=_PATIENCE, restore_best=False),
        progress=settings.progress,
    )
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    losses = history.validation_loss
    best = losses.index(min(losses)) + 1
    print(f"{best} epochs serve a fifth of the training rows best")
    return best
