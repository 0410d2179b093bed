"""Between scikit-learn's fitted MLPs and these: the same parameters, weights, records and state.

scikit-learn packs a network's arrays as all W (fan_in, fan_out), then all b. θ has the transposes,
in the same order, so an optimizer's arrays are converted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.neural_network._base import LOSS_FUNCTIONS
from sklearn.utils.validation import check_is_fitted

from xpnet.backends import to_numpy
from xpnet.equations.parameters import n_networks
from xpnet.estimators.agreement import check_agreement, parts_of, parts_of_theirs
from xpnet.estimators.build import loss_of_classes, loss_of_numbers, make_network
from xpnet.estimators.classifier import MLPClassifier
from xpnet.estimators.heads import HeadLabels
from xpnet.estimators.progress import Rate
from xpnet.estimators.regressor import MLPRegressor
from xpnet.estimators.settings import is_stochastic
from xpnet.estimators.targets import Labels
from xpnet.estimators.weights import Weights
from xpnet.network import Network
from xpnet.typing import Host

__all__ = ["from_sklearn", "to_sklearn"]

_RECORDS = (
    *("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"),
    *("feature_names_in_", "loss_", "best_loss_", "loss_curve_", "validation_scores_"),
    *("best_validation_score_", "classes_", "_no_improvement_count", "_random_state"),
)
"""The attributes that are the same on both sides; a solver may lack some of them."""

_KINDS = {
    neural_network.MLPClassifier: MLPClassifier,
    neural_network.MLPRegressor: MLPRegressor,
}


def from_sklearn(fitted: Any, **settings: Any) -> Any:
    """Return an estimator of xpnet that goes on from a fitted one of scikit-learn.

    Parameters
    ----------
    fitted : sklearn.neural_network.MLPClassifier or MLPRegressor
    **settings
        Parameters of the new estimator, such as ``backend="cupy"``; others are those of ``fitted``.

    Returns
    -------
    MLPClassifier or MLPRegressor
        With the same weights, records and optimizer state, so that ``partial_fit`` continues.

    Raises
    ------
    TypeError
        ``fitted`` is of a different class.
    ValueError
        A setting needs a different network than ``fitted`` has, such as ``n_ensemble=3``.
    sklearn.exceptions.NotFittedError
        It is not fitted.
    """
    kind = _KINDS.get(type(fitted))
    if kind is None:
        raise TypeError(
            "from_sklearn takes an MLPClassifier or MLPRegressor of sklearn.neural_network, got "
            f"{type(fitted).__name__}"
        )
    check_is_fitted(fitted)
    new = kind(**{**fitted.get_params(deep=False), **settings})
    _copy_records(fitted, new, 1.0 / _of_their_loss(fitted))
    if isinstance(new, MLPClassifier):
        new._set_labels(Labels(fitted._label_binarizer))
    dtype, place = new.dtype or str(fitted.coefs_[0].dtype), (new.backend, new.device)
    net = _network_of(new, fitted.n_features_in_, fitted.n_outputs_, dtype, place)
    check_agreement(new, net, parts_of_theirs(fitted))
    net.set_weights([W.T for W in fitted.coefs_], fitted.intercepts_)
    new._weights, new._best = Weights(net), None
    if hasattr(fitted, "_optimizer") and is_stochastic(new):
        new._optimizer = _rate_from(new, fitted)
    return new


def to_sklearn(estimator: Any) -> Any:
    """Return scikit-learn's estimator with the same parameters, weights, records and state.

    Raises
    ------
    ValueError
        A setting that scikit-learn does not have is in use, or one was changed after the fit and
        does not describe the fitted network.
    """
    check_is_fitted(estimator)
    given = estimator.get_params(deep=False)
    kind = next(theirs for theirs, ours in _KINDS.items() if isinstance(estimator, ours))
    _refuse_beyond(kind, estimator, given)
    _refuse_changed(estimator)
    new = kind(**{name: given[name] for name in kind().get_params()})
    _copy_records(estimator, new, _of_their_loss(estimator))
    new.coefs_ = [W.copy(order="C") for W in estimator.coefs_]
    new.intercepts_ = [b.copy() for b in estimator.intercepts_]
    new._best_coefs = [W.copy() for W in new.coefs_]
    new._best_intercepts = [b.copy() for b in new.intercepts_]
    if isinstance(estimator, MLPClassifier):
        new._label_binarizer = estimator._labels.binarizer
    if hasattr(estimator, "_optimizer") and estimator._optimizer.fits(estimator):
        new._optimizer = _optimizer_of(new, estimator)
    return new


def _refuse_beyond(kind: Any, estimator: Any, given: dict[str, Any]) -> None:
    """Raise ValueError if a setting changes the network or its training, and is not in ``kind``."""
    defaults, theirs = type(estimator)().get_params(), kind().get_params()
    elsewhere = {"backend", "device", "dtype", "compile", "callbacks"}  # not the model's
    beyond = [
        name
        for name in given
        if name not in theirs and name not in elsewhere and given[name] != defaults[name]
    ]
    known = {"identity", "logistic", "tanh", "relu"}
    if not isinstance(estimator.activation, str) or estimator.activation not in known:
        beyond.append("activation")
    if "loss" in theirs and estimator.loss not in ("squared_error", "poisson"):
        beyond.append("loss")
    if isinstance(getattr(estimator, "_labels", None), HeadLabels):
        beyond.append("several columns of classes")
    if beyond:
        raise ValueError(
            f"scikit-learn's {kind.__name__} has no equal of {', '.join(beyond)}: use network_, or "
            "network_.save(…)"
        )


def _refuse_changed(estimator: Any) -> None:
    """Raise ValueError if settings that were changed do not describe the fitted network."""
    if estimator._weights.has_network:
        net = estimator._state
        sizes = net.layers[0].fan_in, net.layers[-1].fan_out
        made = _network_of(estimator, *sizes, net.dtype, ("numpy", None))
        check_agreement(estimator, made, parts_of(net), n_networks(net.parameters))


def _network_of(
    estimator: Any, n_in: int, n_out: int, dtype: str, place: tuple[Any, Any]
) -> Network:
    """The network that the settings of an estimator, which knows its classes, describe."""
    if isinstance(estimator, MLPClassifier):
        loss = loss_of_classes(estimator.loss, estimator._labels)
    else:
        loss = loss_of_numbers(estimator.loss, n_out)
    return make_network(estimator, n_in, n_out, loss, dtype, place)


def _copy_records(old: Any, new: Any, factor: float) -> None:
    """Copy the records; those of losses are multiplied by ``factor``."""
    for name in _RECORDS:
        if hasattr(old, name):
            value = getattr(old, name)
            setattr(new, name, list(value) if isinstance(value, list) else value)
    for name in ("loss_", "best_loss_"):
        if (loss := getattr(new, name, None)) is not None:
            setattr(new, name, loss * factor)
    if hasattr(new, "loss_curve_"):
        new.loss_curve_ = [loss * factor for loss in new.loss_curve_]


def _of_their_loss(estimator: Any) -> float:
    """scikit-learn's loss as a multiple of this package's, for the same outputs and targets.

    It is 1, but for the squared error of several targets: a mean over them there (issue 8349).
    """
    if estimator.loss != "squared_error":
        return 1.0
    Y = np.ones((1, estimator.n_outputs_))
    return float(LOSS_FUNCTIONS["squared_error"](Y, 0.0 * Y) / (0.5 * Y.sum()))


# --- the optimizers' arrays


def _rate_from(new: Any, fitted: Any) -> Rate:
    """The rate with scikit-learn's state; a new one if the solver is another from now on."""
    rate, optimizer = Rate(new), fitted._optimizer
    is_adam = hasattr(optimizer, "ms")
    if new.optimizer is not None or is_adam != (new.solver == "adam"):
        return rate
    if is_adam:
        rate.carried.moments = _packed(optimizer.ms), _packed(optimizer.vs)
        rate.carried.t = optimizer.t
        return rate
    if new.learning_rate_init == fitted.learning_rate_init:
        rate.learning_rate = optimizer.learning_rate
    if new.momentum and optimizer.momentum:  # its velocity is the step itself, −u
        rate.carried.moments = (-_packed(optimizer.velocities),)
    return rate


