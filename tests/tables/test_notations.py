"""How cells are numbers and dates: each notation, each ambiguity, and what pandas reads."""

from __future__ import annotations

import datetime as dt
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.helpers import needed
from xpnet.tables import Table
from xpnet.tables.dates import date_of
from xpnet.tables.described import described, readings
from xpnet.tables.marks import GROUPS, SIGNS
from xpnet.tables.notations import (
    HOLES,
    NAMES,
    PLAIN,
    Notation,
    is_hole,
    notation_named,
    notation_of,
)


def number(decimal: str = ".", thousands: str = "", sign: str = "") -> Notation:
    return Notation("number", decimal, thousands, sign)


DAY, MONTH, YEAR = (Notation("date", order=order) for order in ("dmy", "mdy", "ymd"))


def column(cells) -> np.ndarray:
    return np.array(list(cells), np.dtypes.StringDType())


def days(*date: int) -> float:
    return (dt.datetime(*date) - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)


# --- numbers

NUMBERS = [
    (["1", "2.5", "-3e4", " 7 "], PLAIN, [1, 2.5, -3e4, 7]),
    (["1.234", "5.678"], PLAIN, [1.234, 5.678]),
    (["(12)", "−5", "–2.5", "+7"], PLAIN, [-12, -5, -2.5, 7]),
    (["1,234", "12,345,678", "5"], number(".", ","), [1234, 12345678, 5]),
    (["1,234.50", "-2,345.75"], number(".", ","), [1234.5, -2345.75]),
    (["1234,5", "0,5", "-,25"], number(","), [1234.5, 0.5, -0.25]),
    (["1.234,5", "1.234", "7"], number(",", "."), [1234.5, 1234, 7]),
    (["1.234", "1.234.567"], number(",", "."), [1234, 1234567]),
    (["1 234", "2\u00a0345.5", "3\u202f456"], number(".", " "), [1234, 2345.5, 3456]),
    (["1 234,5", "12"], number(",", " "), [1234.5, 12]),
    (["1'234.5", "1’234’567"], number(".", "'"), [1234.5, 1234567]),
    (["1'234,5"], number(",", "'"), [1234.5]),
    (["12%", "3.5 %", "%7", "(4\u00a0%)", "-1%"], number(sign="%"), [12, 3.5, 7, -4, -1]),
    (["12,5 %", "7,25 %"], number(",", sign="%"), [12.5, 7.25]),
    (["$1", "-$2.50", "$-3", "($4)", "$(5)", "7"], number(sign="$"), [1, -2.5, -3, -4, -5, 7]),
    (["$1,234.50", "$12"], number(".", ",", "$"), [1234.5, 12]),
    (["1.234,50 €", "12 €"], number(",", ".", "€"), [1234.5, 12]),
    (["USD 1,200", "USD 5"], number(".", ",", "USD"), [1200, 5]),
    (["12 kr", "5 kr"], number(sign="kr"), [12, 5]),
    (["US$ 5", "US$7"], number(sign="US$"), [5, 7]),
    (["20200131", "20200201"], PLAIN, [20200131, 20200201]),
    (["1999", "2020"], PLAIN, [1999, 2020]),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "notation", "values"), NUMBERS)
def test_a_column_of_numbers(cells, notation, values):
    cells = column([*cells, "NA", ""])
    assert notation_of(cells) == notation
    found, wrong = notation.numbers(cells)
    np.testing.assert_array_equal(found, [*values, math.nan, math.nan])
    assert (found.dtype, len(wrong)) == (np.float64, 0)


