"""What scikit-learn does after each epoch: its loss, its learning rate, and when a fit stops.

loss of an epoch    Σ_b N_b loss_b / N       loss_b: batch b's mean loss plus its penalty
no improvement      loss > best − tol        or, early stopping, score < best + tol
stop                after more than n_iter_no_change such epochs in a row
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.errors import DivergenceError
from xpnet.estimators.callbacks import Tasks
from xpnet.estimators.monitor import score_of
from xpnet.training.history import History
from xpnet.training.settings import Carried
from xpnet.typing import Host

__all__ = ["AfterEpoch", "Rate", "forget_records", "restore_best", "start_records"]

_SMALLEST = 1e-6
"""The learning rate at which an adaptive one is not divided any more."""


class Rate:
    """The learning rate of an estimator, and its optimizer's state between fits.

    Attributes
    ----------
    learning_rate : float
        Of the next step. Only the rules "invscaling" and "adaptive" change it.
    first, rule, power
        The estimator's learning_rate_init, learning_rate and power_t when this was made. Like
        scikit-learn's, an optimizer that goes on keeps them.
    carried : Carried
    """

    def __init__(self, estimator: Any) -> None:
        self.learning_rate = self.first = float(estimator.learning_rate_init)
        self.rule = estimator.learning_rate if estimator.solver == "sgd" else "constant"
        self.power = float(estimator.power_t)
        self._made_for = _kind(estimator)
        self.carried = Carried()

    def fits(self, estimator: Any) -> bool:
        """Whether the optimizer is still of the kind whose state is carried."""
        return _kind(estimator) == self._made_for

    def __call__(self, step: int) -> float:
        """Return the rate of every step until the epoch's end."""
        return self.learning_rate

    def end_epoch(self, t: int) -> None:
        """Take the number of examples seen so far."""
        if self.rule == "invscaling":
            self.learning_rate = self.first / (t + 1) ** self.power

    def is_last(self) -> bool:
        """Whether a fit without improvement ends; otherwise it goes on with a fifth of the rate."""
        if self.rule != "adaptive" or self.learning_rate <= _SMALLEST:
            return True
        self.learning_rate /= 5.0
        return False


def _kind(estimator: Any) -> tuple[Any, ...]:
    return estimator.solver, estimator.optimizer, bool(estimator.momentum)


_RECORDS = (
    *("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    *("validation_loss_curve_", "stopped_", "_no_improvement_count", "_best", "_optimizer"),
)
"""The attributes that fits by batches alone have."""


def forget_records(estimator: Any) -> None:
    """Delete what an earlier fit has recorded."""
    for name in _RECORDS:
        vars(estimator).pop(name, None)


def start_records(estimator: Any) -> None:
    """Set the attributes that a first fit by batches starts from."""
    estimator.loss_curve_ = []
    estimator._no_improvement_count = 0
    early = estimator.early_stopping
    estimator.validation_scores_ = [] if early else None
    estimator.best_validation_score_ = -np.inf if early else None
    estimator.best_loss_ = None if early else np.inf
    estimator._best = None


class AfterEpoch:
    """The callback at the end of each epoch.

    Parameters
    ----------
    estimator : estimator
        Its public records are kept up to date.
    sizes : (S,) integers
        The number of examples in each batch of an epoch.
    held_out : Rows or None
        The examples that early stopping watches.
    tasks : Tasks
        Whose callbacks are told of each epoch's end.
    """

    def __init__(self, estimator: Any, sizes: Host, held_out: Any, tasks: Tasks) -> None:
        self._estimator, self._sizes, self._tasks = estimator, sizes, tasks
        self._score_of_held_out = None if held_out is None else score_of(estimator, held_out)
        estimator.stopped_ = False
        self._steps = 0

    def __call__(self, net: Any, history: History) -> bool:
        """Record an epoch; return whether the fit ends."""
        estimator = self._estimator
        loss, sizes = self._loss(history)
        self._record(loss, sizes)
        if np.ndim(history.loss[-1]) and not np.isfinite(loss):
            raise DivergenceError(net.epoch, len(sizes), loss)  # one network of an ensemble
        if self._score_of_held_out is None:
            self._watch_loss()
        else:
            self._watch_score(self._score(self._score_of_held_out))
        estimator._optimizer.end_epoch(estimator.t_)
        stops = self._stops()
        return self._tasks.end_epoch() or stops

    def begin_epoch(self) -> None:
        """Tell scikit-learn's callbacks that an epoch begins."""
        self._tasks.begin_epoch()

    def note_divergence(self) -> None:
        """Record the epoch whose loss is not finite, if the last one's score does not say so."""
        scores = self._estimator.validation_scores_
        if not np.isnan(scores[-1]):
            self._record(np.nan, self._sizes)
            scores.append(np.nan)

    def _loss(self, history: History) -> tuple[float, Host]:
        """The epoch's loss, and the numbers of examples in its batches.

        Of an ensemble it is the mean over its networks.
        """
        losses = np.asarray(history.step_loss[self._steps :])  # fewer steps if interrupted
        losses = losses.reshape(len(losses), -1).mean(axis=1)
        self._steps = len(history.step_loss)
        sizes = self._sizes[: len(losses)]
        return float(losses @ sizes / sizes.sum()), sizes

    def _record(self, loss: float, sizes: Host) -> None:
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.t_ += int(sizes.sum())
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")

    def _watch_loss(self) -> None:
        estimator, loss = self._estimator, self._estimator.loss_
        self._count(loss > estimator.best_loss_ - estimator.tol)
        estimator.best_loss_ = min(estimator.best_loss_, loss)

    def _score(self, score_of_held_out: Callable[[], float]) -> float:
        score = score_of_held_out()
        if self._estimator.verbose:
            print(f"Validation score: {score:f}")
        return score

    def _watch_score(self, score: float) -> None:
        estimator = self._estimator
        estimator.validation_scores_.append(score)
        self._count(not score >= estimator.best_validation_score_ + estimator.tol)  # NaN, too
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            theta, statistics = estimator._state.copies()
            estimator._best = to_numpy(theta), tuple(map(to_numpy, statistics))

    def _count(self, stands_still: bool) -> None:
        estimator = self._estimator
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if stands_still else 0

    def _stops(self) -> bool:
        estimator = self._estimator
        if not estimator._no_improvement_count > estimator.n_iter_no_change:
            return False
        last: bool = estimator._optimizer.is_last()
        if not last:
            estimator._no_improvement_count = 0
        if estimator.verbose:
            self._say(last)
        estimator.stopped_ = last
        return last

    def _say(self, last: bool) -> None:
        estimator = self._estimator
        what = "Training loss" if self._score_of_held_out is None else "Validation score"
        then = "Stopping." if last else f"Learning rate {estimator._optimizer.learning_rate:f}."
        print(
            f"{what} did not improve by tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} epochs. {then}"
        )


def restore_best(estimator: Any) -> None:
    """Set the parameters of the epoch with the best score, if any epoch had a finite one."""
    if (best := getattr(estimator, "_best", None)) is not None:
        net = estimator._state
        theta, statistics = best
        put = net.backend.from_numpy
        net.take(put(theta.copy()), tuple(put(s.copy()) for s in statistics))
