"""The table estimators among scikit-learn's tools, and columns by name."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from tests.support.helpers import needed
from tests.support.sklearn_versions import since_1_7
from tests.support.tables import MAKERS, frame_of
from tests.support.tabular import DATA, SMALL, N, Z, answers, both

# --- columns by name


@both
def test_columns_that_differ_are_named(kind, y, frame):
    model = kind(**SMALL).fit(frame, y)
    with pytest.raises(ValueError, match="now missing:\n- holes"):
        model.predict(frame.drop(columns="holes"))
    with pytest.raises(ValueError, match="unseen at fit time:\n- new"):
        model.predict(frame.assign(new=1))
    order = ["x", "day", "holes", "colour", "once"]
    with pytest.raises(ValueError, match=r"same order(.|\n)*'day' is in the place of 'holes'"):
        model.predict(frame[order])
    np.testing.assert_array_equal(
        model.predict(frame[order][model.feature_names_in_]), model.predict(frame)
    )
    unnamed = pytest.warns(UserWarning, match="does not have valid feature names")
    with unnamed, pytest.raises(ValueError, match="X has 2 features, but"):
        model.predict(np.ones((3, 2)))
    with unnamed:
        found = model.predict(frame.to_numpy())
    np.testing.assert_array_equal(found, model.predict(frame))


@both
def test_names_of_y_and_weights_make_way_for_columns(kind, y, frame):
    names = {"x": "y", "holes": "sample_weight"}
    model = kind(**SMALL).fit(frame.rename(columns=names), y, np.ones(N))
    assert model.model_.schema.target_names == ("y_",)
    assert model.model_.columns[:2] == ("y", "sample_weight")


@both
def test_bad_cells_are_named(kind, y, frame):
    with pytest.raises(ValueError, match="X, row 2, column 'x': inf is not among"):
        kind(**SMALL).fit(frame.assign(x=[0.0, np.inf, *Z[2:]]), y)
    lists = frame.assign(x=[[1]] * N)
    with pytest.raises(TypeError, match="column 'x' holds list"):
        kind(**SMALL).fit(lists, y)
    kind(**{**SMALL, "ignore": ["x", "once"]}).fit(lists, y).predict(lists)


# --- among scikit-learn's tools


@both
def test_a_pickle_and_a_clone(kind, y, frame):
    model = kind(**SMALL, seed=3).fit(frame, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(answers(again, frame), answers(model, frame))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "model_")
    np.testing.assert_array_equal(answers(fresh.fit(frame, y), frame), answers(model, frame))


SLICED = [
    pytest.param(name, marks=[since_1_7("folds of PyArrow's tables")] * (name == "pyarrow"))
    for name in MAKERS
]


@both
@pytest.mark.parametrize("library", SLICED)
def test_searches_and_pipelines_take_frames(kind, y, library):
    X = frame_of(library, DATA)
    pipeline = make_pipeline("passthrough", kind(**SMALL))
    name = kind.__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__seed": [0, 1]}, cv=2).fit(X, y)
    scores = [cross_val_score(kind(**SMALL, seed=seed), X, y, cv=2).mean() for seed in (0, 1)]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], scores)


@both
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_skrubs_vectorizer_before_it(kind, y, library):
    skrub = needed("skrub")
    X = frame_of(library, DATA)
    model = make_pipeline(skrub.TableVectorizer(), kind(epochs=3, hidden=(8,))).fit(X, y)
    assert "day_year" in model[-1].feature_names_in_
    assert len(model.predict(X)) == N
