"""Estimators for scikit-learn: networks with its parameters, methods, attributes and conventions.

    from xpnet.estimators import MLPClassifier, MLPRegressor

replaces ``from sklearn.neural_network import MLPClassifier, MLPRegressor``. An estimator chooses
the initial weights, the order of examples and the settings as scikit-learn does, from the same
random state. Passes, losses and updates are those of `xpnet.Network`.
"""

from __future__ import annotations

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        'xpnet.estimators needs scikit-learn 1.6 or newer: pip install "xpnet[sklearn]"'
    ) from error

from xpnet.estimators.classifier import MLPClassifier
from xpnet.estimators.convert import from_sklearn
from xpnet.estimators.hidden import HiddenActivations
from xpnet.estimators.regressor import MLPRegressor
from xpnet.estimators.tabular import TabularClassifier, TabularRegressor

__all__ = [
    "HiddenActivations",
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "from_sklearn",
]
