"""Dates, times and durations of frames and arrays read as a CSV's text and numbers do."""

from __future__ import annotations

import datetime as dt
import json
import re
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.support.helpers import needed
from tests.support.tables import MAKERS, frame_of, schema_refused
from xpnet.tables import Schema, Table, from_frame, read_csv, read_parquet
from xpnet.tables.notations import Notation

UTC, PARIS = dt.UTC, dt.timezone(dt.timedelta(hours=1))
DAY, NOON = dt.datetime(2024, 1, 5), dt.datetime(2024, 1, 5, 12, 30)
CASES = {
    "dates": ([dt.date(2024, 1, 5), None], ["2024-01-05", ""]),
    "whole days": ([DAY, None], ["2024-01-05", ""]),
    "times": ([NOON, None, DAY], ["2024-01-05T12:30:00", "", "2024-01-05T00:00:00"]),
    "zone": ([NOON.replace(tzinfo=UTC)], ["2024-01-05T12:30:00"]),
    "other zone": ([NOON.replace(tzinfo=PARIS), None], ["2024-01-05T11:30:00", ""]),
    "a midnight among others": (
        [DAY.replace(tzinfo=PARIS), NOON.replace(tzinfo=PARIS)],
        ["2024-01-04T23:00:00", "2024-01-05T11:30:00"],
    ),
    "time of day": ([dt.time(12, 30), None], ["12:30:00", ""]),
    "durations": ([dt.timedelta(1, 43_200), None], [1.5, np.nan]),
}


def moment(text: str) -> float:
    (value,), wrong = Notation("date", order="ymd").numbers(
        np.array([text], np.dtypes.StringDType())
    )
    assert len(wrong) == 0
    return value


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("library", [None, *MAKERS])
def test_moments_are_text_and_durations_are_days(library, case):
    values, expected = CASES[case]
    table = from_frame(frame_of(library, {"a": values})) if library else Table({"a": values})
    np.testing.assert_array_equal(table.columns["a"].tolist(), expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array(["2024-01-05", "NaT"], "M8[ns]"), ["2024-01-05", ""]),
        (np.array(["2024-01-05", "2025-01-01"], "M8[D]"), ["2024-01-05", "2025-01-01"]),
        (np.array(["2024", "2025"], "M8[Y]"), ["2024-01-01", "2025-01-01"]),
        (
            np.array(["2024-01-05T12", "2024-01-05"], "M8[h]"),
            ["2024-01-05T12:00:00", "2024-01-05T00:00:00"],
        ),
        (np.array(["2024-01-05T12:30:00.5"], "M8[ns]"), ["2024-01-05T12:30:00.500"]),
        (np.array(["2024-01-05T12:30:00.000000001"], "M8[ns]"), ["2024-01-05T12:30:00.000000001"]),
        (np.array(["NaT", "NaT"], "M8[s]"), ["", ""]),
        (np.array([36, -12], "m8[h]"), [1.5, -0.5]),
        (np.array([1, "NaT"], "m8[D]"), [1.0, np.nan]),
        (np.ma.array(np.array(["2024-01-05"] * 2, "M8[D]"), mask=[0, 1]), ["2024-01-05", ""]),
        (np.ma.array(np.array([1, 2], "m8[D]"), mask=[0, 1]), [1.0, np.nan]),
        ([np.datetime64("2024-01-05"), None], ["2024-01-05", ""]),
        ([np.timedelta64(12, "h"), None], [0.5, np.nan]),
    ],
)
def test_moments_of_numpy(values, expected):
    found = Table({"a": values}).columns["a"]
    np.testing.assert_array_equal(found.tolist(), expected)


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 2], "m8[M]"),  # months differ in days
        [dt.date(2024, 1, 5), "2024-01-05"],
        [dt.date(2024, 1, 5), 3.0],
        [dt.timedelta(1), 3.0],
        [dt.time(1), dt.date(2024, 1, 5)],
        [np.timedelta64(1, "D"), dt.date(2024, 1, 5)],
    ],
)
def test_mixed_columns_are_an_error_where_they_are_used(values):
    with pytest.raises(TypeError, match=r"column 'a' holds .*: make it numbers or text"):
        Table({"a": values}).numbers("a")


