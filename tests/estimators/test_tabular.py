"""`TabularClassifier` and `TabularRegressor`: the table recipe by scikit-learn's conventions."""

from __future__ import annotations

import datetime
import inspect
import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from tests.support.command import predict as predict_command
from tests.support.command import rows_of
from tests.support.command import train as train_command
from tests.support.helpers import needed
from tests.support.sklearn_versions import since_1_7
from tests.support.tables import MAKERS, frame_of
from xpnet.cli import main
from xpnet.errors import FileError
from xpnet.estimators import TabularClassifier, TabularRegressor
from xpnet.tables import Table, load, train, write_csv

RNG = np.random.default_rng(0)
N = 60
Z = RNG.normal(size=N)
FIRST = datetime.date(2024, 1, 1)
DATA: dict[str, Any] = {
    "x": Z,
    "holes": np.where(np.arange(N) % 7 == 0, np.nan, Z**2),
    "day": [FIRST + datetime.timedelta(days=int(k)) for k in RNG.integers(0, 300, N)],
    "colour": [["red", "blue", "green", None][k] for k in RNG.integers(0, 4, N)],
    "once": [f"text {k}" for k in range(N)],
}
KIND = np.where(Z > 0.5, "c", np.where(Z > 0, "b", "a"))
SIZE = np.exp(Z) + 1.0
SMALL: dict[str, Any] = {"epochs": 3, "hidden": (8,), "ignore": ["once"]}
OF_ARRAY: dict[str, Any] = {"epochs": 3, "hidden": (8,)}
BOTH = [(TabularClassifier, KIND), (TabularRegressor, SIZE)]

both = pytest.mark.parametrize(("kind", "y"), BOTH, ids=["classes", "quantity"])


@pytest.fixture
def frame():
    return frame_of("pandas", DATA)


def answers(model, X):
    """What a fitted estimator answers: probabilities, or quantities."""
    of = getattr(model, "predict_proba", model.predict)
    return of(X)


# --- parameters


@both
def test_the_parameters_are_keywords_of_train_with_their_defaults(kind, y):
    ours = kind().get_params()
    given = inspect.signature(train).parameters.values()
    theirs = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY} | {"tell": None}
    assert ours == {name: theirs[name] for name in ours}
    more = {"class_weight"} if kind is TabularRegressor else {"log_target"}
    files = {"checkpoint", "checkpoint_every", "resume"}  # clones would share one file
    assert theirs.keys() - ours.keys() == {"task", "weight", "cv"} | files | more


# --- the command's bits


@both
@pytest.mark.parametrize("settings", [{}, {"networks": 2}, {"quick": True}], ids=str)
def test_the_estimators_answers_are_the_commands(kind, y, settings, frame, tmp_path):
    data, file, out = (tmp_path / name for name in ("t.csv", "t.safetensors", "out.csv"))
    write_csv(data, {**Table(DATA).columns, "y": y})
    options = ["--epochs", "3", "--hidden", "8", "--ignore", "once", "--seed", "5"]
    options += ["--networks", "2"] if "networks" in settings else []
    options += ["--quick"] if "quick" in settings else []
    assert main(train_command(data, "y", file, *options, "--validation", "0")) == 0
    assert main(predict_command(file, data, out)) == 0
    model = kind(**SMALL, seed=5, **settings).fit(frame, y)
    written = np.array(rows_of(out)[1:])
    first = [name.startswith("prediction") for name in rows_of(out)[0]].index(True)
    if kind is TabularClassifier:
        assert written[:, first].tolist() == model.predict(frame).tolist()
        first += 1
    found = answers(model, frame).reshape(N, -1)
    np.testing.assert_array_equal(written[:, first:].astype(float), found)
    saved = tmp_path / "own.safetensors"
    model.save(saved)
    assert main(predict_command(saved, data, out)) == 0
    assert np.array(rows_of(out)[1:]).tolist() == written.tolist()


