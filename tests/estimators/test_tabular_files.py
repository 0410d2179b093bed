"""Files of the table estimators."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.support.tabular import DATA, KIND, SMALL, answers, both
from xpnet.errors import FileError
from xpnet.estimators import TabularClassifier, TabularRegressor
from xpnet.tables import Table, load, train


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
