"""The constructor's parameters: what scikit-learn accepts, and what is accepted beyond it.

The tables have scikit-learn's own form, so it checks them itself: wrong values are its
``InvalidParameterError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions

from xpnet.equations.activation import Activation
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.penalties import Penalty
from xpnet.errors import quoted
from xpnet.losses import LOSSES, Loss
from xpnet.optimizers import OPTIMIZERS
from xpnet.optimizers.wrapper import is_optimizer

__all__ = [
    "COMMON",
    "OF_CLASSIFIER",
    "OF_REGRESSOR",
    "SOLVERS",
    "check_together",
    "hidden_sizes",
    "is_stochastic",
    "n_epochs",
    "penalty_of",
]

SOLVERS = ("sgd", "adam")
"""The solvers that step batch by batch."""


def _at_least(least: float, kind: type = Real) -> Any:
    return Interval(kind, least, None, closed="left")


def _above_zero() -> Any:
    return Interval(Real, 0, None, closed="neither")


def _fraction(closed: str = "left") -> Any:
    return Interval(Real, 0, 1, closed=closed)


def _names(*tables: Any) -> Any:
    return StrOptions({name for table in tables for name in table})


_OF_SKLEARN: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _at_least(1, Integral)],
    "activation": [_names(ACTIVATIONS, ("logistic",)), Activation, list, tuple],
    "solver": [_names(SOLVERS, ("lbfgs",))],
    "alpha": [_at_least(0)],
    "batch_size": [_names(("auto",)), _at_least(1, Integral)],
    "learning_rate": [_names(("constant", "invscaling", "adaptive"))],
    "learning_rate_init": [_above_zero()],
    "power_t": [_at_least(0)],
    "max_iter": [_at_least(1, Integral)],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_at_least(0)],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [_fraction("both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_fraction()],
    "beta_1": [_fraction()],
    "beta_2": [_fraction()],
    "epsilon": [_above_zero()],
    "n_iter_no_change": [_at_least(1, Integral), Options(Real, {np.inf})],
    "max_fun": [_at_least(1, Integral)],
}
"""scikit-learn's parameters; the activations are more than its four."""

_OWN: dict[str, Any] = {
    "layers": [list, tuple, None],
    "dropout": [_fraction()],
    "optimizer": "no_validation",  # `check_together`
    "schedule": [callable, None],
    "penalty": [Penalty, None],
    "monitor": [_names(("loss",), get_scorer_names()), callable, None],
    "n_ensemble": [_at_least(1, Integral)],
    "callbacks": [callable, list, tuple, Mapping, None],
    "backend": "no_validation",  # `xpnet.get_backend`
    "device": "no_validation",
    "dtype": [_names(("float32", "float64")), None],
    "compile": ["boolean", None],
}
"""Parameters beyond scikit-learn's."""

COMMON: dict[str, Any] = {**_OF_SKLEARN, **_OWN}
OF_CLASSIFIER: dict[str, Any] = {
    **COMMON,
    "loss": [_names(("log_loss",), LOSSES), Loss],
    "class_weight": [dict, list, _names(("balanced",)), None],
}
OF_REGRESSOR: dict[str, Any] = {**COMMON, "loss": [_names(LOSSES), Loss]}


def check_together(estimator: Any) -> None:
    """Check the parameters that no table of constraints can check.

    Raises
    ------
    ValueError, TypeError
        A width or the optimizer is wrong, or a parameter would be ignored because of another one.
    """
    hidden_sizes(estimator.hidden_layer_sizes)
    _check_optimizer(estimator.optimizer)
    if estimator.layers is not None:
        _check_layers(estimator)
    if estimator.monitor is not None and not (
        estimator.early_stopping and is_stochastic(estimator)
    ):
        raise ValueError(
            "monitor is the score of early stopping: set early_stopping=True, and a solver by "
            "batches, sgd or adam"
        )
    if estimator.schedule is not None and not is_stochastic(estimator):
        raise ValueError("schedule needs a solver by batches, sgd or adam: lbfgs has no rate")
    if estimator.solver == "sgd" and estimator.learning_rate != "constant":
        _check_rate(estimator)


def _check_layers(estimator: Any) -> None:
    if estimator.dropout:
        raise ValueError(
            "dropout is not possible with layers: put xpnet.layers.Dropout(…) into layers"
        )
    if isinstance(estimator.activation, (list, tuple)):
        raise ValueError(
            "a list of activations is not possible with layers: give each layer its own, as in "
            "Dense(64, 'tanh')"
        )


def _check_rate(estimator: Any) -> None:
    """Raise ValueError if a rate that follows the loss or the epoch would not be used."""
    by = "schedule" if estimator.schedule is not None else "optimizer"
    if by == "schedule" or is_optimizer(estimator.optimizer):
        raise ValueError(
            f"learning_rate={estimator.learning_rate!r} is not possible with {by}, which has a "
            "rate of its own: leave learning_rate='constant'"
        )


def hidden_sizes(given: Any) -> list[int]:
    """Return the widths of the hidden layers; a number is one layer.

    Raises
    ------
    ValueError
        A width is not above 0.
    TypeError
        A width is not a whole number.
    """
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    if np.any(np.asarray(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {quoted(sizes)}")
    if not all(isinstance(n, Integral) for n in sizes):
        raise TypeError(f"hidden_layer_sizes must be whole numbers, got {quoted(sizes)}")
    return [int(n) for n in sizes]


def _check_optimizer(value: Any) -> None:
    """Check that it is None, the name of an optimizer or an optimizer, which has no common class.

    Raises
    ------
    ValueError
        It is anything else.
    """
    if value is None or is_optimizer(value) or (isinstance(value, str) and value in OPTIMIZERS):
        return
    raise ValueError(
        f"optimizer must be None, one of {', '.join(OPTIMIZERS)}, or an optimizer of "
        f"xpnet.optimizers, got {quoted(value)}: solver='lbfgs' is the solver of all examples"
    )


def is_stochastic(estimator: Any) -> bool:
    """Whether the solver steps batch by batch."""
    return estimator.optimizer is not None or estimator.solver in SOLVERS


def n_epochs(estimator: Any, incremental: bool) -> int:
    """The largest number of epochs of a fit, 1 of a `partial_fit`; 0 if the solver has none."""
    if not is_stochastic(estimator):
        return 0
    return 1 if incremental else int(estimator.max_iter)


def penalty_of(estimator: Any) -> Penalty:
    """½ α ‖W‖², added to the sum of a batch's losses, or the penalty that is given."""
    if estimator.penalty is not None:
        found: Penalty = estimator.penalty
        return found
    return Penalty(l2=float(estimator.alpha), of_sum=True)