@pytest.mark.parametrize(
    ("cells", "notation"),
    [
        (["1,234", "2,345"], number(".", ",")),  # in all cells three digits behind a comma
        (["1,234", "0,500"], number(",")),  # but one begins with 0,
        (["1,234", "-0,500"], number(",")),
        (["1,234", "12,5"], number(",")),
        (["1,234", "1234,567"], number(",")),
        (["1,234", "1,234.5"], number(".", ",")),
        (["1", "2", "3", "1,234"], number(".", ",")),
        (["1", "2", "3", "1,5"], number(",")),
        (["1.5", "2.5", "3.5", "1,5"], PLAIN),  # one of which is wrong
        (["1.5", "1,5"], None),
        (["1.5", "2.5", "x"], PLAIN),
        (["1.5", "x"], None),
        (["$1", "€2"], None),  # mixed units
        (["1.200 €", "950 €"], number(",", ".", "€")),  # not 1.2 beside 950
        (["1.200 €", "0.950 €"], number(sign="€")),
        (["1.20 €", "1.200 €"], number(sign="€")),
        (["1.200 %", "950 %"], number(sign="%")),
        (["1.200", "950"], PLAIN),  # plain numbers always come first
        (["$1", "2", "3"], PLAIN),  # the sign must be in most cells
        (["12%", "5"], None),
        (["$1%", "$2%"], None),
        (["1_000", "2_000"], None),
        (["012 345", "001 222"], None),  # codes
        (["12,34,567"], None),
        (["1,23", "1,2345"], number(",")),
        (["-(5)", "(-5)"], None),
        (["(5", "6)"], None),
        (["--5", "+-5"], None),
        (["red", "blue", "1"], None),
        (["5 kg", "7 kg"], None),
        (["192.168.1.1", "10.0.0.1"], None),
        (["0.1.2", "1.0.0"], None),
        (["inf", "1", "2"], PLAIN),
        (["١٢", "٣"], PLAIN),  # as Python's float reads them
    ],
)
def test_ambiguities_are_decided_by_the_whole_column(cells, notation):
    assert notation_of(column(cells)) == notation
    assert notation_of(column([*cells, "?", *cells, "n/a"] * 3)) == notation


def test_few_cells_of_another_form_are_wrong_but_many_make_text():
    commas = [f"{i},5" for i in range(98)]
    dates = [f"2020-01-{i % 28 + 1:02} {i % 24}:{i % 60:02}" for i in range(98)]
    for cells, notation in ((commas, number(",")), (dates, YEAR)):
        assert notation_of(column([*cells, "x", "y"])) == notation
        assert notation.numbers(column([*cells, "x", "y"]))[1].tolist() == [98, 99]
        assert notation_of(column([*cells, "x", "y", "z"])) is None


def test_no_cells_are_plain_numbers_without_any():
    for cells in ([], ["", "NA"]):
        assert notation_of(column(cells)) == PLAIN
        values, wrong = PLAIN.numbers(column(cells))
        assert (np.isnan(values).all(), len(wrong)) == (True, 0)


def test_wrong_cells_are_named_and_holes_are_not():
    cells = column(["1", "x", "", " NA ", "inf", "1e999", "-9", "-9.0", "1,5", "x", "none"])
    values, wrong = PLAIN.numbers(cells, ["-9"])
    assert wrong.tolist() == [1, 4, 5, 8, 9]
    np.testing.assert_array_equal(values, [1, *[math.nan] * 10])
    assert PLAIN.numbers(column(["1", "gone"]), ["gone"])[1].tolist() == []
    values, wrong = PLAIN.numbers(np.array([1, math.nan, math.inf, -9]), ["-9"])
    np.testing.assert_array_equal(values, [1, math.nan, math.nan, math.nan])
    assert wrong.tolist() == [2]


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "Null", "NaN", "?", "#N/A", "-", " none "])
def test_holes_are_known_in_any_case(cell):
    assert is_hole(cell)
    assert is_hole(" gone ", ["gone"])
    assert not is_hole("x" * 10**7)
    assert cell.strip().lower() in HOLES


def test_the_array_that_is_read_stays_as_it_was():
    cells = np.array([1.0, -9.0, math.inf])
    PLAIN.numbers(cells, ["-9"])
    np.testing.assert_array_equal(cells, [1, -9, math.inf])


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    st.lists(finite, min_size=1, max_size=8),
    st.sampled_from([(d, t) for d in ".," for t in ("", *GROUPS) if d != t]),
    st.sampled_from(["", "%", "$", "€", "EUR"]),
    st.sampled_from(["-", "−", "("]),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_a_number_that_is_written_in_a_notation_is_read_back(values, marks, sign, minus, before):
    decimal, thousands = marks
    swap = str.maketrans({",": GROUPS[thousands][-1] if thousands else None, ".": decimal})

    def write(value: float) -> str:
        digits = f"{abs(value):,f}".translate(swap)
        digits = f"{sign} {digits}" if before else f"{digits}{sign}"
        if math.copysign(1, value) > 0:
            return digits
        return f"({digits})" if minus == "(" else minus + digits

    cells = [write(value) for value in values]
    found, wrong = number(decimal, thousands, sign).numbers(column(cells))
    short = [len(cell) <= 100 for cell in cells]
    expected = [
        float(f"{value:f}") if ok else math.nan for value, ok in zip(values, short, strict=True)
    ]
    np.testing.assert_array_equal(found, expected)
    assert len(wrong) == len(cells) - sum(short)
    if all(short) and thousands != "_":  # codes have underscores too
        told = notation_of(column(cells))
        np.testing.assert_array_equal(told.numbers(column(cells))[0], expected)


