"""Hidden activations: the outputs of hidden layers, as features of a pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.support.estimators import CLASSES, NUMBERS, X, classifier, regressor
from tests.support.tables import frame_of
from xpnet.estimators import HiddenActivations
from xpnet.layers import BatchNorm, Dense

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TWO = {"hidden_layer_sizes": (6, 3), "activation": "tanh"}


def by_hand(model, layer):
    A = X
    for W, b in zip(model.coefs_[: layer + 1], model.intercepts_, strict=False):
        A = np.tanh(A @ W + b)
    return A


def test_activations_are_those_of_the_equations(backend):
    model = classifier(**TWO, dropout=0.5, backend=backend.name, dtype="float64").fit(X, CLASSES)
    for layer in (0, 1):
        np.testing.assert_allclose(model.activations(X, layer), by_hand(model, layer), atol=1e-12)
        np.testing.assert_array_equal(model.activations(X, layer), model.activations(X, layer - 2))
    np.testing.assert_allclose(
        model.activations(sparse.csr_array(X)), model.activations(X), atol=1e-12
    )
    for wrong in (2, -3):
        with pytest.raises(IndexError, match=f"no hidden dense layer {wrong}: the network has 2"):
            model.activations(X, wrong)


def test_statistics_of_later_layers_do_not_matter():
    layers = [Dense(5, "tanh"), BatchNorm(), Dense(4, "tanh"), BatchNorm()]
    model = regressor(layers=layers).fit(X, NUMBERS)
    np.testing.assert_allclose(model.activations(X, 0), by_hand(model, 0), atol=1e-12)
    assert model.activations(X).shape == (80, 4)


def test_those_of_an_ensemble_stand_side_by_side():
    model = classifier(**TWO, n_ensemble=2).fit(X, CLASSES)
    each = [model.stack_[r].activations(X) for r in range(2)]
    np.testing.assert_allclose(model.activations(X), np.hstack(each), atol=1e-14)
    hidden = HiddenActivations(classifier(**TWO, n_ensemble=2)).fit(X, CLASSES)
    assert hidden.get_feature_names_out().tolist() == [f"hiddenactivations{k}" for k in range(6)]


def test_a_step_of_a_pipeline_is_searched():
    model = make_pipeline(
        StandardScaler(), HiddenActivations(classifier(**TWO)), LogisticRegression()
    )
    grid = {"hiddenactivations__layer": [0, -1], "hiddenactivations__estimator__alpha": [0.0, 0.1]}
    search = GridSearchCV(model, grid, cv=2).fit(X, CLASSES)
    assert search.best_score_ > 0.4
    frame = frame_of("pandas", dict(zip("pqrs", X.T, strict=True)))
    out = clone(model).set_output(transform="pandas").fit(frame, CLASSES)[:-1].transform(frame)
    assert out.shape == (80, 3)
    assert list(out) == [f"hiddenactivations{k}" for k in range(3)]


def test_a_frozen_network_stays_as_it_is():
    frozen = pytest.importorskip("sklearn.frozen", reason="scikit-learn has it since 1.6")
    fitted = classifier(**TWO).fit(X, CLASSES)
    hidden = HiddenActivations(frozen.FrozenEstimator(fitted)).fit(X[:5], CLASSES[:5])
    np.testing.assert_array_equal(hidden.transform(X), fitted.activations(X))


def test_partial_fits_and_weights_reach_the_network():
    w = np.random.default_rng(0).uniform(0.5, 2.0, 80)
    hidden = HiddenActivations(regressor(**TWO)).fit(X, NUMBERS, w).partial_fit(X, NUMBERS, w)
    alone = regressor(**TWO).fit(X, NUMBERS, w).partial_fit(X, NUMBERS, w)
    np.testing.assert_array_equal(hidden.transform(X), alone.activations(X))
    assert not hasattr(HiddenActivations(regressor(solver="lbfgs")), "partial_fit")


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match=r"takes an MLPClassifier .* got LogisticRegression"):
        HiddenActivations(LogisticRegression()).fit(X, CLASSES)


@pytest.mark.parametrize(
    "settings", [{}, {"layers": [5, Dense(4), BatchNorm()], "layer": 2}], ids=["widths", "layers"]
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_layer_that_is_not_there_is_an_error_before_the_training(settings, method):
    layer = settings.get("layer", 1)
    of_network = {name: value for name, value in settings.items() if name != "layer"}
    network = classifier(callbacks=lambda *_: pytest.fail("it trains"), **of_network)
    given = {"classes": ["a", "b", "c"]} if method == "partial_fit" else {}
    for wrong in (layer, -layer - 1):
        with pytest.raises(IndexError, match=f"no hidden dense layer {wrong}: .* has {layer}"):
            getattr(HiddenActivations(network, layer=wrong), method)(X, CLASSES, **given)
