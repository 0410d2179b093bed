"""A fitted estimator: its network, the lists of weights, and outputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from xpnet.backends import to_numpy
from xpnet.backends.sparse import SparseRows
from xpnet.estimators.ensemble import AnyWeights, EnsembleWeights
from xpnet.estimators.feature_order import order_named
from xpnet.estimators.placement import followed, in_library_of_X
from xpnet.estimators.rows import checked_weights
from xpnet.estimators.weights import Weights
from xpnet.losses import Loss
from xpnet.network import Network, Stack
from xpnet.network.gradient_check import GradientCheck, gradient_check
from xpnet.typing import Host

__all__ = ["Fitted"]

_NUMBERS = 2**21
"""The numbers in a part of a sparse X, once it is dense."""


class Fitted(BaseEstimator):
    """What `BaseMLP` can do once it is fitted."""

    _weights: AnyWeights

    # --- the parameters that a fit finds

    @property
    def coefs_(self) -> list[Host]:
        """W_1ᵀ … W_Lᵀ of the dense layers, each (fan_in, fan_out).

        On NumPy they are views of the network's parameters; else they are read-only copies. Of an
        ensemble they are a tuple of read-only copies (n_ensemble, fan_in, fan_out).
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
        """The fitted `xpnet.Network`, not a copy: gradients, `explain`, files, other backends.

        An ensemble has a ``stack_`` instead.
        """
        return self._fitted_weights("network_").network

    @property
    def stack_(self) -> Stack:
        """The fitted `xpnet.Stack` of an ensemble, not a copy; ``stack_[r]`` copies network r."""
        found = self._fitted_weights("stack_")
        if not isinstance(found, EnsembleWeights):
            raise AttributeError("there is no stack_ with n_ensemble=1, but a network_")
        return found.stack

    def _fitted_weights(self, name: str) -> AnyWeights:
        found: AnyWeights | None = self.__dict__.get("_weights")
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no {name} before fit")
        return found

    # --- for outputs

    @abstractmethod
    def _later(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Check examples that are not trained on."""

    @abstractmethod
    def _encode(self, y: Any, loss: Loss) -> Host:
        """Return the targets that the loss takes."""

    @abstractmethod
    def _decode(self, A: Host) -> Any:
        """Return the predictions from the outputs A (N, n_L)."""

    # --- outputs

    @in_library_of_X
    def activations(self, X: Any, layer: int = -1) -> Host:
        """Return the outputs of a hidden layer, (N, width), as predictions compute them.

        Parameters
        ----------
        X : (N, n_features)
        layer : int, default=-1
            Counts the hidden dense layers from 0, or from the end. Of an ensemble, the networks'
            activations stand side by side, (N, n_ensemble · width).

        Raises
        ------
        IndexError
            There is no such layer.
        """
        found = self._outputs(X, run=partial(Network.activations, layer=layer))
        return found if found.ndim == 2 else np.concatenate(list(found), axis=1)

    def _outputs(
        self, X: Any, check_input: bool = True, run: Callable[..., Any] = Network.predict
    ) -> Host:
        """What ``run`` computes from X, A_L or Z_L, as a new host array.

        It is (N, n_L), or (R, N, n_L) of an ensemble.
        """
        check_is_fitted(self)
        if check_input:
            followed(X)  # an X on a device is an error without dispatch
            with order_named(self, X):
                X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self._state
        if not issparse(X):
            return to_numpy(run(net, X))
        n, rows = max(1, _NUMBERS // X.shape[1]), SparseRows(X, net.dtype)
        parts = [to_numpy(run(net, rows[k : k + n])) for k in range(0, len(rows), n)]
        return np.concatenate(parts, axis=-2)

    def _logits(self, X: Any) -> Host:
        """Z_L, shaped as `_outputs`."""
        return self._outputs(X, run=Network.logits)

    @property
    def _state(self) -> Network:
        """The network with what users replaced; of an ensemble all networks, with θ (R, P)."""
        found = self._fitted_weights("network_")
        return found.state if isinstance(found, EnsembleWeights) else found.network

    def _mean_outputs(self, X: Any, check_input: bool = True) -> Host:
        """A_L (N, n_L), averaged over an ensemble."""
        A = self._outputs(X, check_input)
        return A if A.ndim == 2 else np.asarray(A.mean(axis=0))

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        return self._decode(self._mean_outputs(X, check_input))

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
            A sparse X is made dense as a whole.
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
        w = None if sample_weight is None else checked_weights(sample_weight, X)
        return gradient_check(net, _dense(X), self._encode(y, net.loss), w)

    def to_sklearn(self) -> Any:
        """Return scikit-learn's estimator with the same parameters, weights, records and state.

        Raises
        ------
        ValueError
            A setting that scikit-learn does not have is in use, such as ``dropout``.
        """
        from xpnet.estimators.convert import to_sklearn

        return to_sklearn(self)


def _dense(X: Any) -> Any:
    return X.toarray() if issparse(X) else X
