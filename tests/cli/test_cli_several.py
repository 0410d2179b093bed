"""Several targets on the command line: `--target` may be repeated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import QUICK, fails, predict, rows_of, write
from tests.support.helpers import needed
from xpnet.cli import main
from xpnet.tables import load, read_csv, read_schema, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=60)
HEAD = ["id", "x", "c", "kind", "level", "size", "cost"]
ROWS = [
    [f"k{i}", round(x, 6), "uv"[i % 2], "ab"[int(x > 0)], i % 3, round(np.exp(x), 6),
     round(x * x + 1, 6)]
    for i, x in enumerate(X.tolist())
]  # fmt: skip
CLASSES, QUANTITIES = ("kind", "level"), ("size", "cost")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "t.csv", [HEAD, *ROWS])


def command(data: Path, targets: tuple[str, ...], *options: str, to: str = "m") -> list[str]:
    """The command that trains a small model on the columns "x" and "c"."""
    others = {"id", *CLASSES, *QUANTITIES} - {*targets}
    given = [*(f"--target={name}" for name in targets), *(f"--ignore={name}" for name in others)]
    return ["train", str(data), *given, "--out", str(data.with_name(to)), *QUICK, *options]


@pytest.mark.parametrize("targets", [CLASSES, QUANTITIES])
def test_from_a_table_to_predictions(data, tmp_path, capsys, targets):
    assert main(command(data, targets)) == 0
    out = capsys.readouterr().out
    model = load(tmp_path / "m")
    for name in targets:
        assert f"target '{name}': {model.schema.task} (" in out
    for name in targets:
        score = "held-out accuracy" if targets == CLASSES else "held-out R²"
        assert out.count(f"'{name}': {score}") == out.count(f"'{name}': baseline") == 1
    new = write(tmp_path / "new.csv", [["c", "x", "id"], *([r[2], r[1], r[0]] for r in ROWS[:5])])
    assert main(predict(tmp_path / "m", new, tmp_path / "p.csv", "--keep", "id")) == 0
    head, *rows = rows_of(tmp_path / "p.csv")
    expected = model.predictions(read_csv(new))
    assert head == ["id", *expected]
    assert [n for n in head if n.startswith("prediction")] == [f"prediction_{n}" for n in targets]
    for at, values in enumerate(expected.values(), 1):
        assert [row[at] for row in rows] == [str(value) for value in values.tolist()]


def test_the_command_trains_what_python_trains(data, tmp_path):
    assert main([*command(data, QUANTITIES), "--validation", "0"]) == 0
    settings = {"ignore": ["id", *CLASSES], "hidden": (8,), "epochs": 3}
    train(data, [*QUANTITIES], **settings).save(tmp_path / "python")
    assert (tmp_path / "python").read_bytes() == (tmp_path / "m").read_bytes()


def test_rows_that_lack_a_target_are_counted_for_each(data, capsys):
    rows = [list(row) for row in ROWS]
    rows[0][3], rows[4][4], rows[5][4] = "", "NA", ""
    assert main(command(write(data, [HEAD, *rows]), CLASSES)) == 0
    out = capsys.readouterr().out
    assert "1 of 60 rows have no 'kind' (first line 2) and are left out\n" in out
    assert "2 of 59 rows have no 'level' (first line 6) and are left out\n" in out


def test_a_class_of_any_target_is_trained_on_before_it_is_tested(data, tmp_path, capsys):
    """Every row has a class of its own in one target or the other."""
    rows = [[*row[:3], f"k{i // 2}", f"l{(i + 1) // 2}", *row[5:]] for i, row in enumerate(ROWS)]
    assert main(command(write(data, [HEAD, *rows]), CLASSES)) == 0
    out = capsys.readouterr().out
    trained, held = (int(n) for n in out.split(": ")[1].split() if n.isdigit())
    assert (trained + held, held > 0) == (60, True)
    assert [len(target.classes) for target in read_schema(tmp_path / "m").targets] == [30, 31]
    assert "'level': held-out accuracy" in out


def test_rows_held_out_have_the_share_of_each_combination(data, tmp_path, monkeypatch):
    """15 rows of each of four combinations: three of each are held out."""
    seen = []
    from xpnet.cli import table

    monkeypatch.setattr(table, "held_out_scores", lambda *given: seen.append(given[2]) or [])
    rows = [[*row[:3], "ab"[i % 2], "cd"[i // 2 % 2], *row[5:]] for i, row in enumerate(ROWS)]
    assert main(command(write(data, [HEAD, *rows]), CLASSES)) == 0
    pairs = list(zip(*(seen[0].text(name) for name in CLASSES), strict=True))
    assert sorted(pairs) == sorted([(a, b) for a in "ab" for b in "cd"] * 3)


def test_older_predictions_are_replaced_and_tables_are_not(data, tmp_path, capsys):
    assert main(command(data, CLASSES)) == 0
    out = tmp_path / "p.csv"
    for options in ((), ("--keep", "id"), ("--keep", "id")):  # each over what was there before
        assert main(predict(tmp_path / "m", data, out, *options)) == 0
    capsys.readouterr()
    mine = (
        ["prediction_kind", "mine"],
        ["id", "prediction_kind", "prediction_level"],
        ["probability_a", "prediction_b", "prediction_c"],
        ["prediction_kind"],
    )
    for head in mine:
        write(out, [head, ["1"] * len(head)])
        line = fails(capsys, predict(tmp_path / "m", data, out))
        assert "already exists and is not a CSV file of predictions" in line
        assert rows_of(out)[0] == head


def test_every_command_says_all_targets(data, tmp_path, capsys):
    assert main(["describe", str(data), "--target", "kind", "--target", "level"]) == 0
    out = capsys.readouterr().out
    assert out.count("the target of a classification (") == 2
    assert "an error" not in out
    assert main(["describe", str(data), "--target", "kind", "--target", "size"]) == 0
    assert "an error: " in (out := capsys.readouterr().out)
    assert "'kind' is a classification (its cells are text), 'size' is a regression (" in out
    for targets, said in (
        (CLASSES, ["predicts 'kind': classification, classes 'a', 'b'",
                   "predicts 'level': classification, classes '0', '1', '2'"]),
        (QUANTITIES, [f"predicts {name!r}:\n  network 1: regression, mean" for name in QUANTITIES]),
    ):  # fmt: skip
        assert main(command(data, targets, "--networks", "2")) == 0
        capsys.readouterr()
        assert main(["info", str(tmp_path / "m")]) == 0
        out = capsys.readouterr().out
        assert all(line in out for line in said)


def test_explain_names_every_output(data, tmp_path, capsys):
    assert main(command(data, CLASSES)) == 0
    page = tmp_path / "e.html"
    assert main(["explain", str(tmp_path / "m"), str(data), "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert all(name in text for name in ("kind: a", "kind: b", "level: 0", "level: 2"))
    capsys.readouterr()
    without = write(tmp_path / "w.csv", [HEAD[:4], *(row[:4] for row in ROWS)])
    line = fails(capsys, ["explain", str(tmp_path / "m"), str(without)])
    assert "has no column 'level', the target: the backward pass starts from it" in line


@pytest.mark.parametrize("targets", [CLASSES, QUANTITIES])
def test_the_report_judges_every_target(data, tmp_path, capsys, targets):
    needed("matplotlib")
    page = tmp_path / "r.html"
    assert main(command(data, targets, "--report", str(page))) == 0
    out, text = capsys.readouterr().out, page.read_text(encoding="utf-8")
    for name in targets:
        assert f"<h2>Predictions of {name}</h2>" in text
        (line,) = (line for line in out.splitlines() if line.startswith(f"'{name}': held-out"))
        score = line.split()[3].strip(",")
        assert f"<dd>{score}</dd>" in text.split(f"Predictions of {name}<")[1].split("<h2>")[0]
    assert f"<td>{', '.join(targets)}, {load(tmp_path / 'm').schema.task}</td>" in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 0
    answer = text.split("The worst: largest loss first")[1]
    assert answer.count(f"{targets[0]}: ") == answer.count(f", {targets[1]}: ") == 24


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target=kind", "--target=kind"], "given twice, as 'kind' and 'kind': give it once"),
        (["--target=kind,level"], "name one column per option, --target kind --target level"),
        (["--target=kind", "--target=levels"], "did you mean 'level'?"),
        (["--target=kind", "--target=size"], "train a model for each task, or give one task"),
        (["--target=kind", "--target=level", "--ignore=level"], "'level' is the target: it can't"),
        (["--target=size", "--target=cost", "--weight=cost"], "'cost' is the target: it can't be"),
        (["--target=kind", "--target=level", "--class-weight=balanced"], "is for one target, got"),
        (["--target=kind", "--target=level", "--log-target"], "a logarithm is for quantities"),
    ],
)
def test_a_bad_option_is_one_line(data, tmp_path, capsys, options, said):
    arguments = ["train", str(data), "--ignore=id", "--out", str(tmp_path / "m"), *options]
    assert said.lower() in fails(capsys, arguments).lower()
    assert not (tmp_path / "m").exists()
