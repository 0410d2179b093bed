"""Hidden activations of a network as features for the next step of a pipeline."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from xpnet.equations.parameters import n_networks
from xpnet.estimators.base import BaseMLP
from xpnet.estimators.settings import hidden_sizes
from xpnet.layers import Dense
from xpnet.network import Network
from xpnet.typing import Host

__all__ = ["HiddenActivations"]


class HiddenActivations(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, MetaEstimatorMixin, BaseEstimator
):
    """A transformer that trains an MLP, and returns the outputs of one of its hidden layers.

    The MLP learns from y, in a pipeline on the training rows only. A fitted MLP that is to stay as
    it is goes into scikit-learn's ``FrozenEstimator``.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        It is cloned.
    layer : int, default=-1
        Counts the hidden dense layers from 0, or from the end.

    Attributes
    ----------
    estimator_ : MLPClassifier or MLPRegressor
        The fitted clone.
    n_features_in_, feature_names_in_
        Those of ``estimator_``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from xpnet.estimators import HiddenActivations, MLPRegressor
    >>> X = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> network = MLPRegressor(hidden_layer_sizes=(9, 4), solver="lbfgs", random_state=0)
    >>> model = make_pipeline(HiddenActivations(network), LinearRegression())
    >>> model.fit(X, X[:, 0] ** 2)[0].transform(X).shape
    (50, 4)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": "no_validation",
        "layer": [Integral],
    }

    def __init__(self, estimator: Any, *, layer: int = -1) -> None:
        self.estimator = estimator
        self.layer = layer

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit a clone of ``estimator``.

        Parameters
        ----------
        X, y, sample_weight
            As for ``estimator``.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            ``estimator`` is no MLP of xpnet.
        IndexError
            It has no such hidden layer.
        """
        found = clone(self.estimator)
        _check_layer(_mlp_in(found), self.layer)
        self.estimator_ = found.fit(X, y, **_if_given(sample_weight))
        return self

    @available_if(lambda self: hasattr(self.estimator, "partial_fit"))
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, **others: Any) -> Any:
        """Train on by one epoch, as `MLPClassifier.partial_fit`.

        Parameters
        ----------
        X, y, sample_weight, others
            As for ``estimator``.

        Returns
        -------
        self
        """
        found = self.estimator_ if hasattr(self, "estimator_") else clone(self.estimator)
        _check_layer(_mlp_in(found), self.layer)
        self.estimator_ = found.partial_fit(X, y, **_if_given(sample_weight), **others)
        return self

    def transform(self, X: Any) -> Host:
        """Return the activations of the layer, (N, width); see `MLPClassifier.activations`."""
        check_is_fitted(self)
        return _mlp_in(self.estimator_).activations(X, self.layer)

    @property
    def n_features_in_(self) -> int:
        """The number of columns of X."""
        return int(self._of_fitted("n_features_in_"))

    @property
    def feature_names_in_(self) -> Host:
        """The names of the columns of X, if it was a data frame."""
        return np.asarray(self._of_fitted("feature_names_in_"))

    def _of_fitted(self, name: str) -> Any:
        if "estimator_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {name} before fit")
        return getattr(self.estimator_, name)

    @property
    def _n_features_out(self) -> int:
        net = _mlp_in(self.estimator_)._state
        return int(_hidden_of(net)[self.layer].fan_out) * n_networks(net.parameters)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        return tags


def _if_given(sample_weight: Any) -> dict[str, Any]:
    return {} if sample_weight is None else {"sample_weight": sample_weight}


def _hidden_of(net: Network) -> list[Any]:
    return [layer for layer in net.layers[:-1] if layer.kind == "dense"]


def _check_layer(mlp: BaseMLP, layer: int) -> None:
    """Raise IndexError, before any training, if there is no such hidden layer."""
    if hasattr(mlp, "coefs_"):
        n = len(_hidden_of(mlp._state))
    elif mlp.layers is None:
        n = len(hidden_sizes(mlp.hidden_layer_sizes))
    else:
        n = sum(isinstance(own, (Integral, Dense)) for own in mlp.layers)
    if not -n <= layer < n:
        raise IndexError(
            f"there is no hidden dense layer {layer}: the network has {n}, counted from 0"
        )


def _mlp_in(estimator: Any) -> BaseMLP:
    """The MLP itself, which may be within a `FrozenEstimator`."""
    found = getattr(estimator, "estimator", estimator)
    if not isinstance(found, BaseMLP):
        raise TypeError(
            "HiddenActivations takes an MLPClassifier or MLPRegressor of xpnet.estimators, got "
            f"{type(found).__name__}"
        )
    return found
