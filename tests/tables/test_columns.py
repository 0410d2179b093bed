"""The columns of schema version 2: numbers with flags, categories with "other", moments."""

from __future__ import annotations

import calendar
import datetime
import math

import numpy as np
import pytest

from xpnet.tables import Schema, Table
from xpnet.tables.bounded import Bounded
from xpnet.tables.categorical import Categories, Codes
from xpnet.tables.moment import Moment, fit_numbers
from xpnet.tables.notations import PLAIN, Notation
from xpnet.tables.numeric import Numeric

Y = {"y": ["p", "q"] * 30}
RNG = np.random.default_rng(0)


# --- numbers


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("text", [False, True])
def test_a_hole_is_zeros_and_a_flag(text, pieces):
    x = RNG.normal(size=60)
    cells = [f"{v:.17g}" for v in x] if text else x.tolist()
    cells[3] = cells[40] = "" if text else None
    table = Table({"x": cells, **Y})
    schema = Schema.fit(table, "y", pieces=pieces)
    (column,) = schema.columns
    assert (column.flag, column.width) == (True, column.rule.width + 1)
    assert schema.input_names()[-1] == "x is missing"
    X, there = schema.features(table), np.delete(x, [3, 40])
    assert column.rule == Bounded.fit(there, 2 if pieces else 0)  # holes move no quantile
    np.testing.assert_array_equal(X[:, -1], np.isin(np.arange(60), [3, 40]))
    np.testing.assert_array_equal(X[[3, 40], :-1], 0)
    np.testing.assert_array_equal(np.delete(X, [3, 40], 0)[:, :-1], column.rule.encode(there))


def test_there_is_no_flag_without_holes_and_a_later_hole_is_zeros_and_told():
    table = Table({"x": RNG.normal(size=60), **Y})
    schema = Schema.fit(table, "y", pieces=True)
    assert not schema.columns[0].flag
    later = Table({"x": [1.0, None, math.nan]})
    X = schema.features(later)
    assert X.shape == (3, schema.width)
    np.testing.assert_array_equal(X[1:], 0)
    (said,) = schema.news(later)
    assert said == "the table, column 'x': 2 missing (first in row 2); the training rows had none"
    flagged = Schema.fit(Table({"x": [None, *RNG.normal(size=59)], **Y}), "y")
    assert list(flagged.news(later)) == []


def test_holes_of_rows_that_are_not_trained_on_make_no_flag():
    table = Table({"x": [*RNG.normal(size=59), None], **Y})
    assert not Schema.fit(table, "y", rows=np.arange(59)).columns[0].flag
    assert Schema.fit(table, "y").columns[0].flag


def test_a_column_without_any_number_is_left_out():
    table = Table({"x": [None] * 60, "z": RNG.normal(size=60), **Y})
    with pytest.warns(UserWarning, match="column 'x' is left out: all cells are missing in the tr"):
        assert [column.name for column in Schema.fit(table, "y").columns] == ["z"]
    half = Table({"x": [None] * 30 + [1.0] * 30, "z": RNG.normal(size=60), **Y})
    with pytest.warns(UserWarning, match="column 'x' is left out"):
        assert len(Schema.fit(half, "y", rows=np.arange(30)).columns) == 1


@pytest.mark.parametrize("text", [False, True])
def test_a_code_for_missing_is_a_hole_in_text_and_in_numbers(text):
    cells = [-999.0 if i % 6 == 0 else i / 7 for i in range(60)]
    holes = [str(int(c)) if c == -999 else repr(c) for c in cells]
    table = Table({"x": holes if text else cells, **Y})
    schema = Schema.fit(table, "y", missing=["-999"])
    assert schema.holes == ("-999",)
    (column,) = schema.columns
    assert (column.rule.lowest, column.flag) == (pytest.approx(1 / 7), True)
    again = Schema.from_json(schema.to_json())
    np.testing.assert_array_equal(again.features(table)[:, -1], np.arange(60) % 6 == 0)


# --- categories


def test_rare_and_new_categories_are_other():
    cells = ["a"] * 30 + ["b"] * 27 + ["rare", "c", "c"]
    table = Table({"c": cells, **Y})
    schema = Schema.fit(table, "y")
    assert schema.columns == (Categories("c", ("a", "b", "c")),)
    X = schema.features(table)
    np.testing.assert_array_equal(X.sum(axis=0), [30, 27, 2, 1])
    assert schema.input_names() == ("c = a", "c = b", "c = c", "c = (other)")
    new = Table({"c": ["new", "rare", "a", "", "other"]})
    np.testing.assert_array_equal(schema.features(new), np.eye(4)[[3, 3, 0, 3, 3]])
    (said,) = schema.news(new)
    assert said.startswith("the table, column 'c': 4 of 5 cells are \"other\": ")
    assert said.endswith(", …; the training rows have 'a', 'b', 'c'")


