"""Callbacks of scikit-learn: every fit, and every epoch in it, is a task."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.support.estimators import CLASSES, NUMBERS, X, classifier, regressor
from tests.support.tables import frame_of

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")

# most fits end after few epochs, since their tests ask for no more
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

W = np.random.default_rng(0).uniform(0.5, 2.0, 80)


TASKS = [("begin", "fit", 0), ("begin", "epoch", 0), ("end", "epoch", 0), ("end", "fit", 0)]


class Notes:
    """Notes what it is told; the fit ends after ``last`` epochs."""

    def __init__(self, last=None, fails=False):
        self.told, self.last, self.fails, self.kept = [], last, fails, []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.told.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.told.append(("end", context.task_name, context.task_id))
        if hasattr(fitted_estimator, "predict"):
            self.kept.append((fitted_estimator, fitted_estimator.predict(X)))
        if self.fails:
            raise OSError("the disk is full")
        return context.task_name == "epoch" and context.task_id + 1 == self.last


@pytest.mark.parametrize("kind", [classifier, regressor])
def test_epochs_are_tasks_of_the_fit(kind):
    notes = Notes()
    kind(max_iter=2).set_callbacks(notes).fit(X, CLASSES if kind is classifier else NUMBERS)
    epochs = [(moment, "epoch", k) for k in (0, 1) for moment in ("begin", "end")]
    assert notes.told == ["setup", ("begin", "fit", 0), *epochs, ("end", "fit", 0), "teardown"]


@pytest.mark.parametrize("n_ensemble", [1, 2])
def test_each_epochs_estimator_stays_as_it_was(n_ensemble):
    notes = Notes()
    model = classifier(n_ensemble=n_ensemble).set_callbacks(notes).fit(X, CLASSES)
    for fitted, predicted in notes.kept:
        np.testing.assert_array_equal(fitted.predict(X), predicted)
    after_four = classifier(n_ensemble=n_ensemble, max_iter=4).fit(X, CLASSES)
    np.testing.assert_array_equal(notes.kept[3][0].coefs_[0], after_four.coefs_[0])
    np.testing.assert_array_equal(notes.kept[-1][0].coefs_[0], model.coefs_[0])


def test_a_callback_ends_the_fit_and_a_clone_keeps_it():
    notes = Notes(last=3)
    model = classifier().set_callbacks(notes)
    assert model.fit(X, CLASSES).n_iter_ == 3
    assert clone(model).fit(X, CLASSES).n_iter_ == 3
    del notes.told[:]
    model.partial_fit(X, CLASSES)
    assert notes.told == ["setup", *TASKS, "teardown"]


def test_a_callback_that_raises_is_torn_down_and_undoes_the_fit():
    notes = Notes(fails=True)
    model = regressor().fit(X, NUMBERS)
    theta, before = model.network_.parameters, set(vars(model))
    with pytest.raises(OSError, match="full"):
        model.set_callbacks(notes).fit(X, NUMBERS)
    assert notes.told[-1] == "teardown"
    assert model.network_.parameters is theta
    assert set(vars(model)) == before | {"_skl_callbacks"}


def test_lbfgs_is_one_task():
    notes = Notes()
    regressor(solver="lbfgs").set_callbacks(notes).fit(X, NUMBERS)
    assert notes.told == ["setup", ("begin", "fit", 0), ("end", "fit", 0), "teardown"]


def test_scikit_learns_monitor_scores_each_epoch():
    frame = frame_of("pandas", dict(zip("pqrs", X.T, strict=True)))
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = classifier(max_iter=5).set_callbacks(monitor).fit(frame, CLASSES, sample_weight=W)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 5
    assert rows[-1]["accuracy"] == model.score(frame, CLASSES, W)


def test_a_pipeline_passes_callbacks_on():
    class Everywhere(Notes):
        max_propagation_depth = None

    notes = Everywhere(last=2)
    model = make_pipeline(StandardScaler(), classifier()).set_callbacks(notes)
    assert model.fit(X, CLASSES)[-1].n_iter_ == 2