def _optimizer_of(new: Any, estimator: Any) -> Any:
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    params, carried = new.coefs_ + new.intercepts_, estimator._optimizer.carried
    if new.solver == "adam":
        betas = new.beta_1, new.beta_2
        made = AdamOptimizer(params, new.learning_rate_init, *betas, new.epsilon)
        if carried.moments is not None:
            made.ms, made.vs = (_unpacked(x, params) for x in carried.moments)
            made.t = carried.t
        return made
    rate = estimator._optimizer
    rule = rate.rule, new.momentum, new.nesterovs_momentum, rate.power
    made = SGDOptimizer(params, rate.first, *rule)
    made.learning_rate = rate.learning_rate
    if carried.moments:
        made.velocities = _unpacked(-carried.moments[0], params)
    return made


def _packed(arrays: Sequence[Host]) -> Host:
    """Return arrays in scikit-learn's shapes as one vector in the layout of θ."""
    return np.concatenate([x.T.reshape(-1) for x in arrays])


def _unpacked(vector: Host, like: Sequence[Host]) -> list[Host]:
    """Return a vector in the layout of θ as arrays in scikit-learn's shapes."""
    ends = np.cumsum([x.size for x in like])[:-1]
    parts = np.split(to_numpy(vector), ends)
    return [
        part.reshape(x.shape[::-1]).T.copy(order="C") for part, x in zip(parts, like, strict=True)
    ]
