"""The table estimators among scikit-learn's tools, and columns by name."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.support.helpers import needed
from tests.support.sklearn_versions import since_1_7
from tests.support.tables import MAKERS, frame_of
from tests.support.tabular import DATA, KIND, OF_ARRAY, SMALL, N, Z, answers, both
from xpnet.estimators import TabularClassifier

# --- columns by name


def without(name):
    return {key: cells for key, cells in DATA.items() if key != name}


@both
@pytest.mark.parametrize("library", MAKERS)
def test_columns_that_differ_are_named(kind, y, library):
    def frame(data):
        return frame_of(library, data)

    model = kind(**SMALL).fit(frame(DATA), y)
    assert model.feature_names_in_.tolist() == list(DATA)
    with pytest.raises(ValueError, match="now missing:\n- holes"):
        model.predict(frame(without("holes")))
    with pytest.raises(ValueError, match="unseen at fit time:\n- new"):
        model.predict(frame(DATA | {"new": Z}))
    both = r"unseen at fit time:\n- new\n(.|\n)*now missing:\n- holes"
    with pytest.raises(ValueError, match=both):
        model.predict(frame(without("holes") | {"new": Z}))
    order = {name: DATA[name] for name in ("x", "day", "holes", "colour", "once")}
    with pytest.raises(ValueError, match=r"same order(.|\n)*'day' is in the place of 'holes'"):
        model.predict(frame(order))


def test_errors_about_y_name_the_argument(frame):
    with pytest.raises(ValueError, match=r"^y has one class, 'a'"):
        TabularClassifier(**SMALL).fit(frame, ["a"] * N)
    Y = np.stack([KIND, ["a"] * N], axis=1)
    with pytest.raises(ValueError, match=r"^y, column 'y1' has one class, 'a'"):
        TabularClassifier(**SMALL).fit(frame, Y)


@both
@pytest.mark.parametrize("cell", [np.inf, -np.inf])
def test_the_remedy_for_an_infinity_works(kind, y, cell, frame):
    bad = frame.assign(x=np.where(np.arange(N) == 4, cell, Z))
    with pytest.raises(ValueError, match=rf"row 5, .* \(missing=\['{cell}'\]\)$"):
        kind(**SMALL).fit(bad, y)
    model = kind(**SMALL, missing=[str(cell)]).fit(bad, y)
    hole = frame.assign(x=np.where(np.arange(N) == 4, np.nan, Z))
    same = kind(**SMALL).fit(hole, y)
    np.testing.assert_array_equal(answers(model, bad), answers(same, hole))


@both
def test_columns_of_a_frame_are_put_in_order_by_name_and_those_of_an_array_by_place(kind, y, frame):
    model = kind(**SMALL).fit(frame, y)
    right = model.predict(frame)
    turned = frame[frame.columns[::-1]]
    np.testing.assert_array_equal(model.predict(turned[model.feature_names_in_]), right)
    unnamed = pytest.warns(UserWarning, match="does not have valid feature names")
    with unnamed, pytest.raises(ValueError, match="X has 2 features, but"):
        model.predict(np.ones((3, 2)))
    with unnamed:
        found = model.predict(frame.to_numpy())
    np.testing.assert_array_equal(found, right)


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


@both
@pytest.mark.parametrize("resource", ["n_samples", "epochs"])
def test_a_halving_search_is_fits_with_ever_more_of_a_resource(kind, y, resource, frame):
    least = {"min_resources": 20 if resource == "n_samples" else 1}
    most = {"max_resources": N if resource == "n_samples" else 3}
    settings = {"seed": [0, 1, 2]}
    estimator = kind(hidden=(8,), ignore=["once"], quick=True, epochs=2)
    if kind is TabularClassifier:
        y = np.where(Z > 0, "u", "v")  # of three classes, a small part may lack one
    search = HalvingGridSearchCV(
        estimator, settings, factor=3, resource=resource, cv=2, random_state=0, **least, **most
    ).fit(frame, y)
    assert search.n_resources_ == [least["min_resources"], most["max_resources"]]
    best = search.best_params_
    again = clone(estimator).set_params(**best).fit(frame, y)
    np.testing.assert_array_equal(answers(search, frame), answers(again, frame))


@both
def test_weights_are_routed_to_fit(kind, y, frame):
    w = np.random.default_rng(3).integers(1, 4, N).astype(float)
    right = answers(kind(**SMALL).fit(frame, y, w), frame)
    with config_context(enable_metadata_routing=True):
        model = kind(**SMALL).set_fit_request(sample_weight=True)
        pipeline = make_pipeline("passthrough", model).fit(frame, y, sample_weight=w)
        np.testing.assert_array_equal(answers(pipeline, frame), right)
        search = GridSearchCV(model.set_score_request(sample_weight=True), {"seed": [0]}, cv=2)
        search.fit(frame, y, sample_weight=w)
        np.testing.assert_array_equal(answers(search, frame), right)
        with pytest.raises(ValueError, match="sample_weight"):
            make_pipeline("passthrough", kind(**SMALL)).fit(frame, y, sample_weight=w)


@both
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_names_that_a_pipeline_puts_out_arrive(kind, y, library):
    needed(library)
    X = frame_of("pandas", {"x": Z, "z": -Z})  # before 1.9, the scaler reads no names of Polars 2
    chain = make_pipeline(StandardScaler(), kind(**OF_ARRAY)).set_output(transform=library)
    chain.fit(X, y)
    assert chain[-1].feature_names_in_.tolist() == ["x", "z"]
    assert chain[-1].model_.columns == ("x", "z")
    plain = make_pipeline(StandardScaler(), kind(**OF_ARRAY)).fit(X, y)
    np.testing.assert_array_equal(answers(chain, X), answers(plain, X))
