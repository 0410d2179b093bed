"""A refit forgets earlier records; a fit that raises leaves the estimator as it was."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from tests.support.estimators import CLASSES, NUMBERS, X, classifier, regressor
from tests.support.tables import frame_of

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OTHERS = np.asarray([0, 1])[(NUMBERS > 0).astype(int)]
BAD = {
    "weights": ({"class_weight": {"a": 1.0, 7: 2.0}}, {}, "class_weight|classes"),
    "validation labels": (
        {},
        {"validation_data": (X, ["new"] * 80)},
        "^validation_data: .*leave rows",
    ),
    "validation columns": (
        {},
        {"validation_data": (X[:, :2], CLASSES)},
        "^validation_data: .*features",
    ),
    "sample weights": ({}, {"sample_weight": np.ones(3)}, "sample_weight"),
    "validation weights": (
        {},
        {"validation_data": (X, CLASSES, np.ones(3))},
        "^validation_data: .*sample_weight",
    ),
    "validation rows": ({}, {"validation_data": (X, CLASSES[:3])}, "^validation_data: .*samples"),
    "validation holes": ({}, {"validation_data": (X * np.nan, CLASSES)}, "^validation_data: .*NaN"),
    "few held out": ({"early_stopping": True, "validation_fraction": 0.01}, {}, "too small|test"),
    "layers": ({"layers": [5], "dropout": 0.2}, {}, "not possible with"),
    "divergence": ({"solver": "sgd", "learning_rate_init": 1e300}, {}, "non-finite"),
}


def remembered(model):
    """Everything that users see of a fitted estimator."""
    public = {n: np.copy(v) for n, v in vars(model).items() if n.endswith("_") and v is not None}
    return {
        **public,
        "theta": model.network_.parameters.copy(),
        "predictions": model.predict(X),
        "rate": model._optimizer.learning_rate,
        "moments": np.copy(model._optimizer.carried.moments),
    }


def check_same(model, before):
    after = remembered(model)
    assert after.keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


# NumPy warns of the overflow of the case that diverges
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("case", BAD)
def test_a_fit_that_raises_changes_nothing(case, warm):
    settings, given, message = BAD[case]
    model = classifier(warm_start=warm).fit(X, CLASSES)
    before = remembered(model)
    with pytest.raises((ValueError, TypeError), match=message):
        model.set_params(**settings).fit(X, CLASSES, **given)
    check_same(model, before)


def test_a_fit_that_raises_keeps_the_names_of_columns_and_the_classes():
    frame = frame_of("pandas", dict(zip("pqrs", X.T, strict=True)))
    model = classifier().fit(frame, CLASSES)
    with pytest.raises(ValueError, match="validation_data"):
        model.fit(X[:, :3], OTHERS, validation_data=X)
    np.testing.assert_array_equal(model.classes_, ["a", "b", "c"])
    np.testing.assert_array_equal(model.feature_names_in_, list("pqrs"))
    assert model.n_features_in_ == 4


def test_a_callback_that_raises_undoes_a_partial_fit():
    def fail(net, history):
        raise OSError("the disk is full")

    model = classifier(learning_rate_init=0.05).fit(X, CLASSES)
    before = remembered(model)
    with pytest.raises(OSError, match="full"):
        model.set_params(callbacks=fail).partial_fit(X, CLASSES)
    check_same(model, before)


def test_a_first_partial_fit_that_raises_leaves_no_classes():
    model = classifier()
    with pytest.raises(ValueError, match="sample_weight"):
        model.partial_fit(X, CLASSES, sample_weight=np.ones(2), classes=["a", "b", "c"])
    assert not hasattr(model, "classes_")
    model.partial_fit(X[:60] > 0, OTHERS[:60], classes=[0, 1])
    np.testing.assert_array_equal(model.classes_, [0, 1])


def test_a_refit_forgets_the_records_of_the_last():
    model = regressor(early_stopping=True)
    model.fit(X, NUMBERS, validation_data=(X, NUMBERS))
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 8
    model.set_params(solver="lbfgs", early_stopping=False).fit(X, NUMBERS)
    stale = "validation_loss_curve_", "loss_curve_", "validation_scores_", "best_loss_"
    assert [name for name in stale if hasattr(model, name)] == []


def test_an_epoch_that_ctrl_c_cuts_counts_the_examples_that_were_seen():
    def press(net, history):
        if len(history.step_loss) == 14:  # in the second epoch of 10 steps
            os.kill(os.getpid(), signal.SIGINT)

    model = classifier(batch_size=8, callbacks={"step_end": press})
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, CLASSES)
    assert (model.n_iter_, model.t_) == (2, 80 + 4 * 8)
