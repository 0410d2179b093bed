"""What is decided once for a whole table, whatever rows are trained on."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

import xpnet
from tests.support.command import train as command
from tests.support.command import write
from tests.support.helpers import needed
from xpnet.cli import main
from xpnet.tables import Schema, Table, load, train
from xpnet.tables.described import readings
from xpnet.tables.model import Model

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=N)
KIND = ["p", "q"] * (N // 2)


def text(values) -> list[str]:
    return [f"{value:.6f}" for value in values]


# --- how columns are written


def test_a_row_held_out_decides_how_dates_are_read_too(tmp_path, capsys):
    """Of 1/2/2020 nothing shows which part is the month; of 25/2/2020 all is shown."""
    rows = [["d", "x", "y"], *([f"{1 + i % 9}/2/2020", i % 5, KIND[i]] for i in range(N))]
    held = xpnet.tables.held_out(np.array(KIND), N, 0.2)[1]
    rows[1 + int(held[0])][0] = "25/2/2020"
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m.safetensors"
    assert main(command(data, "y", model, "--quick", "--epochs=2")) == 0
    said = capsys.readouterr().out
    assert "column 'd' is read as dates such as 31.1.2020 or 31/1/2020 (day first)" in said
    assert load(model).schema.columns[0].notation.order == "dmy"


def test_a_bad_cell_of_a_row_held_out_is_an_error_before_any_training(tmp_path, capsys):
    rows = [["x", "y"], *([i / 7, KIND[i]] for i in range(N))]
    held = xpnet.tables.held_out(np.array(KIND), N, 0.2)[1]
    rows[1 + int(held[0])][0] = "oops"
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m.safetensors"
    assert main(command(data, "y", model, "--quick")) == 1
    assert f"line {2 + int(held[0])}, column 'x': 'oops' is not among" in capsys.readouterr().err
    assert not model.exists()


def test_a_part_of_a_cross_validation_reads_columns_as_the_whole():
    cells = [f"{i},5" if i % 2 else f"{i}" for i in range(N)]
    cells[7] = "1,2345"  # the only cell whose comma is no thousands separator for sure
    table = Table({"x": cells, "y": KIND})
    model = train(table, "y", quick=True, epochs=1, cv=3)
    assert model.schema.columns[0].notation.decimal == ","
    assert set(model.cv_score) == {"accuracy", "accuracy_sd", "log_loss", "log_loss_sd"}


def test_a_cross_validation_gives_mean_and_sample_standard_deviation(monkeypatch):
    evaluate, each = Model.evaluated, []

    def evaluated(self: Model, table: Table, weight: str | None) -> dict[str, float]:
        each.append(evaluate(self, table, weight))
        return each[-1]

    monkeypatch.setattr(Model, "evaluated", evaluated)
    found = train(Table({"x": X, "y": X**3}), "y", quick=True, epochs=1, cv=4).cv_score
    assert len(each) == 4
    rmse = [scores["rmse"] for scores in each]
    assert found["rmse"] == pytest.approx(statistics.mean(rmse), rel=1e-12)
    assert found["rmse_sd"] == pytest.approx(statistics.stdev(rmse), rel=1e-12)


def test_what_the_user_says_of_the_target_holds():
    y = [f"{1 + i % 3}.{i:03d}" for i in range(N)]
    table = Table({"x": X, "y": y})
    plain = train(table, "y", quick=True, epochs=1)
    told = train(table, "y", quick=True, epochs=1, read_as={"y": "decimal-comma"})
    assert told.schema.target.mean == pytest.approx(1000 * plain.schema.target.mean)
    assert train(table, "y", quick=True, epochs=1, read_as={"y": "text"}, missing=["none"])
    assert table.notation("y").thousands == ""  # the table itself is as before


def test_iterators_are_read_once():
    table = Table({"x": X, "key": [str(i // 2) for i in range(N)], "k": np.arange(N) % 3, "y": X})
    model = train(table, "y", epochs=1, ignore=iter(["key"]), text=iter(["k"]), missing=iter(["-"]))
    assert model.columns == ("x", "k")
    assert model.schema.columns[1].kind == "categories"
    assert model.schema.holes == ("-",)


def test_dates_are_no_target():
    dates = [f"2020-01-{1 + i % 28:02d}" for i in range(N)]
    with pytest.raises(ValueError, match="column 'd' has dates, which cannot be predicted"):
        train(Table({"x": X, "d": dates}), "d", quick=True)


# --- columns that may mean something else


def test_what_a_column_may_mean_is_said():
    table = Table(
        {
            "zip": [f"0{2100 + i}" for i in range(N)],
            "inhabitants": [f"{1 + i % 9}.{100 + i}" if i % 3 else f"{i}" for i in range(N)],
            "area": [f"{i},5" for i in range(N)],
            "row number": np.random.default_rng(1).permutation(N),
            "count": np.arange(N) % 7,
            "price": [f"{i}.{i % 10}" for i in range(N)],
        }
    )
    found = list(readings(table, table.names))
    said = {text.split("'")[1]: text for text in found}
    assert len(found) == len(said) == 4
    assert "such as '02100': if they are codes, --text zip" in said["zip"]
    assert "if the point separates thousands, --as inhabitants:" in said["inhabitants"]
    assert said["area"].endswith("numbers such as 1234,5 (decimal comma)")
    assert "--ignore 'row number' (ignore=)" in said["row number"]
    others = [name for name in table.names if name != "area"]
    assert "inhabitants" not in " ".join(readings(table, others))  # nothing shows a comma


# --- scores


def test_a_part_of_equal_targets_has_no_r2_and_the_file_loads(tmp_path):
    y = np.where(np.arange(N) < N // 2, 1.5, X)
    model = train(Table({"x": X, "y": y}), "y", quick=True, epochs=1, cv=N)
    assert all(math.isfinite(value) for value in model.cv_score.values())
    assert {"rmse", "rmse_sd"} <= model.cv_score.keys()
    model.save(tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").cv_score == model.cv_score


def test_a_class_that_a_part_lacks_is_still_a_class():
    kind = ["p", "q"] * (N // 2 - 1) + ["p", "rare"]
    model = train(Table({"x": X, "y": kind}), "y", quick=True, epochs=1, cv=3)
    assert model.classes == ("p", "q", "rare")


def test_rows_without_a_target_are_not_judged():
    table = Table({"x": X, "y": X})
    model = train(table, "y", quick=True, epochs=2)
    holes = Table({"x": [*X, 1.0], "y": [*X, None]})
    assert model.evaluate(holes) == model.evaluate(table)
    with pytest.raises(ValueError, match="has no column 'y'"):
        model.evaluate(Table({"x": X}))


# --- predictions


def test_classes_of_whole_numbers_are_numbers(tmp_path):
    score = needed("sklearn.metrics").accuracy_score
    codes = np.arange(N) % 2
    model = train(Table({"x": codes + 0.1 * X, "y": codes}), "y", quick=True)
    found = model.predict(Table({"x": codes}))
    assert found.dtype == np.int64
    assert score(codes, found) == 1
    assert model.classes == ("0", "1")
    names = train(Table({"x": codes, "y": ["01", "02"] * (N // 2)}), "y", quick=True)
    assert names.predict(Table({"x": codes})).dtype.kind == "U"


def test_news_and_columns_are_those_of_all_members():
    one = train(Table({"x": X, "y": KIND}), "y", quick=True, epochs=1)
    two = train(Table({"k": KIND, "y": KIND}), "y", quick=True, epochs=1)
    both = Model((*one.members, *two.members))
    assert both.columns == ("x", "k")
    said = both.news(Table({"x": [1e9, 0.0], "k": ["new", "p"]}))
    assert [sentence.partition(", ")[2][:10] for sentence in said] == ["column 'x'", "column 'k'"]


@pytest.mark.parametrize("networks", [2, 5])
def test_what_one_of_several_networks_was_trained_on_is_no_news(networks):
    """Each lacks other rows: one of them the only hole, the earliest day, or a rare category."""
    ends = np.where(np.arange(N) == 3, -50.0, X)
    holes = [None if i == 7 else float(x) for i, x in enumerate(X)]
    days = ["1990-01-01" if i == 9 else f"2024-01-{1 + i % 28:02d}" for i in range(N)]
    text = ["rare" if i < 6 else "uv"[i % 2] for i in range(N)]
    columns = {"ends": ends, "holes": holes, "days": days, "text": text, "codes": text}
    table = Table({**columns, "y": X})
    embed = {"codes": 2}
    model = train(table, "y", networks=networks, epochs=1, hidden=(4,), embed=embed)
    assert model.news(table) == []
    new = {"ends": [-500.0], "holes": [1e9], "days": ["2500-01-01"], "text": ["w"], "codes": ["w"]}
    said = "\n".join(model.news(Table(new)))
    assert all(said.count(f"column '{name}'") == 1 for name in columns)
    assert said.count("\n") == 4
    assert "outside of the training rows' -50 to " in said


def test_many_rows_are_predicted_in_blocks(monkeypatch):
    model = train(Table({"x": X, "y": X}), "y", quick=True, epochs=1)
    whole = model.predict(Table({"x": X}))
    monkeypatch.setattr("xpnet.tables.predictor._BLOCK", 7)
    np.testing.assert_allclose(model.predict(Table({"x": X})), whole, rtol=1e-6)


def test_a_file_that_is_no_model_is_not_replaced(tmp_path):
    model = train(Table({"x": X, "y": X}), "y", quick=True, epochs=1)
    own = tmp_path / "own.csv"
    own.write_text("a,b\n1,2\n")
    with pytest.raises(FileExistsError, match="exists and is not a model"):
        model.save(own)
    assert own.read_text() == "a,b\n1,2\n"
    model.save(tmp_path / "m")
    model.save(tmp_path / "m")  # a model is replaced


# --- the command


def test_a_class_too_small_to_hold_any_out_is_trained_on_only(tmp_path, capsys):
    kind = [*KIND[:-1], "rare"]
    rows = [["x", "y"], *zip(text(X), kind, strict=True)]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "m"
    assert main(command(data, "y", model, "--quick", "--epochs=1")) == 0
    said = capsys.readouterr().out
    assert "1 class has too few rows to hold any out: trained on only" in said
    assert load(model).classes == ("p", "q", "rare")


def test_an_index_without_a_name_is_left_out(tmp_path, capsys):
    rows = [
        ["", "x", "y"],
        *([i, x, k] for i, (x, k) in enumerate(zip(text(X), KIND, strict=True))),
    ]
    data = write(tmp_path / "t.csv", rows)
    assert xpnet.tables.read_csv(data).names == ("x", "y")
    assert main(command(data, "y", tmp_path / "m", "--quick", "--epochs=1")) == 0
    assert "the first column has no name and is left out" in capsys.readouterr().out


UNITS = [f"{i} {'kg' if i % 3 else 'g'}" for i in range(N)]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (UNITS, "text such as '0 g': if these are quantities, write all of them in one unit"),
        ([f"{'$' if i % 2 else '€'}{i % 9},{i}" for i in range(N)], "text such as '€0,0': if"),
        ([f"1.{i} m²" for i in range(N)], "text such as '1.0 m²'"),
        ([*UNITS[:50], *["?", "", "many", "NA"] * 2, *UNITS[58:]], "text such as '0 g'"),
        ([f"{i // 2} kg or more" for i in range(N)], ""),
        ([f"k{i}" for i in range(N)], ""),
        (["1 kg", "2 kg", "3 g", "4 g"] * 15, ""),
        ([*UNITS[:50], *"abcdefghij"], ""),
    ],
)
def test_quantities_with_units_are_doubted(cells, said):
    doubts = list(readings(Table({"m": cells}), ["m"]))
    assert len(doubts) == bool(said)
    assert all(doubt.startswith("column 'm' is " + said) for doubt in doubts)


@pytest.mark.parametrize(("n", "doubted"), [(256, False), (257, True)])
def test_more_categories_than_have_columns_are_said(n, doubted, tmp_path, capsys):
    cells = [f"c{i // 2}" for i in range(2 * n)]
    table = Table({"c": cells})
    said = ["column 'c' has 257 categories, of which the 256 most frequent are told apart: "
            "--embed c (embed=) learns numbers for up to 10,000"]  # fmt: skip
    assert list(readings(table, ["c"])) == (said if doubted else [])
    assert main(["describe", str(write(tmp_path / "t.csv", [["c"], *([c] for c in cells)]))]) == 0
    assert "257 columns, one for each of the 256 most frequent" in capsys.readouterr().out


def test_weights_are_not_doubted_as_inputs_are(tmp_path, capsys):
    """Counts of people vary a thousandfold, and such a weight squeezes no column."""
    rows = [["x", "w", "y"], *([i % 9, 1 + i % 2 + 10**6 * (i == 7), KIND[i]] for i in range(N))]
    data = write(tmp_path / "t.csv", rows)
    options = "--quick", "--epochs=1", "--validation=0"
    assert main(command(data, "y", tmp_path / "m", *options)) == 0
    assert "column 'w': 1 cell is far from all others" in capsys.readouterr().out
    assert main(command(data, "y", tmp_path / "m", "--weight=w", *options)) == 0
    assert "column 'w'" not in capsys.readouterr().out


def test_describe_goes_on_after_a_bad_cell(tmp_path, capsys):
    rows = [["x", "y"], *zip(text(X), KIND, strict=True)]
    rows = [list(row) for row in rows]
    rows[9][0] = "oops"
    assert main(["describe", str(write(tmp_path / "t.csv", rows))]) == 0
    said = capsys.readouterr().out
    assert "line 10, column 'x': 'oops' is not among the column's numbers" in said
    assert "'y': text, 2 different" in said


def test_a_model_that_is_no_better_than_the_baseline_is_said_so(tmp_path, capsys):
    rows = [["x", "y"], *([x, KIND[i]] for i, x in enumerate(text(RNG.permutation(X))))]
    data = write(tmp_path / "t.csv", rows)
    assert main(command(data, "y", tmp_path / "m", "--quick", "--epochs=1")) == 0
    said = capsys.readouterr().out.splitlines()
    accuracy, baseline = (float(line.split()[2].strip(",")) for line in said[-3:-1])
    assert (said[-1] == "the model is no better than the baseline") == (accuracy <= baseline)


def test_a_schema_reads_columns_as_told_without_changing_the_table():
    table = Table({"x": ["1", "2"] * (N // 2), "y": KIND})
    told = Schema.fit(table, "y", read_as={"x": "text"})
    assert told.columns[0].kind == "categories"
    assert Schema.fit(table, "y").columns[0].kind == "numeric"