def test_a_missing_category_is_one_of_its_own():
    table = Table({"c": ["a", "", None] * 20, **Y})
    schema = Schema.fit(table, "y")
    assert schema.columns == (Categories("c", ("", "a")),)
    assert schema.input_names() == ("c = (missing)", "c = a", "c = (other)")
    np.testing.assert_array_equal(schema.features(table)[:3], np.eye(3)[[1, 0, 0]])
    assert list(schema.news(table)) == []
    told = Schema.fit(Table({"c": ["a", "-", "b"] * 20, **Y}), "y", missing=["-"])
    assert told.columns == (Categories("c", ("", "a", "b")),)
    np.testing.assert_array_equal(told.features(Table({"c": ["-", ""]})), np.eye(4)[[0, 0]])
    assert Schema.from_json(told.to_json()) == told


def test_a_category_called_other_or_missing_is_itself():
    table = Table({"c": ["other", "missing", ""] * 20, **Y})
    schema = Schema.fit(table, "y")
    np.testing.assert_array_equal(schema.features(table)[:3], np.eye(4)[[2, 1, 0]])
    assert schema.columns[0].known == ("", "missing", "other")


def test_codes_have_one_for_other():
    table = Table({"c": ["a"] * 30 + ["b"] * 29 + ["rare"], **Y})
    schema = Schema.fit(table, "y", embed={"c": 2})
    assert schema.columns == (Codes("c", ("a", "b"), 2),)
    assert schema.features(Table({"c": ["b", "new", "a", ""]}))[:, 0].tolist() == [1, 2, 0, 2]
    (layer,) = schema.input_layers()
    assert (layer.categories, layer.dims) == ((3,), (2,))
    assert Schema.from_json(schema.to_json()) == schema


# --- moments

DATE = Notation("date", order="ymd")
DAY = datetime.date(1970, 1, 1)


def iso(days) -> list[str | None]:
    """Days since 1970 as ISO text; NaN is a missing cell."""
    found = []
    for day in np.asarray(days, float).tolist():
        if math.isnan(day):
            found.append(None)
            continue
        date = np.datetime64("1970-01-01", "D") + np.timedelta64(math.floor(day), "D")
        seconds = round((day - math.floor(day)) * 86_400)
        time = np.timedelta64(seconds, "s")
        found.append(str(date.astype("datetime64[s]") + time) if seconds else str(date))
    return found


def moments(days: np.ndarray, **changes) -> tuple[Moment, np.ndarray, dict[str, np.ndarray]]:
    """The column fitted to days since 1970, its X, and its columns by name."""
    table = Table({"t": iso(days)})
    column = fit_numbers(table, "t", slice(None), DATE, (), changes.get("bins", 0))
    X = column.encode(table)
    assert X.shape == (len(days), column.width)
    assert len(set(column.names())) == column.width
    return column, X, dict(zip(column.names(), X.T, strict=True))


CALENDAR = [
    *(datetime.date(2023, m, 1) for m in range(1, 13)),
    *(datetime.date(y, 2, 28) + datetime.timedelta(d) for y in (1900, 2000, 2023, 2024)
      for d in range(3)),
    *(datetime.date(y, m, d) for y in (1, 1582, 1899, 1969, 9999) for m, d in ((1, 1), (12, 31))),
    *(datetime.date(2024, 7, 1) + datetime.timedelta(d) for d in range(14)),
    datetime.date(1969, 12, 31), DAY, datetime.date(1970, 1, 2),
]  # fmt: skip


def test_months_and_weekdays_are_those_of_the_calendar():
    """Leap years, the ends of months, and days before 1970 too."""
    days = np.array([(date - DAY).days for date in CALENDAR], float)
    column, _, found = moments(days)
    assert not column.hours
    for i, date in enumerate(CALENDAR):
        month = 2 * math.pi * (date.month - 1) / 12
        assert found["sine of t's month"][i] == pytest.approx(math.sin(month), abs=1e-12)
        assert found["cosine of t's month"][i] == pytest.approx(math.cos(month), abs=1e-12)
        thursday = (calendar.weekday(max(date.year, 1), date.month, date.day) - 3) % 7
        week = 2 * math.pi * thursday / 7
        assert found["sine of t's weekday"][i] == pytest.approx(math.sin(week), abs=1e-12)
        assert found["cosine of t's weekday"][i] == pytest.approx(math.cos(week), abs=1e-12)
    years = np.array([date.year for date in CALENDAR], float)
    np.testing.assert_array_equal(found["t's year"], Bounded.fit(years).encode(years)[:, 0])
    np.testing.assert_array_equal(found["t"], Bounded.fit(days).encode(days)[:, 0])


