"""Fits batch by batch (sgd, adam, any optimizer of xpnet).

The loop, the equations and the updates are those of `xpnet.Network.fit`. This module gives the loop
scikit-learn's order of examples, penalty and settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from xpnet import schedules
from xpnet.errors import DivergenceError, warn
from xpnet.estimators.callbacks import Tasks
from xpnet.estimators.ensemble import EnsembleWeights
from xpnet.estimators.monitor import warn_of_no_score
from xpnet.estimators.progress import AfterEpoch, Rate, restore_best, start_records
from xpnet.estimators.rows import Rows, examples, place_of, split
from xpnet.estimators.settings import n_epochs, penalty_of
from xpnet.network import Network
from xpnet.network.stackable import check_settings
from xpnet.optimizers import SGD, Adam, get_optimizer
from xpnet.training.callbacks import Callbacks
from xpnet.training.history import History
from xpnet.training.loop import loop
from xpnet.training.one_fit import one_fit
from xpnet.training.settings import Settings
from xpnet.typing import Host

__all__ = ["fit_by_batches"]


def fit_by_batches(
    estimator: Any, rows: Rows, incremental: bool, held_out: Any, tasks: Tasks
) -> None:
    """Do ``max_iter`` epochs, or one if ``incremental``; record each in the estimator."""
    if incremental and estimator.early_stopping and held_out is None:
        raise ValueError(
            "partial_fit does not support early_stopping=True without validation_data, which it "
            "would score after each call"
        )
    _prepare(estimator, incremental)
    watched = None
    if estimator.early_stopping:
        rows, watched = split(estimator, rows) if held_out is None else (rows, held_out)
    sizes = _batch_sizes(estimator, rows.X.shape[0])
    after = AfterEpoch(estimator, sizes, watched, tasks)
    try:
        epochs = n_epochs(estimator, incremental)
        settings = _settings(estimator, after, sizes, rows.w, epochs)
        history = _loop(estimator._state, rows, held_out, settings)
        _record_validation(estimator, history, incremental)
        _warn_of_end(estimator, history, incremental)
    except DivergenceError:
        if watched is None or estimator._best is None:
            raise
        after.note_divergence()
    if watched is not None and (estimator.stopped_ or not incremental):
        warn_of_no_score(estimator)
        restore_best(estimator)
    if watched is not None or held_out is not None:
        estimator._calibrate(held_out if watched is None else watched)


def _prepare(estimator: Any, incremental: bool) -> None:
    """Make a new learning rate and optimizer state, unless a `partial_fit` goes on with them."""
    before: Rate | None = getattr(estimator, "_optimizer", None)
    if not incremental or before is None or not before.fits(estimator):
        estimator._optimizer = Rate(estimator)
    scored = getattr(estimator, "validation_scores_", None) is not None
    if not hasattr(estimator, "loss_curve_") or scored != estimator.early_stopping:
        start_records(estimator)  # the last fit was by lbfgs, or watched a different value
    estimator.n_iter_ = 0


def _record_validation(estimator: Any, history: History, incremental: bool) -> None:
    """Record the losses of ``validation_data``; a `partial_fit` adds one to those before it."""
    losses = [float(np.mean(loss)) for loss in history.validation_loss]
    before = getattr(estimator, "validation_loss_curve_", None) if incremental else None
    estimator.validation_loss_curve_ = [*(before or ()), *losses] if losses else None


def _loop(net: Network, rows: Rows, held_out: Any, settings: Settings) -> History:
    with one_fit(net) as kept, net.backend.context():
        data = examples(net, rows)
        validation = None if held_out is None else examples(net, held_out)
        return loop(net, place_of(net, rows.X), data, validation, settings, kept)


def _batch_sizes(estimator: Any, n: int) -> Host:
    """The number of examples in each batch of an epoch; the last may have fewer."""
    size = 200 if isinstance(estimator.batch_size, str) else int(estimator.batch_size)
    if size > n and not isinstance(estimator.batch_size, str):
        warn(f"Got `batch_size` larger than sample size, {n}. It is going to be clipped")
    return np.minimum(size, n - np.arange(0, n, size))


def _settings(
    estimator: Any, after: AfterEpoch, sizes: Host, w: Host | None, epochs: int
) -> Settings:
    callbacks = _callbacks(after, estimator.callbacks)
    found = Settings(
        epochs=epochs,
        batch_size=int(sizes[0]),
        optimizer=_optimizer(estimator, len(sizes)),
        shuffle=estimator.shuffle,
        penalty=penalty_of(estimator),
        max_norm=None,
        validation_fraction=None,
        early_stopping=None,
        metrics=(),
        callbacks=callbacks,
        progress=False,
        compile=estimator.compile,
        order=_order(estimator, sizes, w, after.begin_epoch),
        carried=estimator._optimizer.carried,
    )
    if isinstance(estimator._weights, EnsembleWeights):
        check_settings(found)
        return found._replace(callbacks=callbacks.seeing(estimator._weights.stack))
    return found


def _order(
    estimator: Any, sizes: Host, w: Host | None, begin: Callable[[], None]
) -> Callable[[int], Host]:
    """Return the function of the order: each epoch shuffles the last epoch's.

    The loop calls it once, at the beginning of each epoch; it calls ``begin`` then.
    """
    rows, starts = np.arange(sizes.sum(), dtype=int), np.cumsum(sizes) - sizes

    def order(epoch: int) -> Host:
        nonlocal rows
        begin()
        if estimator.shuffle:
            places = np.arange(len(rows))
            estimator._random_state.shuffle(places)  # sklearn.utils.shuffle takes six times as long
            rows = rows[places]
        if w is not None and not np.all(np.add.reduceat(w[rows], starts) > 0):
            raise ValueError(
                "the sample weights of a batch sum to 0: leave examples of weight 0 out, or make "
                "batch_size larger"
            )
        return rows

    return order


def _optimizer(estimator: Any, steps_per_epoch: int) -> Any:
    """The optimizer whose updates are those of scikit-learn's solver, or the one that is given.

    A schedule is as long as ``max_iter`` epochs, also for `partial_fit`.
    """
    rate = estimator._optimizer
    if estimator.schedule is not None:
        n_steps = estimator.max_iter * steps_per_epoch
        rate = schedules.bind(estimator.schedule, n_steps, steps_per_epoch)
    given = estimator.optimizer
    if given is not None:
        keeps = estimator.schedule is None and not isinstance(given, str)
        return get_optimizer(given, None if keeps else rate)
    if estimator.solver == "adam":
        betas = float(estimator.beta_1), float(estimator.beta_2)
        return Adam(rate, *betas, float(estimator.epsilon), epsilon_last=True)
    momentum = float(estimator.momentum)
    return SGD(rate, momentum, bool(estimator.nesterovs_momentum and momentum), velocity=True)


def _callbacks(after: AfterEpoch, given: Any) -> Callbacks:
    """The callbacks that the user gives, after the estimator's own."""
    named = dict(given) if isinstance(given, Mapping) else {"epoch_end": given or ()}
    own = named.pop("epoch_end", ())
    listed = (own,) if callable(own) else tuple(own)
    return Callbacks({**named, "epoch_end": (after, *listed)})


def _warn_of_end(estimator: Any, history: History, incremental: bool) -> None:
    if history.stopped == "interrupted":
        warn("Training interrupted by user.")
    elif history.stopped is None and not incremental:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
        )
