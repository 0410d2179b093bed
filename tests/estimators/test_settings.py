"""What the estimators take beyond scikit-learn's parameters, and what does not go together."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.class_weight import compute_sample_weight

import xpnet
from tests.support.estimators import CLASSES, NUMBERS, RNG, X, classifier, regressor
from xpnet.layers import BatchNorm, Dense
from xpnet.losses import CrossEntropy, GaussianNLL
from xpnet.optimizers import Adam
from xpnet.schedules import Cosine

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# --- settings of xpnet


def test_class_weights_multiply_sample_weights():
    w = RNG.uniform(0.5, 2.0, 80)
    balanced = compute_sample_weight("balanced", CLASSES)
    weighted = classifier(class_weight="balanced").fit(X, CLASSES, w)
    by_hand = classifier().fit(X, CLASSES, w * balanced)
    np.testing.assert_array_equal(weighted.coefs_[0], by_hand.coefs_[0])
    plain = classifier().fit(X, CLASSES, w)
    assert np.abs(plain.coefs_[0] - by_hand.coefs_[0]).max() > 1e-4


def test_dropout_stands_after_each_hidden_layer_and_acts_in_training_alone():
    model = classifier(hidden_layer_sizes=(6, 5), dropout=0.5).fit(X, CLASSES)
    assert [layer.kind for layer in model.network_.layers] == [
        *("dense", "dropout", "dense", "dropout", "dense")
    ]
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    again = classifier(hidden_layer_sizes=(6, 5), dropout=0.5).fit(X, CLASSES)
    np.testing.assert_array_equal(model.coefs_[0], again.coefs_[0])
    other = classifier(hidden_layer_sizes=(6, 5)).fit(X, CLASSES)
    assert np.abs(model.coefs_[0] - other.coefs_[0]).max() > 1e-4


def test_layers_and_an_activation_for_each():
    model = regressor(layers=[Dense(7, "gelu"), BatchNorm(), 5], activation="tanh").fit(X, NUMBERS)
    names = [f.name for f in (getattr(l, "activation", None) for l in model.network_.layers) if f]
    assert names == ["gelu", "tanh", "identity"]
    assert model.n_layers_ == 4
    each = classifier(hidden_layer_sizes=(6, 5), activation=["logistic", "selu"]).fit(X, CLASSES)
    names = [layer.activation.name for layer in each.network_.layers]
    assert names == ["sigmoid", "selu", "softmax"]
    with pytest.raises(ValueError, match="one for each of the 1 hidden layers"):
        classifier(activation=["relu", "tanh"]).fit(X, CLASSES)


def test_losses_of_xpnet():
    model = classifier(loss=CrossEntropy(label_smoothing=0.1)).fit(X, CLASSES)
    assert model.network_.loss is CrossEntropy(label_smoothing=0.1)
    two = classifier(loss="cross_entropy").fit(X, NUMBERS > 0)
    assert two.predict_proba(X).shape == (80, 2)
    assert two.predict(X).dtype == bool
    gaussian = regressor(loss=GaussianNLL()).fit(X, NUMBERS)
    assert gaussian.predict(X).shape == (80,)
    assert gaussian.n_outputs_ == 2
    with pytest.raises(ValueError, match="loss 'huber' is not for class labels"):
        classifier(loss="huber").fit(X, CLASSES)


def test_an_optimizer_a_schedule_and_a_penalty_replace_scikit_learns():
    """Those of `Network.fit`, from the same weights and in the same order."""
    penalty, optimizer = xpnet.Penalty(l1=0.01), Adam(0.02)
    model = regressor(optimizer=optimizer, penalty=penalty, shuffle=False, batch_size=16)
    model.fit(X, NUMBERS)
    net = regressor(max_iter=1).fit(X, NUMBERS).network_.fresh()
    start = regressor(warm_start=True, learning_rate_init=1e-300, max_iter=1).fit(X, NUMBERS)
    net.set_parameters(start.network_.parameters)
    net.fit(
        X, NUMBERS, epochs=8, batch_size=16, shuffle=False, optimizer=optimizer, penalty=penalty
    )
    np.testing.assert_allclose(model.network_.parameters, net.parameters, atol=1e-12)
    constant = regressor(optimizer="nadam", learning_rate_init=0.01).fit(X, NUMBERS)
    scheduled = regressor(optimizer="nadam", schedule=lambda step: 0.01).fit(X, NUMBERS)
    np.testing.assert_array_equal(constant.coefs_[0], scheduled.coefs_[0])
    with pytest.raises(ValueError, match="optimizer must be None, one of sgd"):
        regressor(optimizer="lbfgs").fit(X, NUMBERS)


def test_validation_data_are_recorded_and_watched():
    held = X[60:], CLASSES[60:]
    model = classifier().fit(X[:60], CLASSES[:60], validation_data=held)
    assert len(model.validation_loss_curve_) == model.n_iter_ == 8
    last = model.network_.evaluate(X[60:], np.searchsorted(model.classes_, CLASSES[60:]))["loss"]
    assert model.validation_loss_curve_[-1] == pytest.approx(last, rel=1e-12)
    early = classifier(early_stopping=True).fit(X[:60], CLASSES[:60], validation_data=held)
    assert early.best_validation_score_ == early.score(*held)
    assert early.t_ == 60 * early.n_iter_  # nothing was set aside
    with pytest.raises(ValueError, match=r"validation_data must be \(X, y\)"):
        classifier().fit(X, CLASSES, validation_data=X)


def test_callbacks_see_the_network_and_end_the_fit():
    seen = []

    def stop(net, history):
        seen.append((net, history.epoch[-1]))
        return len(seen) == 3

    model = classifier(callbacks=stop).fit(X, CLASSES)
    assert model.n_iter_ == 3
    assert seen[-1] == (model.network_, 3)
    moments = classifier(callbacks={"fit_end": stop, "epoch_end": [stop]}).fit(X, CLASSES)
    assert moments.n_iter_ == 8


def test_a_gradient_is_checked():
    model = regressor(activation="tanh").fit(X, NUMBERS)
    assert len(model.check_gradient(X, NUMBERS, RNG.uniform(size=80))) == 2
    assert max(model.check_gradient(X, NUMBERS)) < 1e-7
    rows = sparse.csc_array(X)
    assert max(regressor(activation="tanh").fit(rows, NUMBERS).check_gradient(rows, NUMBERS)) < 1e-7
    with pytest.raises(ValueError, match="sample_weight"):
        model.check_gradient(X, NUMBERS, np.ones(3))


# --- what does not go together


SGD_SLOWING = {"solver": "sgd", "learning_rate": "adaptive"}
IGNORED = {
    "dropout": {"layers": [5], "dropout": 0.1},
    "activations": {"layers": [5], "activation": ["tanh"]},
    "schedule": {**SGD_SLOWING, "schedule": Cosine(0.1)},
    "optimizer": {**SGD_SLOWING, "optimizer": Adam(0.1)},
    "lbfgs": {"solver": "lbfgs", "schedule": Cosine(0.1)},
}


@pytest.mark.parametrize("case", IGNORED)
def test_a_setting_that_would_be_ignored_is_refused(case):
    with pytest.raises(ValueError, match=r"is not possible with|needs a solver by batches"):
        classifier(**IGNORED[case]).fit(X, CLASSES)


@pytest.mark.parametrize("sizes", [(4.7,), (4.0, 3), 2.5, np.asarray([3.5])], ids=str)
def test_widths_are_whole_numbers(sizes):
    error = InvalidParameterError if np.ndim(sizes) == 0 else TypeError
    with pytest.raises(error, match=r"hidden_layer_sizes"):
        classifier(hidden_layer_sizes=sizes).fit(X, CLASSES)


def test_all_names_of_an_activation_start_alike():
    given = "logistic", "sigmoid", ["logistic", "sigmoid"], xpnet.Activation.named("sigmoid")
    first, *others = (
        classifier(activation=f, hidden_layer_sizes=(6, 5), max_iter=1).fit(X, CLASSES)
        for f in given
    )
    for other in others:
        np.testing.assert_array_equal(first.network_.parameters, other.network_.parameters)


def test_lbfgs_refuses_what_it_would_ignore():
    held = X, NUMBERS
    with pytest.raises(ValueError, match="cannot train a network with dropout"):
        regressor(solver="lbfgs", dropout=0.1).fit(X, NUMBERS)
    with pytest.raises(ValueError, match="validation_data and callbacks need a solver by batches"):
        regressor(solver="lbfgs").fit(X, NUMBERS, validation_data=held)
    with pytest.raises(ValueError, match="validation_data and callbacks need a solver by batches"):
        regressor(solver="lbfgs", callbacks=print).fit(X, NUMBERS)


def test_validation_data_may_lack_classes_but_have_no_new_ones():
    some = X[:3], CLASSES[:3]
    model = classifier(warm_start=True).fit(X, CLASSES, validation_data=some)
    assert len(model.fit(X, CLASSES, validation_data=some).validation_loss_curve_) == 8
    with pytest.raises(ValueError, match=r"classes that the first fit did not: \['new'\]"):
        model.fit(X, CLASSES, validation_data=(X[:1], ["new"]))


def test_class_weights_do_not_count_in_a_score():
    """A class of weight 0 counts in the accuracy that early stopping watches."""
    weights = {"a": 1.0, "b": 1.0, "c": 1e-6}
    model = classifier(class_weight=weights, early_stopping=True, max_iter=1)
    model.fit(X, CLASSES, validation_data=(X, CLASSES))
    assert model.best_validation_score_ == np.mean(model.predict(X) == CLASSES)
    split = classifier(class_weight=weights, early_stopping=True, validation_fraction=0.5)
    assert {round(40 * score, 9) % 1 for score in split.fit(X, CLASSES).validation_scores_} == {0}


def test_a_partial_fit_after_a_change_of_solver_starts_its_optimizer_afresh():
    model = classifier(solver="lbfgs").fit(X, CLASSES)
    model.set_params(solver="adam").partial_fit(X, CLASSES)
    assert len(model.loss_curve_) == 1
    same = pickle.loads(pickle.dumps(model))
    del same._optimizer
    for each in (model, same):
        each.set_params(solver="sgd").partial_fit(X, CLASSES)
    np.testing.assert_array_equal(model.coefs_[0], same.coefs_[0])


def test_a_warm_start_takes_a_changed_loss():
    model = classifier(warm_start=True, shuffle=False).fit(X, CLASSES)
    theta = model.network_.parameters.copy()
    model.set_params(loss=CrossEntropy(0.2), learning_rate_init=1e-12, max_iter=1).fit(X, CLASSES)
    assert model.network_.loss is CrossEntropy(0.2)
    np.testing.assert_allclose(model.network_.parameters, theta, atol=1e-11)
    codes = np.searchsorted(model.classes_, CLASSES)
    expected = model.network_.evaluate(X, codes)["loss"]
    penalty = 0.5 * model.alpha * sum(float((W**2).sum()) for W in model.coefs_) / len(X)
    assert model.loss_ == pytest.approx(expected + penalty, rel=1e-9)


def test_a_schedule_of_partial_fits_is_as_long_as_all_epochs():
    whole = classifier(schedule=Cosine(0.1), shuffle=False).fit(X, CLASSES)
    parts = classifier(schedule=Cosine(0.1), shuffle=False)
    for _ in range(8):
        parts.partial_fit(X, CLASSES, classes=["a", "b", "c"])
    np.testing.assert_allclose(parts.coefs_[0], whole.coefs_[0], rtol=1e-12)


def test_a_warning_points_at_the_users_line():
    with pytest.warns(ConvergenceWarning) as caught:
        classifier(max_iter=1).fit(X, CLASSES)
    assert caught[0].filename == __file__


# NumPy warns of the overflow that the fit is to have
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fit_that_diverges_keeps_its_best_weights_if_it_watches_a_score():
    settings = {"solver": "sgd", "learning_rate_init": 1.0, "activation": "identity"}
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        regressor(**settings).fit(100 * X, NUMBERS)
    model = regressor(**settings, early_stopping=True).fit(100 * X, NUMBERS)
    assert np.isnan(model.validation_scores_[-1])
    assert len(model.validation_scores_) == len(model.loss_curve_) == model.n_iter_
    assert np.isfinite(model.coefs_[0]).all()
