"""scikit-learn's own checks of all estimators: they pass, but for one that dropout excludes."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import check_param_validation, parametrize_with_checks

from xpnet.estimators import (
    HiddenActivations,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
)

VARIANTS = [
    MLPClassifier(max_iter=100),
    MLPClassifier(solver="sgd", max_iter=100),
    MLPClassifier(solver="lbfgs", max_iter=100),
    MLPClassifier(dropout=0.1, max_iter=100),
    MLPClassifier(n_ensemble=2, max_iter=100),
    MLPRegressor(n_ensemble=2, max_iter=100),
    MLPRegressor(max_iter=100),
    MLPRegressor(solver="sgd", max_iter=100),
    MLPRegressor(solver="lbfgs", max_iter=100),
    MLPRegressor(dropout=0.1, max_iter=100),
    HiddenActivations(MLPRegressor(solver="lbfgs", max_iter=100, random_state=0)),
    TabularClassifier(quick=True, dtype="float64"),
    TabularClassifier(epochs=32, dtype="float64"),
    TabularRegressor(quick=True, dtype="float64"),
    TabularRegressor(epochs=32, dtype="float64"),
]

# the checks fit small data for 100 epochs, after which most are still improving
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def impossible(estimator):
    """An example that is there twice has two dropout masks, but one of weight 2 has one.

    The same holds for its places in the quantiles of a table's columns.
    """
    if isinstance(estimator, (TabularClassifier, TabularRegressor)):
        kinds = ["dense"]  # the recipe for tables drops out
    else:
        kinds = ["dense", "sparse"] if getattr(estimator, "dropout", 0.0) else []
    name = "check_sample_weight_equivalence_on_{}_data"
    return {name.format(kind): "dropout masks an example, not a weight" for kind in kinds}


@pytest.fixture(autouse=True)
def with_array_libraries(monkeypatch):
    """scikit-learn skips its checks of array libraries without this variable."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@pytest.mark.slow
@parametrize_with_checks(VARIANTS, expected_failed_checks=impossible)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor])
def test_every_parameter_is_checked(kind):
    check_param_validation(kind.__name__, kind())