@both
@pytest.mark.parametrize("library", MAKERS)
def test_frames_of_every_library_and_arrays_give_the_same_bits(kind, y, library, frame):
    wanted = answers(kind(**SMALL).fit(frame, y), frame)
    other = frame_of(library, DATA)
    model = kind(**SMALL).fit(other, y)
    assert model.feature_names_in_.tolist() == list(DATA)
    np.testing.assert_array_equal(answers(model, other), wanted)
    np.testing.assert_array_equal(answers(model, frame), wanted)
    array = np.array([DATA[name] for name in DATA], object).T
    for X in (array, array.tolist()):
        model = kind(**{**SMALL, "ignore": ["x4"]}).fit(X, y)
        assert not hasattr(model, "feature_names_in_")
        assert model.model_.columns == ("x0", "x1", "x2", "x3")
        np.testing.assert_array_equal(answers(model, X), wanted)


@both
def test_an_estimator_of_an_array_takes_a_frame_by_position(kind, y, frame):
    model = kind(**{**SMALL, "ignore": ["x4"]}).fit(frame.to_numpy(), y)
    with pytest.warns(UserWarning, match="X has feature names"):
        found = answers(model, frame)
    np.testing.assert_array_equal(found, answers(model, frame.to_numpy()))


def test_a_hole_in_a_list_is_no_text():
    X = [[["u", "v", np.nan][k % 3], float(k)] for k in range(N)]
    model = TabularClassifier(**OF_ARRAY).fit(X, KIND)
    assert set(model.model_.schema.columns[0].known) == {"", "u", "v"}


@pytest.mark.parametrize("as_y", ["list", "Series", "categorical", "frame"])
def test_y_may_be_of_any_kind_and_gives_the_target_its_name(as_y, frame):
    pandas = needed("pandas")
    y = {
        "list": KIND.tolist(),
        "Series": pandas.Series(KIND, name="kind"),
        "categorical": pandas.Series(KIND, name="x").astype("category"),
        "frame": pandas.DataFrame({"kind": KIND, "size": KIND}),
    }[as_y]
    model = TabularClassifier(**SMALL).fit(frame, y)
    names = {"list": ("y",), "categorical": ("x_",), "frame": ("kind", "size")}
    assert model.model_.schema.target_names == names.get(as_y, ("kind",))


# --- classes


LABELS = {
    "text of numbers": np.array(["9", "10", "x1"]),  # sorted as text; by value 9 is before 10
    "numbers as text": np.array(["10", "9", "8"]),
    "whole": np.array([3, -1, 20]),
    "large": np.array([2**60, 2**60 + 1, 7]),
    "floats": np.array([2.0, 10.0, -1.0]),
    "objects": np.array(["é", "", "b"], object)[[0, 2, 2]],
    "truth values": np.array([True, False, False]),
    "big-endian": np.array([3, 1, 2], ">i4"),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_come_back_as_they_were(labels, tmp_path):
    codes = np.arange(N) % 3
    X, y = codes[:, None], labels[codes]
    model = TabularClassifier(quick=True, epochs=30, hidden=(32,)).fit(X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) == 1.0
    model.save(tmp_path / "m")
    again = TabularClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.classes_.dtype == model.classes_.dtype


@pytest.mark.parametrize("label", ["NA", "", "?", "-9"])
def test_a_label_that_means_a_missing_cell_is_named(label):
    y = np.where(KIND == "a", label, KIND).astype(object)
    row = int(np.flatnonzero(y == label)[0]) + 1
    with pytest.raises(ValueError, match=f"row {row}: the label '.{{0,2}}' means a missing cell"):
        TabularClassifier(missing=["-9"]).fit(Z[:, None], y)


def test_a_class_whose_rows_all_have_the_weight_0_has_the_probability_0(frame):
    weight = (KIND != "b").astype(float)
    model = TabularClassifier(**SMALL).fit(frame, KIND, weight)
    P = model.predict_proba(frame)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert (P[:, 1] == 0).all()
    np.testing.assert_allclose(P.sum(axis=1), 1)


def test_weights_of_classes_are_given_by_label():
    y = np.tile([-2.0, 2.0], N // 2)
    X = np.arange(N)[:, None] // 2  # of two equal rows, one of each class
    for heavy in (-2.0, 2.0):
        weights = {-2.0: 1.0, 2.0: 1.0, heavy: 1000.0}
        model = TabularClassifier(class_weight=weights, quick=True, epochs=20).fit(X, y)
        assert (model.predict(X) == heavy).all()
    # a class that these rows lack
    TabularClassifier(class_weight={-2: 1.0, 2: 1.0, 7: 1.0}, **OF_ARRAY).fit(X, y)
    with pytest.raises(ValueError, match="class '3'"):
        TabularClassifier(class_weight={-2: 1.0, 3: 1.0}, **OF_ARRAY).fit(X, y)


# --- several targets


def test_several_targets_have_a_column_each(frame, tmp_path):
    kinds = np.column_stack([KIND, np.where(Z > 1, "u", "v")])
    model = TabularClassifier(**SMALL).fit(frame, kinds)
    assert [own.tolist() for own in model.classes_] == [["a", "b", "c"], ["u", "v"]]
    assert [P.shape for P in model.predict_proba(frame)] == [(N, 3), (N, 2)]
    plain = train({**Table(DATA).columns, "y0": kinds[:, 0], "y1": kinds[:, 1]}, ["y0", "y1"],
                  **SMALL)  # fmt: skip
    np.testing.assert_array_equal(model.predict(frame), plain.predict(DATA))
    model.save(tmp_path / "m")
    again = TabularClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))