@pytest.mark.parametrize(("thousands", "decimal"), [(",", "."), (".", ","), (" ", ","), ("'", ".")])
def test_pandas_reads_the_same_numbers(thousands, decimal):
    pd = needed("pandas")
    draw = np.random.default_rng(0).normal(0, 1e6, 200)
    swap = str.maketrans({",": thousands, ".": decimal})
    cells = [f"{value:,.2f}".translate(swap) for value in draw]
    text = io.StringIO("\n".join(["x", *cells]))
    frame = pd.read_csv(text, sep=";", thousands=thousands, decimal=decimal)
    notation = notation_of(column(cells))
    assert notation == number(decimal, thousands)
    np.testing.assert_array_equal(notation.numbers(column(cells))[0], frame["x"])


# --- dates

FORMS = {
    "%Y-%m-%d": YEAR,
    "%Y/%m/%d": YEAR,
    "%Y.%m.%d": YEAR,
    "%Y-%m-%dT%H:%M:%S": YEAR,
    "%Y-%m-%d %H:%M": YEAR,
    "%Y-%m-%dT%H:%M:%S.%f": YEAR,
    "%Y-%m-%dT%H:%M:%SZ": YEAR,
    "%d.%m.%Y": DAY,
    "%d/%m/%Y": DAY,
    "%d-%m-%Y %H:%M:%S": DAY,
    "%d.%m.%y": DAY,
    "%m/%d/%Y": MONTH,
    "%m/%d/%y": MONTH,
    "%m-%d-%Y": MONTH,
    "%m/%d/%Y %I:%M:%S %p": MONTH,
    "%m/%d/%Y, %I:%M%p": MONTH,
    "%d %b %Y": YEAR,
    "%d-%b-%y": YEAR,
    "%d %B %Y %H:%M": YEAR,
    "%d. %B %Y": YEAR,
    "%b %d, %Y": YEAR,
    "%B %d %Y": YEAR,
    "%a, %d %b %Y %H:%M:%S GMT": YEAR,
    "%Y-%b-%d": YEAR,
    "%Y-%m": YEAR,
}


@pytest.mark.parametrize("form", FORMS)
def test_dates_are_those_that_were_written(form):
    draw = np.random.default_rng(0).integers(0, 2**31, 300)  # 1970 to 2038
    written = [dt.datetime.fromtimestamp(int(s), dt.UTC).replace(tzinfo=None) for s in draw]
    cells = [moment.strftime(form) for moment in written]
    moments = [dt.datetime.strptime(cell, form) for cell in cells]
    notation = notation_of(column([*cells, "NA"]))
    assert notation == FORMS[form]
    found, wrong = notation.numbers(column(cells))
    expected = [(m - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1) for m in moments]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert len(wrong) == 0


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["2020-01-31T10:30:59.123456789+05:30", "1969-12-31 23:59:59-0800"], {}),
        (["2020-01-31 10:30Z", "2020-01-31 10:30 UTC"], {}),
        (["1/2/2020", "11/12/1999"], {}),  # month first if nothing decides
        (["13/2/2020", "11/12/1999"], {"dayfirst": True}),
        (["1.2.2020", "11.12.1999"], {"dayfirst": True}),
        (["3 Jan 2020", "Sep 3 1999"], {}),
        (["1/2/69", "1/2/68"], {"yearfirst": False}),
        (["1/31/2020 12:00 AM", "1/31/2020 12:00 PM", "1/31/2020 11:59:59 pm"], {}),
    ],
)
def test_pandas_reads_the_same_dates(cells, options):
    pd = needed("pandas")
    moments = pd.to_datetime(pd.Series(cells), utc=True, format="mixed", **options)
    if "yearfirst" in options:  # C's rule, as strptime has it; pandas looks at today's year
        moments = pd.Series([pd.Timestamp(c) for c in ("1969-01-02", "2068-01-02")]).dt.tz_localize(
            "UTC"
        )
    expected = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    found, wrong = notation_of(column(cells)).numbers(column(cells))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert len(wrong) == 0


