"""One table as a CSV and as a data frame: truth values, and text that is written differently."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.support.tables import frame_of, written
from xpnet.cli import main
from xpnet.tables import Model, Table, load, train
from xpnet.tables.targets import Classes
from xpnet.tables.truths import as_written, truths

N = 60
TRUE = [i % 3 == 0 for i in range(N)]
SPELLINGS = {"lower": str.lower, "upper": str.upper, "title": str.title}


def rows_of(spelling: str) -> Table:
    """A flag in that case, which decides the quantity, and the target of truth values."""
    flag = [SPELLINGS[spelling](str(value)) for value in TRUE]
    return Table({"flag": flag, "y": [3 * v + 0.5 for v in TRUE], "same": flag})


def quick(table: object, target: str | list[str], **keywords: object) -> Model:
    return train(table, target, quick=True, epochs=60, hidden=(32,), **keywords)


@pytest.mark.parametrize("embed", [None, {"flag": 2}])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_truth_values_are_the_same_categories_in_any_case(spelling, embed):
    model = quick(rows_of(spelling), "y", ignore=["same"], embed=embed)
    expected = model.predict(rows_of(spelling))
    assert np.ptp(expected) > 0.01
    for other in SPELLINGS:
        assert (model.predict(rows_of(other)) == expected).all()
        assert model.news(rows_of(other)) == []


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_frames_truth_values_are_those_of_a_csv(library, path):
    text = "flag,y\n" + "".join(f"{str(v).upper()},{3 * v}.5\n" for v in TRUE)
    model = quick(written(path, text), "y")
    frame = frame_of(library, {"flag": TRUE})
    assert (model.predict(frame) == model.predict(path)).all()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_target_of_truth_values_is_predicted_as_such(spelling, tmp_path):
    table = rows_of(spelling)
    model = quick(table, "same", ignore=["y"])
    found = model.predict(table)
    assert found.dtype == bool
    assert (found == np.array(TRUE)).all()
    assert set(model.predictions(table)["prediction"]) == set(table.columns["same"])
    scores = [model.evaluate(rows_of(other)) for other in SPELLINGS]
    assert scores[0]["accuracy"] == 1
    assert scores[0] == scores[1] == scores[2]
    model.save(tmp_path / "m.safetensors")
    assert (load(tmp_path / "m.safetensors").predict(table) == found).all()


def test_targets_of_different_kinds_are_text():
    table = rows_of("upper")
    table = Table({**table.columns, "whole": [1 + value for value in TRUE]})
    model = quick(table, ["same", "whole"], task="classification", ignore=["y"])
    assert model.predict(table).tolist() == [["TRUE", "2"] if v else ["FALSE", "1"] for v in TRUE]


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (["FALSE", "TRUE"], {"FALSE": False, "TRUE": True}),
        (["true"], {"true": True}),
        (["", "False", "NA"], {"False": False}),
        (["TRUE", "true"], {}),
        (["TRUE", "yes"], {}),
        ([], {}),
    ],
)
def test_truth_values_are_true_and_false_each_in_one_way(known, found):
    assert truths(known) == found
    cells = ["true", "TRUE", "other"]
    expected = [next((k for k, v in found.items() if v), cell) for cell in cells[:2]]
    assert as_written(cells, known) == [*expected, "other"]


def test_a_class_that_a_missing_cell_may_be_called_keeps_the_classes_text():
    assert Classes("y", ("True", "missing")).labels().tolist() == ["True", "missing"]


CODES = Table({"plz": [f"{i % 6:05}" for i in range(N)], "y": [i % 6 % 2 for i in range(N)]})
NUMBERS = Table({"plz": [i % 6 for i in range(N)], "y": CODES.columns["y"]})
CALLS = [Model.predict, Model.predict_proba, Model.predictions, Model.evaluate]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reverse", [False, True])
def test_text_that_is_mostly_other_is_warned_of_once_a_call(call, reverse):
    old, new = (NUMBERS, CODES) if reverse else (CODES, NUMBERS)
    model = quick(old, "y", text=["plz"], networks=2)
    with pytest.warns(UserWarning, match='60 of 60 cells are "other"') as caught:
        call(model, new)
    assert [str(one.message) for one in caught] == model.news(new)
    assert "the training rows have" in model.news(new)[0]
    assert caught[0].filename == __file__
    call(model, old)  # without a warning


def test_intervals_warn_too():
    y = [i % 6 + 0.5 for i in range(N)]
    old, new = (Table({"plz": t.columns["plz"], "y": y}) for t in (CODES, NUMBERS))
    model = train(old, "y", text=["plz"], epochs=2, hidden=(4,))
    with pytest.warns(UserWarning, match='are "other"'):
        model.intervals(new)


def test_half_of_the_cells_may_be_new():
    model = quick(CODES, "y", text=["plz"])
    model.predict(Table({"plz": ["00001", "x"]}))
    assert len(model.news(Table({"plz": ["00001", "x"]}))) == 1
    with pytest.warns(UserWarning, match="2 of 3"):
        model.predict(Table({"plz": ["00001", "x", "x"]}))


def test_a_cross_validation_does_not_warn():
    """Its parts have the texts of all rows, most of which may be rare."""
    keys = [str(i) if i % 10 else "often" for i in range(N)]
    table = Table({"key": keys, "y": CODES.columns["y"]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(table, "y", text=["key"], cv=2)


def test_the_command_says_it_once(path: Path, capsys, monkeypatch):
    beside: list[str] = []
    monkeypatch.setattr("xpnet.tables.predictor.warn", beside.append)
    model = path.with_suffix(".safetensors")
    quick(CODES, "y", text=["plz"]).save(model)
    written(path, "plz\n1\n2\n")
    assert main(["predict", str(model), str(path), "--out", str(path.parent / "p.csv")]) == 0
    assert capsys.readouterr().err.count("2 of 2 cells") == 1
    assert beside == []
