"""scikit-learn's own checks of estimators: all pass, but for one that dropout excludes."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import check_param_validation, parametrize_with_checks

from xpnet.estimators import MLPClassifier, MLPRegressor

VARIANTS = [
    MLPClassifier(max_iter=100),
    MLPClassifier(solver="sgd", max_iter=100),
    MLPClassifier(solver="lbfgs", max_iter=100),
    MLPClassifier(dropout=0.1, max_iter=100),
    MLPRegressor(max_iter=100),
    MLPRegressor(solver="sgd", max_iter=100),
    MLPRegressor(solver="lbfgs", max_iter=100),
    MLPRegressor(dropout=0.1, max_iter=100),
]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def impossible(estimator):
    """With dropout, an example that is there twice has two masks, but one of weight 2 has one."""
    name = "check_sample_weight_equivalence_on_{}_data"
    kinds = ("dense", "sparse") if estimator.dropout else ()
    return {name.format(kind): "dropout masks an example, not a weight" for kind in kinds}


@pytest.mark.slow
@parametrize_with_checks(VARIANTS, expected_failed_checks=impossible)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_every_parameter_is_checked(kind):
    check_param_validation(kind.__name__, kind())
