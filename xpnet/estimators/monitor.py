"""The score that early stopping watches on held-out examples; larger is better."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer

from xpnet.errors import quoted, warn
from xpnet.estimators.placement import on_host
from xpnet.estimators.rows import Rows, examples
from xpnet.training.evaluation import evaluate

__all__ = ["check_monitor", "score_of", "warn_of_no_score"]


def check_monitor(estimator: Any, several: bool) -> None:
    """Raise ValueError if ``monitor`` names a scorer, which takes no several columns of classes."""
    name = estimator.monitor
    if several and isinstance(name, str) and name != "loss":
        raise ValueError(
            f"monitor={quoted(name)} takes one column of classes, but y has several: use None for "
            "the share of rows that are all right, 'loss', or a function of (estimator, X, y)"
        )


def warn_of_no_score(estimator: Any) -> None:
    """Warn if the scores of early stopping were NaN in every epoch."""
    if np.all(np.isnan(estimator.validation_scores_)):
        warn(
            f"the score of early stopping, monitor={quoted(estimator.monitor)}, was NaN after each "
            "epoch: there was nothing to compare, and the weights are those of the last epoch",
            ConvergenceWarning,
        )


def score_of(estimator: Any, held: Rows) -> Callable[[], float]:
    """Return the function that scores the estimator as it is when it is called."""
    if estimator.monitor is None:
        return lambda: float(estimator._score(held.X, held.y, sample_weight=held.sample_weight))
    if estimator.monitor == "loss":
        return lambda: -_loss(estimator, held)
    return _by_scorer(estimator, held)


def _loss(estimator: Any, held: Rows) -> float:
    """The mean loss, without weights of classes and penalty; of an ensemble the networks' mean."""
    net = estimator._state
    data = examples(net, held._replace(w=held.sample_weight))
    found = evaluate(net.backend, net.layers, net.loss, net.parameters, data, stats=net.statistics)
    return float(np.mean(found["loss"]))


def _by_scorer(estimator: Any, held: Rows) -> Callable[[], float]:
    """A scorer of scikit-learn, or the user's function, of the estimator, X and y."""
    scorer, w = get_scorer(estimator.monitor), held.sample_weight
    given = {} if w is None else {"sample_weight": w}
    same = copy.copy(estimator)  # with the same weights
    vars(same).pop("feature_names_in_", None)  # X is an array by now

    X = on_host(held.X)

    def score() -> float:
        try:
            with config_context(array_api_dispatch=False):
                return float(scorer(same, X, held.y, **given))
        except ValueError:  # metrics refuse predictions that are not finite
            if np.all(np.isfinite(estimator._outputs(held.X, check_input=False))):
                raise
            return float("nan")

    return score
