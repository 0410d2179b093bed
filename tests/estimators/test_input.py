"""Backends, dtypes, sparse examples, labels and weights; pipelines."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.support.estimators import CLASSES, NUMBERS, RNG, X, classifier, regressor
from tests.support.tables import frame_of
from xpnet.backends import to_numpy

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# --- backends and dtypes


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_every_backend_takes_the_same_steps(backend, solver):
    expected = classifier(solver=solver).fit(X, CLASSES)
    found = classifier(solver=solver, backend=backend.name, dtype="float64").fit(X, CLASSES)
    assert found.network_.backend.name == backend.name
    for a, b in zip(found.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))
    found.partial_fit(X, CLASSES)
    expected.partial_fit(X, CLASSES)
    np.testing.assert_allclose(found.coefs_[0], expected.coefs_[0], atol=1e-12)


def test_lbfgs_on_a_device_is_xpnets_own(backend):
    settings = {"solver": "lbfgs", "max_iter": 60, "activation": "tanh", "dtype": "float64"}
    expected = regressor(**settings).fit(X, NUMBERS)
    found = regressor(backend=backend.name, **settings).fit(X, NUMBERS)
    assert found.loss_ == pytest.approx(expected.loss_, rel=0.2)
    assert 1 < found.n_iter_ <= 60


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_that_of_the_network(dtype):
    model = regressor(dtype=dtype).fit(X.astype("float32"), NUMBERS)
    assert model.predict(X).dtype == model.coefs_[0].dtype == dtype


# --- input


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "csr_matrix"])
@pytest.mark.parametrize("settings", [{}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str)
def test_sparse_and_dense_examples_give_the_same_fit(kind, settings):
    dense = np.where(np.abs(X) > 0.8, X, 0.0)
    rows = getattr(sparse, kind)(dense)
    w = RNG.uniform(0.5, 2.0, 80)
    a, b = (classifier(**settings).fit(x, CLASSES, w) for x in (dense, rows))
    np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], atol=1e-10)
    np.testing.assert_allclose(a.predict_log_proba(dense), b.predict_log_proba(rows), atol=1e-9)
    if not settings:
        held = (rows, CLASSES, w)
        again = classifier().fit(rows, CLASSES, w, validation_data=held)
        np.testing.assert_array_equal(again.coefs_[0], b.coefs_[0])
        a.partial_fit(dense, CLASSES)
        np.testing.assert_allclose(a.coefs_[0], b.partial_fit(rows, CLASSES).coefs_[0], atol=1e-10)


def test_a_batch_of_weight_zero_is_named():
    w = np.where(np.arange(80) < 40, 0.0, 1.0)
    with pytest.raises(ValueError, match="weights of a batch sum to 0"):
        classifier(batch_size=20, shuffle=False).fit(X, CLASSES, w)


def test_unknown_labels_are_named():
    model = classifier().fit(X, CLASSES)
    with pytest.raises(ValueError, match=r"classes that the first fit did not: \['d'\]"):
        model.partial_fit(X[:3], ["a", "d", "b"])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "activations", "partial_fit"])
def test_columns_out_of_order_are_named(method):
    data = dict(zip("pqrs", X.T, strict=True))
    model = classifier().fit(frame_of("pandas", data), CLASSES)
    turned = frame_of("pandas", {name: data[name] for name in "prqs"})
    y = (CLASSES,) if method == "partial_fit" else ()
    with pytest.raises(ValueError, match=r"same order(.|\n)*'r' is in the place of 'q'"):
        getattr(model, method)(turned, *y)


def test_without_convergence_there_is_a_warning_and_after_it_none(recwarn):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(8\) reached"):
        classifier().fit(X, CLASSES)
    recwarn.clear()
    classifier(max_iter=3000, tol=0.05).fit(X, CLASSES)
    assert not [w for w in recwarn if issubclass(w.category, ConvergenceWarning)]


def test_a_search_in_a_pipeline():
    model = make_pipeline(StandardScaler(), classifier(max_iter=40, learning_rate_init=0.02))
    grid = {"mlpclassifier__dropout": [0.0, 0.2], "mlpclassifier__alpha": [1e-4, 1e-1]}
    search = GridSearchCV(model, grid, cv=3).fit(X, CLASSES)
    assert search.best_score_ > 0.4
    assert to_numpy(search.best_estimator_[-1].network_.parameters).size > 0


@pytest.mark.parametrize(("make", "y"), [(classifier, CLASSES), (regressor, NUMBERS)])
def test_weights_beyond_float64_are_refused_and_nothing_changes(make, y):
    model = make().fit(X, y)
    before = [W.copy() for W in model.coefs_]
    for call in (model.fit, model.partial_fit, model.check_gradient):
        with pytest.raises(ValueError, match="sample_weight must be numbers that float64 can hold"):
            call(X, y, sample_weight=10**400)
    for W, same in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, same)


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_integers_beyond_float64_are_refused(name):
    given = {"X": X, "y": NUMBERS, "sample_weight": np.ones(80)}
    given[name] = [[10**400] * 4] * 80 if name == "X" else [10**400] * 80
    with pytest.raises(ValueError, match="must be numbers that float64 can hold"):
        regressor().fit(**given)
