"""Searches on a Dask cluster of two processes are the searches in this process."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

import xpnet
from tests.support.dying import DiesOnce
from tests.support.helpers import needed
from xpnet.estimators import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

dask, distributed = needed("dask"), needed("distributed")  # else the whole file is skipped
joblib = needed("joblib")

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = (X[:, 0] > 0).astype(int)
FOLDS = list(KFold(2).split(X))
EVERYTHING = [X, Y, *(rows for fold in FOLDS for rows in fold)]
MLP = MLPClassifier((8,), max_iter=3, tol=0, n_iter_no_change=6, random_state=0)
TABULAR = TabularClassifier(epochs=2, hidden=(8,))
SEARCHES = {
    "MLP": (MLP, {"learning_rate_init": [1e-3, 1e-2]}),
    "table": (TABULAR, {"quick": [True, False]}),
}

# three epochs are no convergence, and no matter here
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def client_of_module():
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    # copies of the data stay on both workers: the manager would keep one
    kept = {"distributed.scheduler.active-memory-manager.start": False}
    with (
        dask.config.set(kept),
        distributed.LocalCluster(**workers, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def client(client_of_module):
    """A client of two workers: with one, joblib would run the tasks here."""
    client_of_module.wait_for_workers(2)
    return client_of_module


def scores_of(estimator, settings):
    found = GridSearchCV(estimator, settings, cv=FOLDS, error_score="raise").fit(X, Y)
    return np.array([found.cv_results_[f"split{k}_test_score"] for k in range(len(FOLDS))])


@quiet
@pytest.mark.parametrize(("estimator", "settings"), SEARCHES.values(), ids=SEARCHES)
def test_a_search_by_joblib_is_the_search_here(estimator, settings, client):
    with joblib.parallel_config("dask"):
        found = scores_of(estimator, settings)
    np.testing.assert_array_equal(found, scores_of(estimator, settings))


@quiet
def test_a_search_ends_right_if_a_worker_dies(client, tmp_path):
    estimator, settings = SEARCHES["MLP"]
    dying = clone(estimator).set_params(callbacks=DiesOnce(str(tmp_path / "died")))
    with joblib.parallel_config("dask", scatter=EVERYTHING):
        found = scores_of(dying, settings)
    pid = int((tmp_path / "died").read_text())
    assert pid not in (os.getpid(), *client.run(os.getpid).values())
    np.testing.assert_array_equal(found, scores_of(estimator, settings))


def test_parts_of_a_search_are_tasks_of_their_own(client):
    """Each worker trains a stack."""
    net, fit = xpnet.Network([4, 6, 2], loss="cross_entropy"), {"epochs": 3, "folds": 2}
    parts = [{"learning_rate": [1e-3, 1e-2]}, {"learning_rate": [1e-1, 1.0]}]
    tasks = [client.submit(xpnet.search, net, X, Y, over, **fit) for over in parts]
    whole = xpnet.search(net, X, Y, {"learning_rate": [1e-3, 1e-2, 1e-1, 1.0]}, **fit)
    found = np.concatenate([each.scores["loss"] for each in client.gather(tasks)])
    np.testing.assert_allclose(found, whole.scores["loss"], rtol=1e-5)


@quiet
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor])
def test_an_estimator_is_cheap_to_send(kind):
    """Before a fit, it is its settings; after it, θ and Adam's two moments, but no example."""
    fast = {"epochs": 2, "hidden": (8,)} if "Tabular" in kind.__name__ else {"max_iter": 3}
    new = kind(**fast)
    assert len(pickle.dumps(new)) < 2_000
    few, many = (len(pickle.dumps(new.fit(np.tile(X, (n, 1)), np.tile(Y, n)))) for n in (1, 10))
    assert few < 40_000
    examples = 9 * (X.nbytes + Y.nbytes)
    assert many - few < examples / 8  # a loss for each step, an error for each row held out
