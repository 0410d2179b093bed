"""scikit-learn's own checks of all estimators: they pass, but for one that dropout excludes."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import check_param_validation, parametrize_with_checks

from tests.support.sklearn_versions import VERSION
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


def of_old_versions(estimator, check):
    """Why a check with X of another array library cannot pass with an older scikit-learn, or ""."""
    library = getattr(check, "keywords", {}).get("array_namespace") or "numpy"
    if "numpy" in library or not isinstance(estimator, (MLPClassifier, MLPRegressor)):
        return ""
    if VERSION < (1, 7) and library == "array_api_strict":
        return "scikit-learn 1.6 sets it to the standard of 2023: maximum takes no number"
    if VERSION < (1, 9) and isinstance(estimator, MLPClassifier):
        return "before 1.9, scikit-learn asks for classes_ in the library of X"
    return ""


@pytest.fixture(autouse=True)
def with_array_libraries(monkeypatch):
    """scikit-learn skips its checks of array libraries without this variable."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@pytest.mark.slow
@parametrize_with_checks(VARIANTS, expected_failed_checks=impossible)
def test_scikit_learns_checks(estimator, check):
    if reason := of_old_versions(estimator, check):
        pytest.skip(reason)
    check(estimator)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor])
def test_every_parameter_is_checked(kind):
    check_param_validation(kind.__name__, kind())
