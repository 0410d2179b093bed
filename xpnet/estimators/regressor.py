"""`MLPRegressor`: scikit-learn's, with xpnet's network inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from xpnet.estimators.base import BaseMLP
from xpnet.estimators.build import loss_of_numbers
from xpnet.estimators.callbacks import with_callbacks
from xpnet.estimators.intervals import interval_of, residuals_of
from xpnet.estimators.parameters import keep_parameters
from xpnet.estimators.placement import in_library_of_X, on_host
from xpnet.estimators.rows import Rows
from xpnet.estimators.settings import OF_REGRESSOR
from xpnet.estimators.undone import undone_on_error
from xpnet.losses import Loss
from xpnet.typing import Host

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, BaseMLP):
    """A network for numbers, with the parameters of scikit-learn's MLPRegressor and more.

    With the same ``random_state`` it takes the same steps as scikit-learn's, to rounding. There is
    one exception, scikit-learn's issue 8349. For several targets, the squared error is the sum over
    them here. scikit-learn reports their mean, but follows the gradient of the sum. Its lbfgs,
    which needs both to agree, then stops early.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        "squared_error" is ½ Σ (a − y)², and "poisson" half the deviance, as in scikit-learn. All
        others are those of `xpnet.losses`.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, \
power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, \
validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        As for `MLPClassifier`.
    early_stopping : bool, default=False
        Whether to watch R², or ``monitor``, of examples that are set aside, and restore the best
        weights.
    layers, dropout, optimizer, schedule, penalty, monitor, n_ensemble, callbacks, backend, \
device, dtype, compile
        As for `MLPClassifier`.

    Attributes
    ----------
    coefs_, intercepts_, network_, stack_, loss_, best_loss_, loss_curve_, validation_scores_, \
best_validation_score_, stopped_, validation_loss_curve_, n_iter_, t_, n_layers_, n_outputs_, \
out_activation_, n_features_in_, feature_names_in_
        As for `MLPClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.estimators import MLPRegressor
    >>> X = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> model = MLPRegressor(activation="tanh", solver="lbfgs", random_state=0).fit(X, X[:, 0] ** 2)
    >>> model.score(X, X[:, 0] ** 2) > 0.99
    True
    """

    _parameter_constraints = OF_REGRESSOR
    _numeric = True

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        layers: Any = None,
        dropout: float = 0.0,
        optimizer: Any = None,
        schedule: Any = None,
        penalty: Any = None,
        monitor: Any = None,
        n_ensemble: int = 1,
        callbacks: Any = None,
        backend: Any = "numpy",
        device: Any = None,
        dtype: Any = None,
        compile: bool | None = None,
    ) -> None:
        keep_parameters(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    @undone_on_error
    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> Any:
        """Fit the network, from newly drawn weights unless ``warm_start``.

        Parameters
        ----------
        X : array, data frame or sparse matrix (N, n_features)
        y : (N,) or (N, targets) of numbers
        sample_weight : (N,), optional
        validation_data : (X, y) or (X, y, sample_weight), optional
            Examples whose loss is recorded after each epoch. Early stopping watches them instead of
            setting some of X aside.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, False, validation_data)

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    @undone_on_error
    @with_callbacks
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> Any:
        """Do one epoch on these examples, from the present weights and optimizer state.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.
        validation_data : (X, y) or (X, y, sample_weight), optional
            As for `MLPClassifier.partial_fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, True, validation_data)

    @in_library_of_X
    def predict(self, X: Any) -> Host:
        """Return the predicted numbers, (N,), or (N, targets) of several targets."""
        found: Host = self._predict(X)
        return found

    @in_library_of_X
    def predict_interval(self, X: Any, coverage: float = 0.9) -> Host:
        """Return lower and upper ends (N, 2) of intervals; (N, targets, 2) of several targets.

        They hold the number with the probability ``coverage``, over all examples like those that
        the last fit held out: the split conformal prediction of Lei et al. (2018). Early stopping
        chose the weights by the same examples, so that intervals may be a little short; those of
        ``validation_data`` without early stopping are not.

        Raises
        ------
        ValueError
            ``coverage`` is not within (0, 1), or the last fit held out too few examples: it needs
            ``early_stopping`` or ``validation_data``.
        """
        predicted = self._predict(X).astype(np.float64)
        return interval_of(predicted, getattr(self, "_residuals", None), coverage)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², the mean over targets.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.
        """
        found = on_host(self.predict(X))
        return float(r2_score(on_host(y), found, sample_weight=on_host(sample_weight)))

    # --- for the base

    def _calibrate(self, held: Rows) -> None:
        predicted = self._predict(held.X, check_input=False)
        self._residuals = residuals_of(predicted, held.y, held.sample_weight)

    def _take_labels(self, y: Any, incremental: bool) -> None:
        """Numbers have no labels."""

    def _check_labels(self, y: Any) -> None:
        """Numbers have no labels."""

    def _find_loss(self, y: Any) -> Loss:
        return loss_of_numbers(self.loss, 1 if y.ndim == 1 else y.shape[1])

    def _n_outputs(self, y: Any, loss: Loss) -> int:
        return loss.n_outputs(1 if y.ndim == 1 else y.shape[1])

    def _encode(self, y: Any, loss: Loss) -> Host:
        Y: Host = y[:, None] if y.ndim == 1 else y
        return Y

    def _decode(self, A: Host) -> Host:
        loss = self._state.loss
        assert loss is not None
        k = loss.n_targets(A.shape[1])
        A = A[:, loss.point * k : (loss.point + 1) * k]  # a Gaussian's means, without variances
        return A[:, 0] if k == 1 else A

    def _weights_of(self, y: Any, sample_weight: Host | None) -> Host | None:
        return sample_weight

    def _stratifies(self) -> bool:
        return False

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return self._score_by(r2_score, X, y, sample_weight)
