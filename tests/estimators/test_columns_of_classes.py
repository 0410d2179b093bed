"""y with several columns of classes: a softmax head for each."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score

import xpnet
from tests.support.estimators import CLASSES, NUMBERS, X, classifier
from tests.support.tables import frame_of
from xpnet.losses import CrossEntropy, MultiCrossEntropy

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SIZES = np.asarray(["low", "middle", "high", "top"])[np.digitize(X[:, 2], [-1.0, 0.0, 1.0])]
Y = np.stack([CLASSES, SIZES], axis=1)
CODES = np.stack([np.unique(own, return_inverse=True)[1] for own in Y.T], axis=1)
LONG = {"learning_rate_init": 0.05, "max_iter": 60}


@pytest.mark.parametrize("settings", [{}, {"n_ensemble": 2}, {"solver": "lbfgs"}], ids=str)
def test_each_column_is_learned(settings):
    model = classifier(**{**LONG, **settings}).fit(X, Y)
    assert [own.tolist() for own in model.classes_] == [np.unique(own).tolist() for own in Y.T]
    found, P, log_P = model.predict(X), model.predict_proba(X), model.predict_log_proba(X)
    assert found.shape == Y.shape
    assert [own.shape for own in P] == [(80, 3), (80, 4)]
    for t in range(2):
        assert np.mean(found[:, t] == Y[:, t]) > 0.7
        np.testing.assert_array_equal(found[:, t], model.classes_[t][P[t].argmax(axis=1)])
        np.testing.assert_allclose(P[t].sum(axis=1), 1.0, rtol=1e-12)
        np.testing.assert_allclose(np.exp(log_P[t]), P[t], rtol=1e-12, atol=1e-300)
    both = np.all(found == Y, axis=1)
    assert model.score(X, Y) == np.mean(both)
    w = np.random.default_rng(0).uniform(size=80)
    assert model.score(X, Y, w) == pytest.approx(np.average(both, weights=w))


def test_the_loss_is_the_sum_over_columns(backend):
    model = classifier(alpha=0.0, backend=backend.name, dtype="float64")
    model.fit(X, Y, validation_data=(X, Y))
    expected = sum(log_loss(Y[:, t], own) for t, own in enumerate(model.predict_proba(X)))
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-9)
    assert max(model.check_gradient(X[:20], Y[:20])) < 1e-6


def test_the_network_is_xpnets_with_heads():
    model = classifier(shuffle=False, alpha=0.0).fit(X, CODES)
    net = xpnet.Network([4, 6, 7], loss=MultiCrossEntropy((3, 4)), dtype="float64")
    start = classifier(max_iter=1, learning_rate_init=1e-300).fit(X, CODES)
    net.set_parameters(start.network_.parameters)
    adam = xpnet.optimizers.Adam(1e-3, epsilon_last=True)
    net.fit(X, CODES, epochs=8, batch_size=80, shuffle=False, optimizer=adam)
    np.testing.assert_allclose(model.network_.parameters, net.parameters, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), net.predict_classes(X))


def test_weights_of_classes_multiply_over_columns():
    weights = [{"a": 1.0, "b": 2.0, "c": 3.0}, {"low": 1.0, "middle": 1.0, "high": 4.0, "top": 1.0}]
    w = np.array([weights[0][a] * weights[1][b] for a, b in Y])
    a, b = classifier(class_weight=weights).fit(X, Y), classifier().fit(X, Y, w)
    np.testing.assert_array_equal(a.coefs_[0], b.coefs_[0])


def test_partial_fits_need_the_classes_of_each_column():
    classes = [["a", "b", "c"], ["high", "low", "middle", "top"]]
    model = classifier()
    for rows in np.array_split(np.argsort(SIZES), 4):
        model.partial_fit(X[rows], Y[rows], classes=classes)
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(copy.coefs_[0], model.coefs_[0])
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, Y, classes=[["a", "b"], classes[1]])
    with pytest.raises(ValueError, match=r"`y\[:, 1\]` has classes that .* not: \['new'\]"):
        model.partial_fit(X[:1], [["a", "new"]])
    with pytest.raises(ValueError, match="y must have 2 columns"):
        model.partial_fit(X, CLASSES)


def test_early_stopping_and_cross_validation_score_whole_rows():
    model = classifier(**LONG, early_stopping=True, validation_fraction=0.5).fit(X, Y)
    assert {round(40 * score, 9) % 1 for score in model.validation_scores_} == {0}
    scores = cross_val_score(classifier(**LONG), X, Y, cv=2)
    assert np.all(scores > 0.2)


def test_a_column_of_one_class_is_certain():
    one = np.stack([CLASSES, np.full(80, "same"), SIZES], axis=1)
    model = classifier().fit(X, one)
    assert np.all(model.predict(X)[:, 1] == "same")
    np.testing.assert_array_equal(model.predict_proba(X)[1], np.ones((80, 1)))


def test_losses_and_conversions_that_do_not_fit():
    smoothed = classifier(loss=MultiCrossEntropy((3, 4), label_smoothing=0.1)).fit(X, Y)
    assert smoothed.network_.loss is MultiCrossEntropy((3, 4), label_smoothing=0.1)
    for loss in (CrossEntropy(0.1), "cross_entropy", MultiCrossEntropy((4, 3))):
        with pytest.raises(ValueError, match=r"or MultiCrossEntropy\(\(3, 4\)\)"):
            classifier(loss=loss).fit(X, Y)
    with pytest.raises(ValueError, match="no equal of several columns of classes"):
        smoothed.set_params(loss="log_loss").to_sklearn()


# --- columns of different types


def test_a_frame_may_have_text_beside_numbers_and_truth_values():
    numbers, truths = CODES[:, 1] * 10, NUMBERS > 0
    frame = frame_of("pandas", {"u": CLASSES, "v": numbers, "w": truths})
    model = classifier(**LONG).fit(X, frame)
    text = classifier(**LONG).fit(X, np.c_[CLASSES, CODES[:, 1], truths.astype(int)])
    np.testing.assert_array_equal(model.coefs_[0], text.coefs_[0])
    assert [own.tolist() for own in model.classes_[1:]] == [[0, 10, 20, 30], [False, True]]
    found = model.predict(X)
    assert {type(label) for label in found[:, 1]} == {int}
    assert model.score(X, frame) == np.mean(np.all(found == frame.to_numpy(), axis=1)) > 0.3
    stopping = classifier(**LONG, early_stopping=True, class_weight="balanced").fit(X, frame)
    assert max(stopping.validation_scores_) > 0.0
    model.partial_fit(X[:9], frame[:9])
    with pytest.raises(ValueError, match=r"`y\[:, 1\]` has classes .*: \[7\]"):
        model.partial_fit(X[:1], frame_of("pandas", {"u": ["a"], "v": [7], "w": [True]}))


@pytest.mark.parametrize("labels", [["a", 1] * 40, [None, 1] * 40], ids=str)
def test_a_column_with_labels_of_two_types_is_named(labels):
    frame = frame_of("pandas", {"u": CLASSES, "v": np.array(labels, object)})
    with pytest.raises(ValueError, match=r"`y\[:, 1\]` has labels of the types .*int|missing|NaN"):
        classifier().fit(X, frame)
