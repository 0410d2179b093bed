"""``xpnet describe``: it says of each column what training with the same options would do."""

from __future__ import annotations

import pytest

from tests.support.command import fails, write
from xpnet.cli import main

N = 40
ROWS = [
    ["month", "colour", "day", "key", "w", "y"],
    *(
        [1 + i % 12, "red" if i % 3 else "blue", f"{1 + i % 9}/2/2020", i, 1 + i % 2, i % 5 + 0.5]
        for i in range(N)
    ),
]


@pytest.fixture
def lines(tmp_path, capsys):
    """Return what ``xpnet describe`` says of each column: what it holds, and what it becomes."""
    data = write(tmp_path / "t.csv", ROWS)

    def found(*options: str) -> dict[str, tuple[str, str]]:
        assert main(["describe", str(data), *options]) == 0
        said = capsys.readouterr().out.splitlines()[1:]
        said = [line for line in said if not line.startswith("column ")]  # hints
        return {
            what.partition(": ")[0].strip("'"): (what.partition(": ")[2], becomes.strip(" →"))
            for what, becomes in zip(said[::2], said[1::2], strict=True)
        }

    return found


def test_the_options_of_train_say_what_becomes_of_columns(lines):
    found = lines("--target=y", "--text=month", "--as=day:day-first", "--ignore=key", "--weight=w",
                  "--embed=colour:3", "--missing=7")  # fmt: skip
    assert found["month"][0].startswith("text, 11 different, 3 missing")
    assert found["month"][1].startswith("13 columns, one for each category")
    assert "(day first)" in found["day"][0]  # as is said, so it is no guess
    assert found["key"][1] == "left out: --ignore"
    assert found["w"][1] == "the weights of the rows"
    assert found["colour"][1] == "3 learned numbers for each of 3 categories"
    assert found["y"][1].startswith("the target of a regression")


def test_it_has_the_hints_of_train(tmp_path, capsys):
    rows = [["month", "code", "day", "far", "bad", "y"]]
    rows += [[1 + i % 12, f"0{i % 9}", f"{1 + i % 9}/2/2020", 9**9 if i == 7 else i % 5, i, i / 2]
             for i in range(N)]  # fmt: skip
    rows[9][4] = "oops"
    data = write(tmp_path / "t.csv", rows)

    def hints(command: str, *options: str) -> list[str]:
        given = [command, str(data), "--target=y", *options]
        assert main(given) == 0
        return [s for s in capsys.readouterr().out.splitlines() if s.startswith("column ")]

    assert {h.split("'")[1] for h in hints("describe")} == {"code", "day", "far"}
    same = ("--ignore=bad", "--ignore=far", "--text=code", "--weight=month")
    assert len(hints("describe", *same)) == 1
    out = (f"--out={tmp_path / 'm'}", "--quick", "--hidden=4", "--validation=0")
    for options in (same, same[:1]):
        assert hints("describe", *options) == hints("train", *options, *out)


def test_one_of_a_kind_is_singular(tmp_path, capsys):
    path = write(tmp_path / "t.csv", [["x"], [1]])
    assert main(["describe", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: 1 row, 1 column\n")


def test_without_options_the_cells_decide(lines):
    found = lines()
    assert found["month"][0].startswith("numbers such as 1234.5, 12 different, none missing")
    assert "(month first: no cell shows it; if not, --as day:day-first (" in found["day"][0]
    assert found["colour"][1].startswith("3 columns, one for each category")


def test_a_column_that_cannot_be_embedded_is_an_error_of_its_own(lines):
    found = lines("--embed=y", "--embed=key")
    assert found["y"][1].startswith("an error: ")
    assert "0.5 is not a category to embed" in found["y"][1]
    assert found["key"][1] == "left out: no text occurs twice"
    both = lines("--embed=y", "--text=y")
    assert both["y"][1] == "3 learned numbers for each of 6 categories"


@pytest.mark.parametrize(
    ("option", "cells", "said"),
    [
        ("--target", [*range(N - 1), "bad"], f"line {N + 1}, column 'c': 'bad' is not among the"),
        ("--target", ["5"] * N, "has one class, '5'"),
        ("--target", [""] * N, "is missing in every row"),
        ("--target", [f"2020-01-{1 + i % 28:02d}" for i in range(N)], "cannot be predicted"),
        ("--weight", [*range(N - 1), -1], f"line {N + 1}, column 'c': -1.0 is no weight"),
        ("--weight", [0] * N, "is 0 in every row"),
        ("--weight", [*range(N - 1), "bad"], "'bad' is not among the"),
        ("--weight", ["2020-01-01"] * N, "has dates, which are no weights"),
    ],
)
def test_a_target_or_weights_that_training_refuses(tmp_path, capsys, option, cells, said):
    """The error stands at the column, and the others are described all the same."""
    data = write(tmp_path / "t.csv", [["c", "x"], *([cell, i] for i, cell in enumerate(cells))])
    assert main(["describe", str(data), f"{option}=c"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("    → an error: ")
    assert said in lines[2]
    assert lines[3].startswith("'x': numbers")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text=mont"], "no column 'mont': did you mean 'month'?"),
        (["--weight=v"], "no column 'v'"),
        (["--as=day"], "write COLUMN:KIND"),
        (["--target=y", "--ignore=y"], "'y' is the target"),
        (["--text=month,key"], "name one column per option, --text month --text key"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, capsys, options, said):
    data = write(tmp_path / "t.csv", ROWS)
    assert said in fails(capsys, ["describe", str(data), *options])


def test_the_options_on_the_target_are_those_of_train(lines, tmp_path, capsys):
    assert lines("--target=y", "--task=classification")["y"][1] == (
        "the target of a classification (--task)"
    )
    found = lines("--target=y", "--log-target", "--missing=0.5")["y"][1]
    assert found.startswith("the target of a regression, by its logarithm (its cells are")
    for options, said in (
        (("--target=colour", "--log-target"), "a logarithm is for quantities, not for classes"),
        (("--target=month", "--task=regression", "--log-target", "--missing=1"), ""),
    ):
        becomes = lines(*options)[options[0].partition("=")[2]][1]
        assert said in becomes
        assert becomes.startswith("an error: " if said else "the target of a regression, by its")
    data = write(tmp_path / "t.csv", ROWS)
    for option in ("--task=regression", "--log-target"):
        said = fails(capsys, ["describe", str(data), option])
        assert f"{option.partition('=')[0]} is about the target: name it with --target" in said


def test_long_keys_are_hinted_at(tmp_path, capsys):
    """Their last digits are lost as numbers; 2⁵³ is the last that is not rounded."""
    keys = [2**53 + 7 * i for i in range(N)]
    for first, hinted in ((keys, True), ([2**53 - 7 * i for i in range(N)], False)):
        rows = [["account", "x", "y"], *([k, i % 3, i % 5] for i, k in enumerate(first))]
        data = write(tmp_path / "t.csv", rows)
        assert main(["describe", str(data), "--target=y"]) == 0
        said = f"column 'account' has whole numbers such as '{2**53 + 7}', of which the last digits"
        out = capsys.readouterr().out
        assert (said in out) is hinted
        assert "--ignore account (ignore=), or --text account (text=)" in out or not hinted
        told = main(["describe", str(data), "--target=y", "--ignore=account"])
        assert told == 0
        assert "last digits" not in capsys.readouterr().out
