"""Cells of predictions that a spreadsheet would run: counted, and changed only when asked."""

from __future__ import annotations

import re

import pytest

from tests.support.command import QUICK, fails, predict, rows_of, train, write
from xpnet.cli import main
from xpnet.tables.formulas import is_formula, safe

FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "+1+cmd|'x'!A0", "-2+3+cmd|'x'!A0", "@SUM(A1)", "\t=1",
            "\rx", "\0=1", " =1", "\u00a0=1", "-(1)", "+49a", "--1", "=", "＝1+1", "@", "-x",
            '=HYPERLINK("http://x","y")', "=-1", "-1=1"]  # fmt: skip
HARMLESS = ["", "a", "1", "-1", "+1.5", "-1,5", "-1.234,5", "- 5 %", "-1e-3", "+49 30 123", "'=1",
            "a=1", "-", " x", "1-2", "#", "(-1)"]  # fmt: skip


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_becomes_text(cell):
    assert is_formula(cell)
    assert safe(cell) == f"'{cell}"
    assert not is_formula(safe(cell))


@pytest.mark.parametrize("cell", HARMLESS)
def test_numbers_and_other_text_stay(cell):
    assert safe(cell) == cell


@pytest.fixture
def model(tmp_path):
    """A model whose classes, and whose table's keys and names, are formulas."""
    rows = [[i, f"=k{i}", "-5", ("@a", "b")[i % 2]] for i in range(20)]
    data = write(tmp_path / "t.csv", [["x", "=key", "debt", "y"], *rows])
    assert main(train(data, "y", tmp_path / "m", "--validation=0", "--ignore==key", *QUICK)) == 0
    return tmp_path / "m", data


def test_formulas_are_written_as_they_are_and_counted(model, tmp_path, capsys):
    out, keep = tmp_path / "p.csv", ("--keep", "=key", "--keep", "debt")
    capsys.readouterr()
    assert main(predict(*model, out, *keep)) == 0
    header, *rows = rows_of(out)
    assert header == ["=key", "debt", "prediction", "probability_@a", "probability_b"]
    assert [row[:2] for row in rows] == [[f"=k{i}", "-5"] for i in range(20)]
    n = sum(row[2] == "@a" for row in rows)
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "xpnet: warning: the column name '=key' is a formula to spreadsheets "
        "(as text: --safe-cells)",
        "xpnet: warning: column '=key': 20 cells are formulas to spreadsheets, such as '=k0' "
        "(as text: --safe-cells)",
    ]
    assert re.match(rf"xpnet: warning: column 'prediction': {n} cells? ", said[2])
    assert len(said) == 3


def test_safe_cells_have_an_apostrophe(model, tmp_path, capsys):
    out, keep = tmp_path / "p.csv", ("--keep", "=key", "--keep", "debt", "--safe-cells")
    capsys.readouterr()
    assert main(predict(*model, out, *keep)) == 0
    header, *rows = rows_of(out)
    assert header == ["'=key", "debt", "prediction", "probability_@a", "probability_b"]
    assert [row[:2] for row in rows] == [[f"'=k{i}", "-5"] for i in range(20)]
    assert {row[2] for row in rows} <= {"'@a", "b"}
    assert not capsys.readouterr().err
    assert main(predict(*model, out, *keep)) == 0  # older predictions are replaced
    assert main(predict(*model, out, *keep[:-1])) == 0
    assert "replacing older predictions" in capsys.readouterr().out


def test_names_that_become_equal_are_an_error(tmp_path, capsys):
    rows = [["=k", "'=k", i, "uv"[i % 2]] for i in range(20)]
    data, out = write(tmp_path / "t.csv", [["=k", "'=k", "x", "y"], *rows]), tmp_path / "p.csv"
    model = tmp_path / "m"
    assert main(train(data, "y", model, "--validation=0", *QUICK)) == 0
    capsys.readouterr()
    line = fails(capsys, predict(model, data, out, "--keep==k", "--keep='=k", "--safe-cells"))
    assert "two columns would have the same name" in line
    assert not out.exists()
