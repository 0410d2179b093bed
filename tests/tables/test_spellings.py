"""Hints at texts that likely mean the same, since they differ only in case or in blanks."""

from __future__ import annotations

import pytest

from tests.support.command import train as command
from tests.support.command import write
from xpnet.cli import main
from xpnet.tables import Table, train
from xpnet.tables.described import readings, spellings

N = 40
HINT = "column {!r} has cells such as {!r} and {!r}: if they mean the same, write them in one way"


@pytest.mark.parametrize(
    ("cells", "pair"),
    [
        (["red", "blue", "Red"], ("red", "Red")),
        (["red", "blue ", "blue"], ("blue ", "blue")),
        (["a  b", "a b", "A B"], ("a  b", "a b")),  # once a column
        (["red", "reds"], None),
        (["", " x", "y"], None),
        (["x", "X"], ("x", "X")),
    ],
)
def test_texts_that_differ_in_case_or_blanks_are_hinted_at(cells, pair):
    expected = [HINT.format("c", *pair)] if pair else []
    table = Table({"c": cells})
    assert list(spellings(table, "c")) == expected
    assert list(readings(table, ["c"])) == expected
    assert list(spellings(table, "c", cells[1:])) == []  # declared missing


def test_classes_too(tmp_path, capsys):
    columns = {"x": list(range(N)), "y": ["yes", "Yes", "no", "no"] * (N // 4)}
    said: list[str] = []
    train(Table(columns), "y", quick=True, epochs=1, hidden=(2,), tell=said.append)
    hint = HINT.format("y", "yes", "Yes")
    assert said.count(hint) == 1
    path = write(tmp_path / "t.csv", [columns, *zip(*columns.values(), strict=True)])
    assert main(command(path, "y", tmp_path / "m", "--quick", "--hidden=2", "--epochs=1")) == 0
    assert main(["describe", str(path), "--target", "y"]) == 0
    assert capsys.readouterr().out.count(hint) == 2
