"""What the classifier and the regressor share: checks of input, the course of a fit, outputs."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from xpnet.backends import to_numpy
from xpnet.backends.sparse import SparseRows
from xpnet.estimators.build import draw_weights, hidden_sizes, make_network
from xpnet.estimators.progress import start_records
from xpnet.estimators.rows import Rows
from xpnet.estimators.settings import check_optimizer, is_stochastic
from xpnet.estimators.solvers import solve
from xpnet.estimators.weights import Weights
from xpnet.losses import Loss
from xpnet.network import Network
from xpnet.network.gradient_check import GradientCheck, gradient_check
from xpnet.typing import Host

__all__ = ["BaseMLP"]

_NAMES = {"sigmoid": "logistic"}
"""An activation's name here, and scikit-learn's, where they differ."""

_NUMBERS = 2**21
"""The numbers in a part of a sparse X, once it is dense."""


class BaseMLP(BaseEstimator):
    """The base of `MLPClassifier` and `MLPRegressor`."""

    _weights: Weights

    # --- the parameters that a fit finds

    @property
    def coefs_(self) -> list[Host]:
        """W_1ᵀ … W_Lᵀ of the dense layers, each (fan_in, fan_out).

        On NumPy they are views of the network's parameters; else they are read-only copies.
        """
        return self._fitted_weights("coefs_").coefs

    @coefs_.setter
    def coefs_(self, value: list[Host]) -> None:
        self.__dict__.setdefault("_weights", Weights()).coefs = value

    @property
    def intercepts_(self) -> list[Host]:
        """b_1 … b_L of the dense layers, each (fan_out,); views or copies, as ``coefs_``."""
        return self._fitted_weights("intercepts_").intercepts

    @intercepts_.setter
    def intercepts_(self, value: list[Host]) -> None:
        self.__dict__.setdefault("_weights", Weights()).intercepts = value

    @property
    def network_(self) -> Network:
        """The fitted `xpnet.Network`, not a copy: gradients, `explain`, files, other backends."""
        return self._fitted_weights("network_").network

    def _fitted_weights(self, name: str) -> Weights:
        found: Weights | None = self.__dict__.get("_weights")
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no {name} before fit")
        return found

    # --- a fit

    @abstractmethod
    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Check X and y as scikit-learn does; return them as arrays."""

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
    def _encode(self, y: Any, loss: Loss) -> Host:
        """Return the targets that the loss takes."""

    @abstractmethod
    def _decode(self, A: Host) -> Any:
        """Return the predictions from the outputs A (N, n_L)."""

    @abstractmethod
    def _weights_of(self, y: Any, sample_weight: Host | None) -> Host | None:
        """Return the weights of the examples in training."""

    @abstractmethod
    def _stratifies(self) -> bool:
        """Return whether early stopping sets aside the same share of each class."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        validation_data: Any = None,
    ) -> Any:
        hidden_sizes(self.hidden_layer_sizes)
        check_optimizer(self.optimizer)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._checked(X, y, first)
        self._take_labels(y, incremental)
        w = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        self._random_state = check_random_state(self.random_state)
        loss = self._find_loss(y)
        if first:
            self._initialize(X, y, loss)
        else:
            self._go_on(X, y, loss)
        rows = Rows(_by_rows(X), self._encode(y, loss), y, self._weights_of(y, w), w)
        held_out = self._held_out(validation_data, loss)
        solve(self, self.network_, rows, incremental, held_out)
        return self

    def _go_on(self, X: Any, y: Any, loss: Loss) -> None:
        """Make the network anew if there is none for lists of weights, or if the loss changed."""
        if not self._weights.has_network:
            self._weights.give(self._make_network(X, y, loss))
            return
        old = self.network_
        if old.loss is loss:
            return
        new = self._make_network(X, y, loss)
        new.set_parameters(old.parameters)
        new.set_statistics(old.statistics)
        new.epoch, new.seed = old.epoch, old.seed
        self._weights = Weights(new)

    def _initialize(self, X: Any, y: Any, loss: Loss) -> None:
        """Make the network, draw its weights, and reset all records."""
        net = self._make_network(X, y, loss)
        draw_weights(self, net, self._random_state, X.dtype)
        self._weights = Weights(net)
        self.n_iter_ = self.t_ = 0
        self.n_outputs_ = net.layers[-1].fan_out
        self.n_layers_ = len(net.sizes)
        name = net.layers[-1].activation.name
        self.out_activation_ = _NAMES.get(name, name)
        if is_stochastic(self):
            start_records(self)
        self.__dict__.pop("_optimizer", None)

    def _make_network(self, X: Any, y: Any, loss: Loss) -> Network:
        return make_network(self, X.shape[1], self._n_outputs(y, loss), loss, self._dtype_of(X))

    def _dtype_of(self, X: Any) -> str:
        """The dtype of the network: that of X, but for SciPy's L-BFGS float64."""
        backend = getattr(self.backend, "name", self.backend)
        by_scipy = not is_stochastic(self) and backend == "numpy"
        return self.dtype or ("float64" if by_scipy else str(X.dtype))

    def _held_out(self, validation_data: Any, loss: Loss) -> Rows | None:
        """Check the examples of ``validation_data``."""
        if validation_data is None:
            return None
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
        X, y, *w = validation_data
        X, y = self._later(X, y)
        given = w[0] if w and w[0] is not None else None
        checked = None if given is None else _check_sample_weight(given, X)
        return Rows(X, self._encode(y, loss), y, checked, checked)

    def _later(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Check examples that are not trained on."""
        X, y = self._checked(X, y, False)
        self._check_labels(y)
        return _by_rows(X), y

    # --- outputs

    def _outputs(self, X: Any, check_input: bool = True, logits: bool = False) -> Host:
        """A_L, or Z_L, as a new host array (N, n_L)."""
        check_is_fitted(self)
        if check_input:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self.network_
        run = net.logits if logits else net.predict
        if not issparse(X):
            return to_numpy(run(X))
        n, rows = max(1, _NUMBERS // X.shape[1]), SparseRows(X, net.dtype)
        parts = [to_numpy(run(rows[k : k + n])) for k in range(0, len(rows), n)]
        return np.concatenate(parts)

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        return self._decode(self._outputs(X, check_input))

    def _score_by(self, metric: Any, X: Any, y: Any, sample_weight: Any) -> float:
        """The score of checked examples; NaN if a prediction is not finite."""
        found = self._predict(X, check_input=False)
        if np.issubdtype(found.dtype, np.floating) and not np.all(np.isfinite(found)):
            return float("nan")
        return float(metric(y, found, sample_weight=sample_weight))

    def check_gradient(self, X: Any, y: Any, sample_weight: Any = None) -> GradientCheck:
        """Compare the gradient of the loss with differences of the loss, layer by layer.

        Parameters
        ----------
        X : (N, n_features)
        y : (N,) or (N, outputs)
            As for ``fit``; all classes must be known.
        sample_weight : (N,), optional

        Returns
        -------
        GradientCheck
            The largest relative error of each layer; see `xpnet.gradient_check`. The penalty is not
            included.
        """
        check_is_fitted(self)
        X, y = self._later(X, y)
        net = self.network_
        assert net.loss is not None
        return gradient_check(net, X, self._encode(y, net.loss), sample_weight)

    def to_sklearn(self) -> Any:
        """Return scikit-learn's estimator with the same parameters, weights, records and state.

        Raises
        ------
        ValueError
            A setting that scikit-learn does not have is in use, such as ``dropout``.
        """
        from xpnet.estimators.convert import to_sklearn

        return to_sklearn(self)

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
        return tags


def _by_rows(X: Any) -> Any:
    """X, if it is sparse in a form whose rows are found fast."""
    return X.tocsr() if issparse(X) else X