def test_several_quantities_have_intervals_each(frame):
    sizes = np.column_stack([SIZE, -Z])
    model = TabularRegressor(**SMALL).fit(frame, sizes)
    assert model.predict(frame).shape == (N, 2)
    ends = model.predict_interval(frame, 0.8)
    assert ends.shape == (N, 2, 2)
    assert (ends[..., 0] < ends[..., 1]).all()
    assert np.isfinite(model.score(frame, sizes))


def test_intervals_are_the_models(frame):
    model = TabularRegressor(**SMALL, log_target=True).fit(frame, SIZE)
    found = model.predict_interval(frame, coverage=0.7)
    np.testing.assert_array_equal(found, model.model_.intervals(DATA, 0.7))
    with pytest.raises(ValueError, match="train without quick"):
        TabularRegressor(quick=True, **SMALL).fit(frame, SIZE).predict_interval(frame)


# --- weights of rows


@both
def test_rows_of_weight_0_do_not_count(kind, y, frame):
    w = RNG.integers(0, 3, N).astype(float)
    there = np.flatnonzero(w)
    a = kind(**SMALL).fit(frame, y, sample_weight=w)
    b = kind(**SMALL).fit(frame.iloc[there], y[there], w[there])
    np.testing.assert_array_equal(answers(a, frame), answers(b, frame))
    plain = kind(**SMALL).fit(frame.iloc[there], y[there])
    assert not np.array_equal(answers(a, frame), answers(plain, frame))


@both
def test_weights_are_the_column_of_train(kind, y, frame):
    w = RNG.integers(1, 4, N).astype(float)
    model = kind(**SMALL).fit(frame, y, w)
    plain = train({**Table(DATA).columns, "w": w, "y": y}, "y", weight="w", **SMALL)
    np.testing.assert_array_equal(model.model_.outputs(DATA), plain.outputs(DATA))


@both
@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_a_weight_that_is_none_is_refused(kind, y, bad, frame):
    with pytest.raises(ValueError, match=r"(?i)negative|nan"):
        kind(**SMALL).fit(frame, y, np.where(np.arange(N) == 3, bad, 1.0))


BAD_REFITS = {
    "weights": lambda X, y: (X, y, np.full(N, -1.0)),
    "a label": lambda X, y: (X, ["NA", *y[1:]], None),
    "a number": lambda X, y: (X, [np.nan, *y[1:]], None),
    "a cell": lambda X, y: (X.assign(x=np.inf), y, None),
    "other columns": lambda X, y: (X[["x"]].assign(z=[[1]] * N), y, None),
    "an array": lambda X, y: (np.full((N, 2), np.inf), y, None),
    "no y": lambda X, y: (X, None, None),
}


