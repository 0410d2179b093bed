"""`TabularClassifier` and `TabularRegressor`: the recipe for tables, with the same bits."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from tests.support.command import predict as predict_command
from tests.support.command import rows_of
from tests.support.command import train as train_command
from tests.support.helpers import needed
from tests.support.tables import MAKERS, frame_of
from tests.support.tabular import DATA, KIND, OF_ARRAY, SIZE, SMALL, N, Z, answers, both
from xpnet.cli import main
from xpnet.estimators import TabularClassifier, TabularRegressor
from xpnet.tables import Table, train, write_csv


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


def test_several_targets_score_rows_that_are_all_right(frame):
    kinds = np.column_stack([KIND, np.where(Z > 1, "u", "v")])
    model = TabularClassifier(**SMALL).fit(frame, kinds)
    right, w = np.all(model.predict(frame) == kinds, axis=1), np.arange(N) + 1.0
    assert model.score(frame, kinds) == np.mean(right)
    assert model.score(frame, kinds, w) == pytest.approx(np.average(right, weights=w))
    assert np.isfinite(cross_val_score(model, frame, kinds, cv=2)).all()
    with pytest.raises(ValueError, match=r"y must be \(60, 2\), a column for each target"):
        model.score(frame, KIND)


def test_a_frame_of_targets_may_have_text_beside_numbers_and_truth_values(frame, tmp_path):
    Y = frame_of("pandas", {"u": KIND, "v": (Z > 0).astype(int) * 10, "w": Z > 1})
    model = TabularClassifier(**SMALL).fit(frame, Y)
    assert [own.tolist() for own in model.classes_] == [["a", "b", "c"], [0, 10], [False, True]]
    assert model.score(frame, Y) == np.mean(np.all(model.predict(frame) == Y.to_numpy(), axis=1))
    model.save(tmp_path / "m")
    again = TabularClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match=r"`y\[:, 1\]` has labels of the types int, str"):
        TabularClassifier(**SMALL).fit(frame, Y.assign(v=["a", 1] * (N // 2)))


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


@both
def test_a_lazy_frame_is_refused(kind, y):
    frame = needed("polars").LazyFrame({"a": np.arange(float(N))})
    with pytest.raises(TypeError, match=r"it is lazy, a LazyFrame: pass frame\.collect\(\)"):
        kind(**SMALL).fit(frame, y)


@both
def test_missing_texts_that_are_none_are_refused(kind, y):
    with pytest.raises(TypeError, match=r"missing must be a list of texts.*got \[\[3\]\]"):
        kind(**SMALL, missing=[[3]]).fit(np.ones((N, 2)), y)
