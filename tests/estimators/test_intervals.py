"""Intervals of a regressor: they cover new examples as often as asked, from held-out ones."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.support.estimators import NUMBERS, X, classifier, regressor
from xpnet.estimators import TabularRegressor
from xpnet.losses import GaussianNLL

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(3)


def drawn(n):
    """Examples whose noise depends on nothing: y = 2 x_0 + noise."""
    x = RNG.normal(size=(n, 2))
    return x, 2.0 * x[:, 0] + RNG.standard_t(4, n)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_cover_new_examples(coverage):
    train, held, new = drawn(300), drawn(400), drawn(4000)
    model = regressor(solver="sgd", max_iter=20).fit(*train, validation_data=held)
    ends = model.predict_interval(new[0], coverage)
    found = np.mean((ends[:, 0] <= new[1]) & (new[1] <= ends[:, 1]))
    # the coverage over draws of 400 residuals has the standard deviation √(c (1 − c) / 402)
    assert abs(found - coverage) < 4 * np.sqrt(coverage * (1 - coverage) / 402)


def test_the_half_width_is_an_order_statistic():
    model = regressor().fit(X[:60], NUMBERS[:60], validation_data=(X[60:], NUMBERS[60:]))
    errors = np.sort(np.abs(NUMBERS[60:] - model.predict(X[60:])))
    ends = model.predict_interval(X, 0.8)
    k = int(np.ceil(21 * 0.8))
    np.testing.assert_allclose(ends[:, 1] - ends[:, 0], 2 * errors[k - 1])
    np.testing.assert_allclose(ends.mean(axis=1), model.predict(X))
    twice = regressor().fit(
        X[:60], NUMBERS[:60], validation_data=(X[60:], NUMBERS[60:], np.full(20, 2.0))
    )
    np.testing.assert_array_equal(twice.predict_interval(X, 0.8), ends)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_interval(X), model.predict_interval(X))


@pytest.mark.parametrize("settings", [{"n_ensemble": 2}, {"loss": GaussianNLL()}, {}], ids=str)
def test_early_stopping_holds_rows_out(settings):
    Y = np.stack([NUMBERS, 10 * NUMBERS], axis=1)
    model = regressor(early_stopping=True, validation_fraction=0.25, **settings).fit(X, Y)
    ends = model.predict_interval(X)
    assert ends.shape == (80, 2, 2)
    np.testing.assert_allclose(ends.mean(axis=-1), model.predict(X))
    assert np.all(np.ptp(ends, axis=-1) > 0)


def test_a_fit_without_held_out_rows_has_no_intervals():
    held = X[60:], NUMBERS[60:]
    model = regressor().fit(X[:60], NUMBERS[:60], validation_data=held)
    model.partial_fit(X, NUMBERS, validation_data=held).predict_interval(X)
    with pytest.raises(ValueError, match="no rows were held out to measure errors on: fit with"):
        model.partial_fit(X, NUMBERS).predict_interval(X)
    with pytest.raises(ValueError, match="no rows were held out"):
        regressor(solver="lbfgs").fit(X, NUMBERS).predict_interval(X)
    assert not hasattr(classifier(), "predict_interval")
    assert hasattr(TabularRegressor(), "predict_interval")


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1, "most", None, np.nan])
def test_a_coverage_lies_between_0_and_1(coverage):
    model = regressor().fit(X, NUMBERS, validation_data=(X[60:], NUMBERS[60:]))
    with pytest.raises(ValueError, match="coverage must lie between 0 and 1"):
        model.predict_interval(X, coverage)


def test_a_coverage_that_needs_more_rows_is_refused():
    model = regressor().fit(X, NUMBERS, validation_data=(X[60:], NUMBERS[60:]))
    with pytest.raises(ValueError, match=r"at most 0\.952381 with 20 rows held out, got 0\.96"):
        model.predict_interval(X, 0.96)