@both
@pytest.mark.parametrize("bad", BAD_REFITS.values(), ids=BAD_REFITS)
def test_a_refit_that_raises_leaves_the_estimator_as_it_was(kind, y, bad, frame):
    model = kind(**SMALL).fit(frame, y)
    before, answered = dict(vars(model)), answers(model, frame)
    other = np.where(Z > 0, "new", "labels") if kind is TabularClassifier else -SIZE
    with pytest.raises((ValueError, TypeError)):
        model.fit(*bad(frame, other))
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())
    np.testing.assert_array_equal(answers(model, frame), answered)


@both
def test_a_refit_forgets_the_names_of_a_frame(kind, y, frame):
    model = kind(**OF_ARRAY).fit(frame[["x"]], y)
    assert model.fit(Z[:, None], y) is model
    assert not hasattr(model, "feature_names_in_")


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


# --- files


@both
@pytest.mark.parametrize("as_array", [False, True])
def test_a_saved_estimator_is_the_same(kind, y, as_array, frame, tmp_path):
    X = frame.to_numpy() if as_array else frame
    ignore = ["x4"] if as_array else ["once"]
    model = kind(**{**SMALL, "ignore": ignore}).fit(X, y)
    model.save(tmp_path / "m")
    again = kind.load(tmp_path / "m")
    np.testing.assert_array_equal(answers(again, X), answers(model, X))
    assert again.n_features_in_ == len(DATA)
    assert hasattr(again, "feature_names_in_") != as_array
    wide = kind.load(tmp_path / "m", dtype="float64")
    assert (wide.dtype, wide.model_.network.dtype, again.dtype) == ("float64", "float64", "float32")
    np.testing.assert_allclose(answers(wide, X), answers(model, X), rtol=1e-4)
    again.save(tmp_path / "n")
    assert (tmp_path / "n").read_bytes() == (tmp_path / "m").read_bytes()
    load(tmp_path / "m").save(tmp_path / "n")
    assert (tmp_path / "n").read_bytes() == (tmp_path / "m").read_bytes()
    other = {TabularClassifier: TabularRegressor, TabularRegressor: TabularClassifier}[kind]
    with pytest.raises(ValueError, match="is not for"):
        other.load(tmp_path / "m")


@both
def test_a_model_of_train_loads_with_its_columns(kind, y, frame, tmp_path):
    model = train({**Table(DATA).columns, "y": y}, "y", **SMALL)
    model.save(tmp_path / "m")
    again = kind.load(tmp_path / "m")
    assert again.feature_names_in_.tolist() == ["x", "holes", "day", "colour"]
    X = frame.drop(columns="once")
    np.testing.assert_array_equal(again.predict(X), model.predict(DATA))


DAMAGE = {
    "no JSON": "{",
    "a column less": lambda found: found["columns"].remove("x"),
    "a class less": lambda found: found["labels"][0]["values"].remove("a"),
    "no dtype": lambda found: found["labels"][0].update(dtype="what"),
    "dates": lambda found: found["labels"][0].update(dtype="<M8[D]"),
    "wide": lambda found: found["labels"][0].update(dtype="<U1000000000"),
    "no order": lambda found: found["labels"][0]["values"].reverse(),
    "more": lambda found: found.update(more=1),
    "fewer targets": lambda found: found["labels"].clear(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_an_error_of_the_file(damage, frame, tmp_path):
    path = tmp_path / "m"
    TabularClassifier(**SMALL).fit(frame, KIND).save(path)
    model = load(path)
    if isinstance(damage, str):
        text = damage
    else:
        found = json.loads(model.estimator)
        damage(found)
        text = json.dumps(found)
    replace(model, estimator=text).save(path)
    with pytest.raises(FileError, match="m' has an estimator's entry that can't be used: "):
        TabularClassifier.load(path)


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