def test_a_moment_beyond_pythons_years_names_its_column():
    edge = dt.datetime.min.replace(tzinfo=PARIS)
    with pytest.raises(ValueError, match=r"^column 'a' can't be read: "):
        Table({"a": [edge]})


def test_a_nanosecond_of_pandas_is_kept():
    moments = [needed("pandas").Timestamp(n) for n in (0, 1)]
    text = ["1970-01-01T00:00:00", "1970-01-01T00:00:00.000000001"]
    assert Table({"a": moments}).columns["a"].tolist() == text


def test_every_moment_is_the_number_that_pandas_has():
    pd = needed("pandas")
    needed("narwhals")
    hours = pd.Series(pd.date_range("1899-12-30", "2101-01-01", periods=500))
    for values in (hours, hours.dt.tz_localize("Asia/Kolkata"), hours.dt.floor("D")):
        table = from_frame(pd.DataFrame({"t": values}))
        found, wrong = Notation("date", order="ymd").numbers(table.columns["t"])
        naive = values.dt.tz_convert(None) if values.dt.tz is not None else values
        expected = (naive - pd.Timestamp(0)) / pd.Timedelta(days=1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
        assert len(wrong) == 0


def test_a_parquet_file_has_the_dates_of_its_csv(tmp_path):
    pd = needed("pandas")
    for package in ("pyarrow", "narwhals"):
        needed(package)
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-05", periods=3),
            "at": pd.date_range("2024-01-05 12:30", periods=3, freq="h"),
            "zone": pd.date_range("2024-01-05 12:30", periods=3, freq="h", tz="America/Lima"),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    tables = read_csv(tmp_path / "t.csv"), read_parquet(tmp_path / "t.parquet")
    for name in frame:
        a, b = ([moment(cell) for cell in table.columns[name].tolist()] for table in tables)
        assert a == b
    assert re.fullmatch(r"2024-01-05T17:30:00", tables[1].text("zone")[0])


# --- local midnights

ZONE = ZoneInfo("Europe/Paris")
MIDNIGHTS = [dt.datetime(2024, month, 5, tzinfo=ZONE) for month in (1, 7)]  # +01:00 and +02:00
DAYS = [(moment.date() - dt.date(1970, 1, 1)).days for moment in MIDNIGHTS]


def days_of(table: Table) -> list[float]:
    return table.quantities("a", table.notation("a")).tolist()


@pytest.mark.parametrize("library", [None, *MAKERS])
def test_local_midnights_are_days(library, tmp_path):
    """In UTC they would be two different hours of the days before."""
    data = {"a": [*MIDNIGHTS, None]}
    table = from_frame(frame_of(library, data)) if library else Table(data)
    if library == "polars":  # which keeps a zone's moments in UTC, if it is not told the zone
        series = needed("polars").Series("a", MIDNIGHTS).dt.convert_time_zone("Europe/Paris")
        table = from_frame(series.to_frame())
    assert days_of(table)[:2] == DAYS
    path = tmp_path / "t.csv"
    path.write_text("a\n2024-01-05T00:00:00+01:00\n2024-07-05 00:00+0200\n")
    assert days_of(read_csv(path)) == DAYS
    path.write_text("a\n2024-01-05T00:00+01:00\n2024-01-05T01:00+01:00\n")
    assert days_of(read_csv(path)) == [DAYS[0] - 1 / 24, DAYS[0]]
    others = Table({"a": [*MIDNIGHTS, MIDNIGHTS[0] + dt.timedelta(hours=1)]})
    assert days_of(others)[0] == DAYS[0] - 1 / 24


def test_a_schema_keeps_that_midnights_are_local():
    table = Table({"a": MIDNIGHTS * 4, "y": ["u", "v"] * 4})
    schema = Schema.fit(table, "y")
    assert Schema.from_json(schema.to_json()) == schema
    (column,) = schema.columns
    assert not column.hours
    assert "local day" in column.notation.said()
    before = json.loads(schema.to_json())
    assert before["columns"][0]["notation"].pop("local") is True
    older = Schema.from_json(json.dumps(before))  # of an xpnet that read them in UTC
    assert older.columns[0].notation == Notation("date", order="ymd")
    schema_refused(json.loads(schema.to_json()), ("columns", 0, "notation", "local"), 1, "'local'")
