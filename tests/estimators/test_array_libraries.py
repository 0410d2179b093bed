"""X of other array libraries: under scikit-learn's dispatch everything follows it to its device."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn
from sklearn import config_context

from tests.support.estimators import CLASSES, NUMBERS, X, classifier, regressor
from tests.support.helpers import needed
from tests.support.sklearn_versions import VERSION
from xpnet.backends import backend_of, get_backend, to_numpy
from xpnet.estimators import HiddenActivations

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CODES = np.unique(CLASSES, return_inverse=True)[1]
PLACES = [("torch", "cpu"), ("array-api-strict", "CPU_DEVICE"), ("array-api-strict", "device1")]


@pytest.fixture(params=PLACES, ids=lambda place: " on ".join(place))
def place(request):
    name, device = request.param
    if name == "array-api-strict" and VERSION < (1, 7):
        pytest.skip("scikit-learn 1.6 sets it to the standard of 2023: maximum takes no number")
    needed(name.replace("-", "_"))
    if name == "array-api-strict" and sklearn.__version__.startswith("1.6."):
        pytest.skip("scikit-learn 1.6 sets it to the standard of 2022, without maximum(x, 0.0)")
    return get_backend(name, device)


@pytest.fixture
def dispatching(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # scikit-learn asks for it
    with config_context(array_api_dispatch=True):
        yield


SETTINGS = [{}, {"early_stopping": True}, {"n_ensemble": 2}]


@pytest.mark.usefixtures("dispatching")
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_everything_follows_x(place, settings):
    x, y = map(place.from_numpy, (X, CODES))
    w = np.random.default_rng(0).uniform(0.5, 2.0, 80)
    expected = classifier(**settings).fit(X, CODES, w)
    model = classifier(**settings).fit(x, y, place.from_numpy(w))
    net = model.stack_[0] if "n_ensemble" in settings else model.network_
    assert (net.backend.name, net.device) == (place.name, place.device)
    for method in ("predict", "predict_proba", "predict_log_proba", "activations"):
        found = getattr(model, method)(x)
        assert place.owns(found)
        assert place.is_here(found)
        np.testing.assert_allclose(to_numpy(found), getattr(expected, method)(X), atol=1e-12)
    assert model.score(x, y) == expected.score(X, CODES)
    if "early_stopping" not in settings:
        expected.partial_fit(X, CODES, w)
        model.partial_fit(x, y, place.from_numpy(w))
        np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], atol=1e-12)


@pytest.mark.usefixtures("dispatching")
def test_numbers_and_held_out_rows_follow_too(place):
    x, y = map(place.from_numpy, (X, NUMBERS))
    held = x[60:, :], NUMBERS[60:]
    model = regressor(early_stopping=True, monitor="neg_mean_absolute_error")
    model.fit(x[:60, :], y[:60], validation_data=held)
    expected = regressor(early_stopping=True, monitor="neg_mean_absolute_error")
    expected.fit(X[:60], NUMBERS[:60], validation_data=(X[60:], NUMBERS[60:]))
    np.testing.assert_allclose(model.validation_scores_, expected.validation_scores_, rtol=1e-12)
    ends = model.predict_interval(x, 0.8)
    assert place.is_here(ends)
    np.testing.assert_allclose(to_numpy(ends), expected.predict_interval(X, 0.8), rtol=1e-9)
    assert model.score(x, y) == pytest.approx(expected.score(X, NUMBERS))


@pytest.mark.usefixtures("dispatching")
def test_text_labels_stay_on_the_host(place):
    x = place.from_numpy(X)
    model = classifier().fit(x, CLASSES)
    np.testing.assert_array_equal(model.predict(x), classifier().fit(X, CLASSES).predict(X))
    hidden = HiddenActivations(classifier()).fit(x, CLASSES)
    assert place.is_here(hidden.transform(x))


@pytest.mark.usefixtures("dispatching")
def test_a_prediction_needs_x_where_the_fit_had_it(place):
    x = place.from_numpy(X)
    model = pickle.loads(pickle.dumps(classifier().fit(x, CODES)))
    np.testing.assert_array_equal(to_numpy(model.predict(x)), classifier().fit(X, CODES).predict(X))
    with pytest.raises(ValueError, match=r"predict_proba\(\) must use the same namespace"):
        model.predict_proba(X)


@pytest.mark.usefixtures("dispatching")
def test_an_explicit_backend_stays():
    torch = needed("torch")
    x = torch.asarray(X)
    strict = classifier(backend="array-api-strict").fit(x, CODES)
    assert strict.network_.backend.name == "array-api-strict"
    assert backend_of(strict.predict(x)).name == "torch"


def test_an_array_on_a_device_needs_dispatch():
    """array-api-strict's second device refuses copies to NumPy, as a GPU's arrays do."""
    x = get_backend("array-api-strict", "device1").from_numpy(X)
    model = classifier().fit(X, CODES)
    for call in (lambda: classifier().fit(x, CODES), lambda: model.predict(x)):
        with pytest.raises(TypeError, match=r"X lies on device1, .*array_api_dispatch.*to_numpy"):
            call()