def test_december_is_as_near_to_january_as_june_to_july():
    days = np.array([(datetime.date(2023, m, 15) - DAY).days for m in range(1, 13)], float)
    _, _, found = moments(days)
    at = np.column_stack([found["sine of t's month"], found["cosine of t's month"]])
    steps = np.linalg.norm(at - np.roll(at, 1, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-12)


@pytest.mark.parametrize("day", [-719_162, -1, 0, 19_782])  # of the year 1, 1969, 1970, 2024
def test_hours_are_a_circle_if_training_had_any(day):
    days = day + np.arange(48) / 24
    column, X, found = moments(days)
    assert column.hours
    hour = 2 * np.pi * (np.arange(48) % 24) / 24
    np.testing.assert_allclose(found["sine of t's hour"], np.sin(hour), atol=1e-5)
    np.testing.assert_allclose(found["cosine of t's hour"], np.cos(hour), atol=1e-5)
    later = Table({"t": iso([day])})
    assert column.encode(later).shape == (1, X.shape[1])
    dates, _, names = moments(np.floor(days))
    assert not dates.hours
    assert not [name for name in names if "hour" in name]
    assert dates.encode(Table({"t": iso([day + 0.5])})).shape == (1, dates.width)


@pytest.mark.parametrize("bins", [0, 3])
def test_a_missing_moment_is_zeros_and_a_flag(bins):
    days = np.array([19_000.25, math.nan, 19_400.0, 19_800.5, 20_100.0])
    column, X, _ = moments(days, bins=bins)
    assert column.flag
    np.testing.assert_array_equal(X[:, -1], np.isnan(days))
    np.testing.assert_array_equal(X[1, :-1], 0)
    assert (np.abs(X[[0, 2, 3, 4]]).sum(axis=1) > 1).all()
    assert column.days.width == (bins + 1 if bins else 1)
    said = list(column.news(Table({"t": iso([19_000.0, 9e5])})))
    assert len(said) == 1
    assert "far outside" in said[0]
    assert fit_numbers(Table({"t": ["", "NA", ""]}), "t", slice(None), DATE, (), 0) is None


def test_a_moment_survives_json():
    column, _, _ = moments(np.array([19_000.25, math.nan, 19_400.0, 19_800.5]), bins=2)
    found = {"name": "t", **column.settings()}
    assert Moment.restore(found) == column
    for key, value, said in (
        ("days", None, "days is not a JSON object"),
        ("years", [], "years is not a JSON object"),
        ("days", {}, "'knots' is missing"),
        ("hours", 1, "'hours' must be true or false"),
        ("flag", None, "'flag' must be true or false"),
        ("notation", 3, "the notation is not a JSON object"),
    ):
        with pytest.raises(ValueError, match=said):
            Moment.restore({**found, key: value})
        with pytest.raises(ValueError, match=f"{key}"):
            Moment.restore({k: v for k, v in found.items() if k != key})


# --- only the training rows


def planted(target: np.ndarray, held: np.ndarray) -> tuple[Table, Table]:
    """A table, and one whose held-out rows tell the target in every column."""
    n = len(target)
    rng = np.random.default_rng(3)
    plain = {
        "number": rng.normal(size=n),
        "holes": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        "text": np.array(["u", "v", "w"])[rng.integers(0, 3, n)].astype(object),
        "codes": np.array(["k", "l"])[rng.integers(0, 2, n)].astype(object),
        "date": np.array(iso(19_000 + rng.integers(0, 900, n)), object),
    }
    told = {name: values.copy() for name, values in plain.items()}
    told["number"][held] = 1e6 * (1 + target[held])
    told["holes"][held] = np.where(target[held] == 1, np.nan, -1e9)
    told["text"][held] = [f"is {t}" for t in target[held]]
    told["codes"][held] = [f"is {t}" for t in target[held]]
    told["date"][held] = iso(np.where(target[held] == 1, -700_000.0, 900_000.5))
    made = [Table({**c, "y": target}) for c in (plain, told)]
    return made[0], made[1]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("pieces", [False, True])
def test_the_target_planted_into_held_out_rows_changes_no_training_row(task, pieces):
    target = np.random.default_rng(1).integers(0, 2, 60).astype(float)
    held = np.arange(60) % 5 == 0
    rows = np.flatnonzero(~held)
    schemas = []
    for table in planted(target, held):
        # a column of moments, as notations of dates will make it
        schema = Schema.fit(table, "y", task, rows=rows, embed={"codes": 2}, pieces=pieces,
                            ignore=["date"])  # fmt: skip
        moment = fit_numbers(table, "date", rows, DATE, (), 2 * pieces)
        schemas.append((schema, moment))
    (a, at), (b, bt) = schemas
    assert (a, at) == (b, bt)
    before, after = planted(target, held)
    np.testing.assert_array_equal(a.features(before)[rows], b.features(after)[rows])
    np.testing.assert_array_equal(at.encode(before)[rows], bt.encode(after)[rows])
    everyone = Schema.fit(after, "y", task, embed={"codes": 2}, pieces=pieces, ignore=["date"])
    assert everyone != a  # the same plant is seen if the rows are trained on
    if task == "regression":
        target[held] = 1e6
        outlying = Schema.fit(planted(target, held)[0], "y", task, rows=rows, ignore=["date"])
        assert (outlying.target.mean, outlying.target.scale) == (a.target.mean, a.target.scale)
        assert outlying.target.highest == a.target.highest


def test_a_numeric_column_knows_its_notation():
    table = Table({"x": ["1", "2", "3", "4"] * 15, **Y})
    (column,) = Schema.fit(table, "y").columns
    assert isinstance(column, Numeric)
    assert column.notation == PLAIN