@pytest.mark.parametrize(
    ("cells", "notation", "wrong"),
    [
        (["2020-01-31", "2020-02-30", "2019-02-29"], YEAR, [1, 2]),
        (["31.4.2020", "30.4.2020"], DAY, [0]),
        (["2020-01-31 24:00", "2020-01-31 23:60", "2020-01-31 9:00"], YEAR, [0, 1]),
        (["1/31/2020 13:00 PM", "1/31/2020 0:30 AM", "1/31/2020 1:00 AM"], MONTH, [0, 1]),
        (["2020-01-31 10:30+24:00", "2020-01-31 10:30+01:60"], YEAR, [0, 1]),
        (["0000-01-01", "2020-01-01"], YEAR, [0]),
    ],
)
def test_a_date_that_does_not_exist_is_a_wrong_cell(cells, notation, wrong):
    assert notation_of(column(cells)) == notation
    assert notation.numbers(column(cells))[1].tolist() == wrong


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "2020-13-01",
            "2020-00-10",
            "2020-01-32",
            "12-34-56",
            "32.1.2020",
            "0/1/2020",
            "1/2-2020",
        ),
        *("12:30", "10:30 2020-01-01", "2020-01-01T", "2020-01-01 10", "Marchy 3 2020", "3 Mar"),
        *("1/2/3", "1/2/200", "Jan 3, 20", "20203112", "2020-1-1x", "٢٠٢٠-٠١-٠١", "1" * 100),
    ],
)
def test_what_is_no_date(cell):
    for order in ("dmy", "mdy", "ymd"):
        assert date_of(cell, order) is None


def test_a_part_beyond_twelve_decides_the_order_of_the_whole_column():
    cells = [f"{i % 12 + 1}/{i % 11 + 1}/2020" for i in range(500)]
    assert notation_of(column(cells)) == MONTH
    assert notation_of(column([*cells, "13/1/2020"])) == DAY
    assert notation_of(column([*cells, "1/13/2020"])) == MONTH
    assert notation_of(column(["13/1/2020", "1/13/2020"])) is None


@given(st.datetimes(dt.datetime(1000, 1, 1)), st.integers(-1439, 1439))
@settings(deadline=None)
def test_the_iso_text_of_any_moment_is_read_back(moment, minutes):
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    (value,), wrong = YEAR.numbers(column([moment.replace(tzinfo=zone).isoformat()]))
    expected = moment - dt.datetime(1970, 1, 1) - dt.timedelta(minutes=minutes)
    assert len(wrong) == 0
    assert abs(value - expected / dt.timedelta(days=1)) < 1e-9


# --- what is kept and said


@pytest.mark.parametrize("notation", [*NAMES.values(), number(",", " ", "€"), number(sign="%")])
def test_a_notation_is_kept_as_settings(notation):
    assert Notation.restore(notation.settings()) == notation


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "'kind' is missing"),
        ({"kind": "text"}, "'decimal' is missing"),
        ({"kind": "word", "decimal": ".", "thousands": "", "sign": ""}, "'kind' must be one of"),
        ({"kind": "number", "decimal": ";", "thousands": "", "sign": ""}, "'decimal' must be one"),
        ({"kind": "number", "decimal": ",", "thousands": ",", "sign": ""}, "'thousands' must be"),
        (
            {"kind": "number", "decimal": ".", "thousands": "", "sign": "kg"},
            "'sign' must be one of",
        ),
        ({"kind": "number", "decimal": ".", "thousands": "", "sign": 3}, "'sign' is not text: 3"),
        ({"kind": "date", "order": "ydm"}, "'order' must be one of 'dmy', 'mdy', 'ymd', got 'ydm'"),
        ({"kind": "date", "order": ""}, "'order' must be one of"),
    ],
)
def test_settings_that_are_wrong_are_an_error(found, said):
    with pytest.raises(ValueError, match=said):
        Notation.restore(found)


@pytest.mark.parametrize(
    ("notation", "said"),
    [
        (PLAIN, "numbers such as 1234.5"),
        (number(",", "."), "numbers such as 1.234,5 (decimal comma)"),
        (number(".", ",", "$"), "numbers such as $1,234.5"),
        (number(",", " ", "EUR"), "numbers such as 1 234,5 EUR (decimal comma)"),
        (number(sign="%"), "numbers such as 1234.5 %"),
        (YEAR, "dates such as 2020-01-31"),
        (DAY, "dates such as 31.1.2020 or 31/1/2020 (day first)"),
        (MONTH, "dates such as 1/31/2020 (month first)"),
    ],
)
def test_a_notation_in_words(notation, said):
    assert notation.said() == said
    example = said.split(" such as ")[1].split(" (")[0].split(" or ")[0]
    assert notation.numbers(column([example]))[1].tolist() == []


