"""What the classifier and the regressor share: checks of input, and the course of a fit."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np
import sklearn
from scipy.sparse import issparse
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_y, check_consistent_length, validate_data

from xpnet.equations.parameters import n_networks
from xpnet.estimators.build import draw_weights, make_network
from xpnet.estimators.callbacks import CallbackSupport, Tasks
from xpnet.estimators.ensemble import rebuilt, weights_of
from xpnet.estimators.feature_order import order_named
from xpnet.estimators.fitted import Fitted
from xpnet.estimators.placement import (
    followed,
    on_host,
    place_of_network,
    where,
)
from xpnet.estimators.progress import forget_records, start_records
from xpnet.estimators.rows import Rows, checked_weights, within_float64
from xpnet.estimators.settings import check_together, is_stochastic, n_epochs
from xpnet.estimators.solvers import solve
from xpnet.estimators.weights import Weights
from xpnet.losses import Loss
from xpnet.network import Network
from xpnet.typing import Host

__all__ = ["BaseMLP"]

_NAMES = {"sigmoid": "logistic"}
"""An activation's name here, and scikit-learn's, where they differ."""

_FOLLOWS_X = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
"""Whether scikit-learn's checks let ``classes_`` and scores stay on the host, as they do here."""

_CHECKS: dict[str, Any] = {
    "accept_sparse": ["csr", "csc"],
    "multi_output": True,
    "dtype": (np.float64, np.float32),
}
"""What X and y may be, for `validate_data`."""


class BaseMLP(CallbackSupport, Fitted):
    """The base of `MLPClassifier` and `MLPRegressor`."""

    _numeric: ClassVar[bool]
    """Whether y must be numbers."""

    @abstractmethod
    def _take_labels(self, y: Any, incremental: bool) -> None:
        """Find the classes of a first fit, or check those of a later one."""

    @abstractmethod
    def _check_labels(self, y: Any) -> None:
        """Raise ValueError if a label is not known."""

    @abstractmethod
    def _find_loss(self, y: Any) -> Loss:
        """Return the loss."""

    @abstractmethod
    def _n_outputs(self, y: Any, loss: Loss) -> int:
        """Return the width of the last layer."""

    @abstractmethod
    def _weights_of(self, y: Any, sample_weight: Host | None) -> Host | None:
        """Return the weights of the examples in training."""

    @abstractmethod
    def _stratifies(self) -> bool:
        """Return whether early stopping sets aside the same share of each class."""

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Check X and y as scikit-learn does; return them as arrays."""
        with within_float64("X and y"), nullcontext() if reset else order_named(self, X):
            if (place := followed(X)) is None:
                X, y = validate_data(self, X, y, **_CHECKS, y_numeric=self._numeric, reset=reset)
            else:
                dtypes = place.dtype("float64"), place.dtype("float32")
                X = validate_data(self, X, dtype=dtypes, reset=reset)
                y = _check_y(on_host(y), multi_output=True, y_numeric=self._numeric, estimator=self)
                check_consistent_length(X, y)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _calibrate(self, held: Rows) -> None:
        """Measure the errors on examples that were held out, if predictions use them."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        validation_data: Any = None,
    ) -> Any:
        check_together(self)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        given = X, y, sample_weight
        X, y = self._checked(X, y, first)
        self._take_labels(y, incremental)
        w = None if sample_weight is None else checked_weights(sample_weight, X)
        loss = self._find_loss(y)
        rows = Rows(_by_rows(X), self._encode(y, loss), y, self._weights_of(y, w), w)
        held_out = self._held_out(validation_data, loss)
        self._random_state = check_random_state(self.random_state)  # all else is checked
        if first:
            self._initialize(X, y, loss)
        else:
            self._go_on(X, y, loss)
        tasks = Tasks(self, *given, n_epochs(self, incremental))
        self.__dict__.pop("_residuals", None)  # of other weights
        solve(self, rows, incremental, held_out, tasks)
        tasks.end_fit()
        return self

    def _go_on(self, X: Any, y: Any, loss: Loss) -> None:
        """Make the network anew if there is none for lists of weights, or if the loss changed."""
        weights = self._weights
        if isinstance(weights, Weights) and not weights.has_network:
            weights.give(self._make_network(X, y, loss))
        elif self._state.loss is not loss:
            self._weights = rebuilt(weights, lambda: self._make_network(X, y, loss))
        self._check_ensemble()

    def _check_ensemble(self) -> None:
        n = n_networks(self._state.parameters)
        if n != self.n_ensemble:
            raise ValueError(
                f"a fit cannot go on with n_ensemble={self.n_ensemble}: the estimator has {n} "
                f"network{'s' * (n > 1)}. Set it to {n}, or warm_start=False"
            )

    def _initialize(self, X: Any, y: Any, loss: Loss) -> None:
        """Make the networks, draw their weights, and reset all records."""
        networks = [self._make_network(X, y, loss) for _ in range(self.n_ensemble)]
        for net in networks:
            draw_weights(self, net, self._random_state, _name_of(X.dtype))
        self._weights = weights_of(networks)
        place = followed(X)
        self._fitted_at = None if place is None else where(place)
        self.n_iter_ = self.t_ = 0
        self.n_outputs_ = net.layers[-1].fan_out
        self.n_layers_ = len(net.sizes)
        name = net.layers[-1].activation.name
        self.out_activation_ = _NAMES.get(name, name)
        forget_records(self)
        if is_stochastic(self):
            start_records(self)

    def _make_network(self, X: Any, y: Any, loss: Loss) -> Network:
        sizes = X.shape[1], self._n_outputs(y, loss)
        return make_network(self, *sizes, loss, self._dtype_of(X), place_of_network(self, X))

    def _dtype_of(self, X: Any) -> str:
        """The dtype of the network: that of X, but float64 for SciPy's L-BFGS, or in its place."""
        by_default = getattr(self.backend, "name", self.backend) == "numpy"
        in_float64 = by_default and not is_stochastic(self)
        return self.dtype or ("float64" if in_float64 else _name_of(X.dtype))

    def _held_out(self, validation_data: Any, loss: Loss) -> Rows | None:
        """Check the examples of ``validation_data``."""
        if validation_data is None:
            return None
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
        X, y, *w = validation_data
        try:
            X, y = self._later(X, y)
            given = w[0] if w and w[0] is not None else None
            checked = None if given is None else checked_weights(given, X)
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"validation_data: {error}") from error
        return Rows(X, self._encode(y, loss), y, checked, checked)

    def _later(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Check examples that are not trained on."""
        X, y = self._checked(X, y, False)
        self._check_labels(y)
        return _by_rows(X), y

    def _check_solver(self) -> bool:
        """Whether there is a ``partial_fit``; AttributeError if not."""
        if not is_stochastic(self):
            raise AttributeError(
                f"partial_fit needs a stochastic solver, sgd or adam; {self.solver} is not one"
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = _FOLLOWS_X
        return tags


def _by_rows(X: Any) -> Any:
    """X, if it is sparse in a form whose rows are found fast."""
    return X.tocsr() if issparse(X) else X


def _name_of(dtype: Any) -> str:
    """The name of a dtype of any library."""
    return str(dtype).rpartition(".")[2]