@pytest.mark.parametrize(
    ("name", "cells", "notation"),
    [
        ("number", ["$1,234", "x", "$5"], number(".", ",", "$")),
        ("number", ["x", "y"], PLAIN),
        ("decimal-comma", ["1,234", "2,345"], number(",")),
        ("decimal-comma", ["1.234", "2.345"], number(",", ".")),
        ("decimal-comma", ["5", "6"], number(",", ".")),
        ("date", ["20200131", "20200201"], YEAR),
        ("date", ["13/1/2020", "x", "1/1/2020"], DAY),
        ("date", ["x"], YEAR),
        ("day-first", ["1/2/2020"], DAY),
        ("month-first", ["1.2.2020"], MONTH),
    ],
)
def test_who_says_what_a_column_is_wins(name, cells, notation):
    assert notation_named(name, column(cells)) == notation


@pytest.mark.parametrize(
    ("cells", "guessed"),
    [
        (["1/2/2020", "11/12/1999"], True),
        (["x", *(f"{a}-{b}-20" for a in range(1, 13) for b in range(1, 13))], True),
        (["1/2/2020", "13/2/2020"], False),
        (["1/2/2020", "1/31/2020"], False),
        (["1.2.2020"], False),
        (["2020-01-02"], False),
        (["1/2", "3"], False),
    ],
)
def test_the_order_of_dates_is_guessed_if_no_cell_shows_it(cells, guessed):
    for found in (notation_of(column(cells)), notation_named("date", column(cells))):
        assert (found is not None and found.guessed) == guessed
    assert not notation_named("month-first", column(cells)).guessed


def test_a_guess_is_said_by_the_training_rows_too():
    """Another row may show the order; the rows taken are read as all are."""
    table = Table(
        {"day": ["1/2/2020"] * 5 + ["1/31/2020"], "when": ["1/2/2020", *["3/4/2020"] * 5]}
    )
    table.settle(table.names)
    said = list(readings(table.take(slice(0, 5)), table.names))
    assert said == [
        "column 'day' is read as dates such as 1/31/2020 (month first)",
        "column 'when' is read as dates such as 1/31/2020 (month first: no cell shows it; if not, "
        "--as when:day-first (read_as=))",
    ]
    whole = described(table, "when")[0]
    assert whole.startswith(said[1].removeprefix("column 'when' is read as "))


def test_numbers_of_a_frame_may_be_dates():
    cells = Table({"day": [20200131, 20200201]}).columns["day"]
    notation = notation_named("date", cells)
    found, wrong = notation.numbers(cells)
    assert (found.tolist(), len(wrong)) == ([days(2020, 1, 31), days(2020, 2, 1)], 0)


# --- what it costs


class Counting(Notation):
    """A notation that counts the cells that it parses."""

    parsed = 0

    def value(self, cell):
        Counting.parsed += 1
        return super().value(cell)


@pytest.mark.parametrize("notation", [number(","), YEAR])
def test_each_different_cell_is_parsed_once(notation):
    cells = column(["1,5", "2020-01-31", "x"] * 1000)
    Counting.parsed = 0
    Counting(*(getattr(notation, key) for key in Notation.__match_args__)).numbers(cells)
    assert Counting.parsed == 3


@pytest.mark.slow
@pytest.mark.parametrize("part", ["1", "(", "1,", " ", "$"])
def test_a_cell_of_ten_million_characters_is_judged(part):
    cell = part * 10**7
    cells = column([cell, "1,5", "2,5"])
    found = notation_of(cells)
    (found or PLAIN).numbers(cells)
    for notation in (number(",", "."), number(sign="$"), DAY):
        assert not math.isfinite(notation.value(cell))


def test_a_sign_stands_once():
    assert np.isnan(
        [number(sign="$").value(cell) for cell in ("$1$", "$$1", "$-$1", "($1$)")]
    ).all()


def test_every_sign_may_stand_at_either_end():
    for sign in SIGNS:
        cells = column([f"{sign}1", f"{sign} 2", f"3{sign}", f"4 {sign}"])
        assert notation_of(cells) == number(sign=sign)
        assert number(sign=sign).numbers(cells)[0].tolist() == [1, 2, 3, 4]
